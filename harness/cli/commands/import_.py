"""`opbench import`: run folders out of pytest-benchmark's JSON."""

from __future__ import annotations

import argparse
from pathlib import Path

from opbench.harness.cli import arguments
from opbench.harness.cli.exit_codes import Exit, worst
from opbench.harness.cli.output import complain, warn

HELP = "make runs of pytest-benchmark's JSON"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="what --benchmark-json or an export wrote; a run each",
    )
    arguments.add_out(parser)
    parser.add_argument(
        "--contender",
        default="",
        metavar="PARAM",
        help="of other suites than opbench's: the parameter that names the contender; the others "
        "are then the axes (default: all parameters name the contender)",
    )


def run(args: argparse.Namespace) -> Exit:
    """Make a run of each file, and say where it is and what of the file isn't in it.

    INCONCLUSIVE if something was left out, USAGE if a file holds nothing that can be read.
    """
    from opbench.results.errors import RunFolderError

    files, out = [Path(name) for name in args.files], Path(args.out)
    codes = []
    for number, file in enumerate(files, start=1):
        run_id = f"{args.id}-{number}" if args.id and len(files) > 1 else args.id or ""
        try:
            codes.append(_import(file, out, run_id, contender=args.contender))
        except RunFolderError as error:
            complain("import", str(error))
            codes.append(Exit.USAGE)
    return worst(codes)


def _import(file: Path, out: Path, run_id: str, *, contender: str) -> Exit:
    """Make a run of one file. Raises RunFolderError if it holds nothing that can be read."""
    from datetime import datetime

    from opbench.results.formats.pytest_benchmark_import import read_benchmarks

    benchmarks = read_benchmarks(file, contender=contender)
    now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-%f")
    folder = benchmarks.create(out, run_id or now)
    for remark in benchmarks.remarks:
        warn("import", f"{file}: {remark}")
    for fault in benchmarks.left_out:
        complain("import", f"{file}: left out: {fault}")
    print(f"run: {folder.path}   leaderboards: opbench show {folder.path}")
    return Exit.INCONCLUSIVE if benchmarks.left_out else Exit.OK
