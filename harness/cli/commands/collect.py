"""`opbench collect`: a run folder of what many processes wrote into a store."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import arguments
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.output import print_json, warn

if TYPE_CHECKING:
    from opbench.results.records.run_folder import RunFolder
    from opbench.results.store.collecting import Collected

HELP = "make a run folder of what many machines wrote into a store"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add = parser.add_argument
    add("store", metavar="URL", help="the store: file:///mnt/bench, s3://bucket/bench, …")
    add("name", metavar="RUN", type=arguments.run_name, help="the --id that its parts were given")
    arguments.add_out(parser)
    arguments.add_json(parser)


def run(args: argparse.Namespace) -> Exit:
    """Write a run folder for each environment, and say what is missing."""
    from opbench.results.store.attempts import StoredRun
    from opbench.results.store.collecting import collect, write

    collected = collect(StoredRun(args.store, args.name))
    folders = write(collected, Path(args.out), args.id or args.name)
    if args.json:
        print_json({"runs": [_document(c, f) for c, f in zip(collected, folders, strict=True)]})
    else:
        _print(collected, folders)
    for one in collected:
        if one.unfinished:
            parts = ", ".join(map(str, one.unfinished))
            warn("collect", f"{one.environment.key}: not finished: {parts}; cases may be missing")
    return Exit.OK if all(one.whole for one in collected) else Exit.INCONCLUSIVE


def _print(collected: Sequence[Collected], folders: Sequence[RunFolder]) -> None:
    """Print a paragraph for each environment."""
    from opbench.results.store.collecting import described

    for one, folder in zip(collected, folders, strict=True):
        more = [
            f"{number} {what}"
            for number, what in (
                (one.repeated, "done twice"),
                (one.incomplete, "broken off"),
                (len(one.unusable), "left out"),
            )
            if number
        ]
        print(f"{folder.path}: {one.cases} cases on {described(one.environment)}", *more, sep=", ")


def _document(one: Collected, folder: RunFolder) -> dict[str, object]:
    """What was collected of an environment, as JSON."""
    return {
        "run": str(folder.path),
        "environment": one.environment.key,
        "cases": one.cases,
        "repeated": one.repeated,
        "incomplete": one.incomplete,
        "unusable": one.unusable,
        "unfinished": [str(part) for part in one.unfinished],
    }
