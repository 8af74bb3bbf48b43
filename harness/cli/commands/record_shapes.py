"""`opbench record-shapes`: which ops a program calls, with which shapes and how often."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli.catalogue import load_catalog
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.output import complain, warn
from opbench.results.errors import OpbenchError, SelectionError

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog
    from opbench.harness.recording.launch import Ended

HELP = "run a program, and record the shapes that it calls ops with"
_VERB = "record-shapes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add = parser.add_argument
    text = "where the shapes go, for --shapes and --weights (default: shapes.jsonl)"
    add(
        "-o", dest="shapes_file", type=Path, default=Path("shapes.jsonl"), metavar="FILE", help=text
    )
    text = "a module or a .py file with more ops or contenders; may be repeated"
    add("--load", action="append", default=[], metavar="MODULE", help=text)
    text = "the program after --: python train.py, python -m train; its exit code is passed on"
    add("command", nargs=argparse.REMAINDER, metavar="-- python FILE …", help=text)


def run(args: argparse.Namespace) -> int:
    """Run the program, write what it called, and return the program's exit code."""
    from opbench.harness.recording.launch import program_of, run_program
    from opbench.harness.recording.recognised import recognised
    from opbench.harness.system.lazy_import import import_lazily
    from opbench.results.records.output_paths import ensure_file_can_be

    program = program_of(args.command)
    _ensure_may_write(args)
    ensure_file_can_be(args.shapes_file)
    import_lazily("torch")
    catalog = load_catalog(tuple(args.load))
    ended = run_program(program, recognised(catalog))
    if ended.fault:
        warn(_VERB, f"recording failed, the program did not: {ended.fault.strip()}")
    try:
        _write(args.shapes_file, ended, catalog)
    except OpbenchError as error:
        complain(_VERB, str(error))
        return ended.code or Exit.USAGE
    return ended.code


def _ensure_may_write(args: argparse.Namespace) -> None:
    """Raise SelectionError where a file is there that nobody asked to be replaced."""
    if "shapes_file" not in args.given and args.shapes_file.exists():
        raise SelectionError(
            f"{args.shapes_file} is there already: give -o with it, or with another name"
        )


def _write(file: Path, ended: Ended, catalog: Catalog) -> None:
    """Write what was recorded, and say what that is. Raises RunFolderError where it can't be."""
    from opbench.harness.recording.reading import recording_of
    from opbench.results.choosing.recorded import summary
    from opbench.results.records.output_paths import output_file

    if not ended.is_counted:
        complain(_VERB, "nothing was recorded: the program did not import torch, or was killed")
        return
    recording = recording_of(ended.facts, catalog, compiled=ended.compiled)
    for line in summary(recording):
        complain(_VERB, line)
    if not recording.shapes:
        complain(_VERB, "nothing was recorded: no call of an op was recognised")
        return
    with output_file(file):
        file.write_text(recording.text(), encoding="utf-8")
    complain(_VERB, f"wrote {file}   use: opbench run OP --shapes {file}")
