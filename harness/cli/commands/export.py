"""`opbench export`: a recorded run in the format of another program."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit
from opbench.results.errors import NothingRecordedError
from opbench.results.formats import FORMATS

HELP = "write a run as CSV, JSON, Markdown, Parquet or pytest-benchmark's JSON"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_recorded(verb)
    verb.add_argument("--format", choices=sorted(FORMATS), required=True)
    verb.add_argument("--by", choices=("job", "sample"), default="job", help="a row per what")
    verb.add_argument("-o", "--output", required=True, metavar="FILE")


def main(words: argparse.Namespace) -> Exit:
    """Write the run into the file that was asked for, where there is anything to write."""
    folder = common.recorded(words)
    try:
        FORMATS[words.format](folder.path, Path(words.output), by=words.by)
    except NothingRecordedError as error:
        print(f"opbench export: {error}", file=sys.stderr)
        return Exit.NOTHING
    print(f"wrote {words.output}")
    return Exit.OK
