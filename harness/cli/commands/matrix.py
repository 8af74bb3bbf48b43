"""`opbench matrix`: several runs side by side, as who wins on which kind of machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from opbench.harness.cli import arguments, options
from opbench.harness.cli.drawing import ColumnChoice, draw, say
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.output import plain, print_json
from opbench.harness.cli.parsing import Once
from opbench.results.errors import NothingRecordedError

if TYPE_CHECKING:
    from opbench.results.ranking.matrix import Matrix

HELP = "show who wins on which kind of machine, and where kinds disagree"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add = parser.add_argument
    text = "runs' folders, or URLs in a store, which stand for the runs of all environments there"
    add("runs", nargs="+", metavar="RUN", help=text)
    text = "only these cases and contenders"
    add("-k", dest="expression", action=Once, default="", metavar="EXPR", help=text)
    arguments.add_impls(parser)
    arguments.add_json(parser)
    parser.add_argument("--wide", action="store_true", help="whole cells, however wide that is")


def run(args: argparse.Namespace) -> Exit:
    """Print the kinds, the winner of each case by kind, and the contenders over the cases."""
    from opbench.results.ranking.matrix import matrix
    from opbench.results.store.opening import open_runs

    args.names = []
    selector = options.recorded_filter(args)
    folders = [folder for place in args.runs for folder in open_runs(place)]
    selector.ensure_recorded(*folders)
    found = matrix(folders, selector.has_contender)
    if not found.cases:
        raise NothingRecordedError(f"no race was recorded in {', '.join(args.runs)}")
    if args.json:
        print_json(plain(found))
    else:
        _draw(found, ColumnChoice(is_wide=args.wide))
    return Exit.OK


def _draw(found: Matrix, columns: ColumnChoice) -> None:
    """Print the tables, and below them on how many cases the kinds agree."""
    from opbench.results.report.matrix import kinds_table, matrix_tables, summary

    draw([kinds_table(found), *matrix_tables(found)], columns)
    say(summary(found))
