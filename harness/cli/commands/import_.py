"""`opbench import`: run folders out of pytest-benchmark's JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from opbench.harness.cli import options
from opbench.harness.cli.exit_codes import Exit, worst

HELP = "make runs of pytest-benchmark's JSON"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    verb.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="what --benchmark-json or an export wrote; a run each",
    )
    options.add_out(verb)
    verb.add_argument(
        "--contender",
        default="",
        metavar="PARAM",
        help="of other suites than opbench's: the parameter that tells the contender; the others "
        "are then the axes (default: all parameters tell the contender)",
    )


def main(words: argparse.Namespace) -> Exit:
    """Make a run of each file, and say where it is and what of the file isn't in it.

    INCONCLUSIVE where something was left out, USAGE where a file holds nothing that can be read.
    """
    from opbench.results.errors import RunFolderError

    codes = []
    for number, file in enumerate(words.files, start=1):
        several = words.id and len(words.files) > 1
        run_id = f"{words.id}-{number}" if several else words.id
        try:
            codes.append(_import(words, Path(file), run_id))
        except RunFolderError as error:
            print(f"opbench import: {error}", file=sys.stderr)
            codes.append(Exit.USAGE)
    return worst(codes)


def _import(words: argparse.Namespace, file: Path, run_id: str | None) -> Exit:
    from datetime import datetime

    from opbench.results.formats.pytest_benchmark_import import read_benchmarks

    found = read_benchmarks(file, contender=words.contender)
    now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-%f")
    folder = found.create(Path(words.out), run_id or now)
    for remark in found.remarks:
        print(f"opbench import: warning: {file}: {remark}", file=sys.stderr)
    for fault in found.left_out:
        print(f"opbench import: {file}: left out: {fault}", file=sys.stderr)
    print(f"run: {folder.path}   leaderboards: opbench show {folder.path}")
    return Exit.INCONCLUSIVE if found.left_out else Exit.OK
