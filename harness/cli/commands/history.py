"""`opbench history`: what contenders took, run after run, and where that changed.

Times of different days are compared relative to the machine's anchors.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import arguments, options
from opbench.harness.cli.drawing import ColumnChoice, draw, say
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.option_types import share
from opbench.harness.cli.output import complain, plain, print_json
from opbench.results.errors import NothingRecordedError, RunFolderError

if TYPE_CHECKING:
    from opbench.harness.cli.filter import Filter
    from opbench.results.records import Line
    from opbench.results.regression.history import History

HELP = "show what contenders took, run after run, and where that changed"
#: Where the dashboard of a history goes, below the folder of its runs.
FOLDER = "history"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add = parser.add_argument
    arguments.add_filter(parser)
    add("--runs", default="runs", metavar="DIR", help="the folder of runs (default: runs)")
    add(
        "--min-change",
        type=share,
        default=0.05,
        metavar="P",
        help="the smallest change that is shown (default: 5%%)",
    )
    add(
        "--all-environments",
        action="store_true",
        help="runs of other machines and versions too (default: those made as the latest was)",
    )
    add("--publish", action="store_true", help="write a TensorBoard dashboard of it")
    arguments.add_json(parser)
    arguments.add_columns(parser)


def run(args: argparse.Namespace) -> Exit:
    """Print the history of a folder of runs; with --publish, write its dashboard too."""
    from opbench.results.regression.history import history
    from opbench.results.report.history import COLUMNS, remarks

    columns = options.columns(args)
    columns.ensure_known(COLUMNS)
    root, selector, output = Path(args.runs), options.recorded_filter(args), options.output(args)
    trend = history(
        root,
        ops=selector.names,
        keep=lambda record: selector.has_contender(record.case, record.contender),
        all_environments=args.all_environments,
        min_change=args.min_change,
    )
    _ensure_recorded(selector, trend, root)
    if output.json:
        print_json(plain(trend))
    elif trend.series:
        _draw(trend, columns)
    for remark in remarks(trend):
        complain("history", remark)
    if not trend.series:
        raise NothingRecordedError(f"no run in {root} measured what is selected")
    if args.publish:
        from opbench.dashboards.history import publish_history

        publish_history(trend, root / FOLDER)
        if not output.json:
            print(f"published; look at it: opbench dashboard {root / FOLDER}")
    return Exit.OK


def _draw(trend: History, columns: ColumnChoice) -> None:
    """Print the table, and below it the changes, each on a line of its own.

    Where columns were asked for, changes stand in theirs, which is as wide as it takes.
    """
    from opbench.results.report.history import change_lines, history_table

    requested = bool(columns.names) or columns.is_wide
    draw([history_table(trend, brief=not requested)], columns)
    lines = [] if requested else [*change_lines(trend)]
    for line in lines:
        say(line, indent="  ")
    if lines:
        say("")


def _ensure_recorded(selector: Filter, trend: History, root: Path) -> None:
    """Raise SelectionError where names fit nothing; runs are read, for seconds, only in doubt."""
    ops = {series.case.op for series in trend.series}
    contenders = {series.contender for series in trend.series}
    if not trend.series or not ops >= set(selector.names) or not contenders >= set(selector.impls):
        selector.ensure_among(_lines_below(root), str(root))


def _lines_below(root: Path) -> Iterator[Line]:
    """The lines of the runs in a folder, except those that can't be read: a remark names them."""
    from opbench.results.records.run_folder import runs_in

    for folder in runs_in(root):
        with contextlib.suppress(RunFolderError):
            yield from folder.lines()
