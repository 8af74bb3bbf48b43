"""`opbench report`: recorded runs as one HTML file, to mail or to keep."""

from __future__ import annotations

import argparse
from pathlib import Path

from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.output import warn
from opbench.harness.cli.run_folder import recorded

HELP = "write runs as one HTML file with all views of the dashboard, which needs no server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="the latest in runs/ if left out")
    parser.add_argument("-o", "--output", required=True, metavar="FILE")


def run(args: argparse.Namespace) -> Exit:
    """Write the report, and say what it lacks."""
    from opbench.dashboards.report.report import write_report

    written = write_report([recorded(path) for path in args.runs or [None]], Path(args.output))
    if written.left_out:
        warn(
            "report",
            f"{written.left_out} answers were left out, with which it would be larger than 8 MB: "
            "report fewer runs",
        )
    print(f"wrote {args.output}, {written.size:,} bytes")
    return Exit.OK
