"""`opbench export`: a recorded run in the format of another program."""

from __future__ import annotations

import argparse
from pathlib import Path

from opbench.harness.cli import arguments, options
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.run_folder import recorded
from opbench.results.formats import FORMATS, TABLES

HELP = "write a run as CSV, JSON, Markdown, Parquet or pytest-benchmark's JSON"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_recorded(parser)
    parser.add_argument("--format", choices=sorted(FORMATS), required=True)
    parser.add_argument("--by", choices=("job", "sample"), default="job", help="a row per what")
    parser.add_argument("-o", "--output", required=True, metavar="FILE")


def run(args: argparse.Namespace) -> Exit:
    """Write the run into the file, if there is anything to write."""
    if args.by == "sample" and args.format not in TABLES:
        options.ensure_heeded(args, ("by",), f"--format {args.format}")
    FORMATS[args.format](recorded(args.run).path, Path(args.output), by=args.by)
    print(f"wrote {args.output}")
    return Exit.OK
