"""`opbench import`: a run folder out of pytest-benchmark's JSON."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness import options
from harness.exits import Exit

HELP = "make a run of pytest-benchmark's JSON"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    verb.add_argument("file", metavar="FILE", help="what --benchmark-json or an export wrote")
    options.add_out(verb)
    verb.add_argument(
        "--contender",
        default="",
        metavar="PARAM",
        help="of other suites than opbench's: the parameter that tells the contender; the others "
        "are then the axes (default: all parameters tell the contender)",
    )


def main(words: argparse.Namespace) -> Exit:
    """Write the run's folder and say where it is."""
    from datetime import datetime

    from results.importing import import_run

    run_id = words.id or datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-%f")
    folder = import_run(Path(words.file), Path(words.out), run_id=run_id, contender=words.contender)
    print(f"run: {folder.path}   leaderboards: opbench show {folder.path}")
    return Exit.OK
