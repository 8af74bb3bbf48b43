"""`opbench history`: what contenders took, run after run, and where that changed."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.option_types import share
from opbench.harness.cli.terminal import draw
from opbench.results.errors import RunFolderError

if TYPE_CHECKING:
    from opbench.results.records import Case, Line
    from opbench.results.regression.history import History

HELP = "show what contenders took, run after run, and where that changed"
#: Where the dashboard of a history goes, below the folder of its runs.
FOLDER = "history"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    add = verb.add_argument
    options.add_picks(verb)
    add("--runs", default="runs", metavar="DIR", help="the folder of runs (default: runs)")
    add(
        "--min-change",
        type=share,
        default=0.05,
        metavar="P",
        help="the smallest change that is told (default: 5%%)",
    )
    add(
        "--all-environments",
        action="store_true",
        help="runs of other machines and versions too (default: those made as the latest was)",
    )
    add("--publish", action="store_true", help="write a TensorBoard dashboard of it")
    options.add_json(verb)


def main(words: argparse.Namespace) -> Exit:
    """Print the history of a folder of runs; with --publish, write its dashboard too."""
    from opbench.results.regression.history import history
    from opbench.results.report.history import history_table, remarks

    root, picked = Path(words.runs), common.picks(words)
    found = history(
        root,
        ops=words.names,
        wanted=lambda record: picked(record.case, record.contender),
        everywhere=words.all_environments,
        min_change=words.min_change,
    )
    _ensure_recorded(words, found, picked)
    if words.json:
        common.print_json(common.plain(found))
    elif found.series:
        draw([history_table(found)])
    for remark in remarks(found):
        print(f"opbench history: {remark}", file=sys.stderr)
    if not found.series:
        print(f"opbench history: no run in {root} measured what is selected", file=sys.stderr)
        return Exit.NOTHING
    if words.publish:
        from opbench.dashboards.history import publish_history

        publish_history(found, root / FOLDER)
        if not words.json:
            print(f"published; look at it: opbench dashboard {root / FOLDER}")
    return Exit.OK


def _ensure_recorded(
    words: argparse.Namespace, found: History, picked: Callable[[Case, str], bool]
) -> None:
    """Raise SelectionError where something is named, or picked by -k, that no run has.

    The runs are read for that only where something wasn't found: all that one holds takes a second.
    """
    ops = {series.case.op for series in found.series}
    contenders = {series.contender for series in found.series}
    asked = filter(None, words.impls.split(","))
    if not found.series or not ops.issuperset(words.names) or not contenders.issuperset(asked):
        common.ensure_among(words, _lines_below(Path(words.runs)), words.runs, picked)


def _lines_below(root: Path) -> Iterator[Line]:
    """The lines of the runs in a folder; those that can't be read were told of before."""
    from opbench.results.records.run_folder import runs_in

    for folder in runs_in(root):
        with contextlib.suppress(RunFolderError):
            yield from folder.lines()
