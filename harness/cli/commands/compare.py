"""`opbench compare`: two recorded runs, as far as times of different hours can be compared."""

from __future__ import annotations

import argparse
import sys

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit, of_comparison
from opbench.harness.cli.option_types import share
from opbench.harness.cli.terminal import draw
from opbench.results.errors import EnvironmentsDifferError, SelectionError

HELP = "compare two recorded runs, as far as that can be done"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    add = verb.add_argument
    add("base", metavar="BASE", help="the folder of the run before the change")
    add("head", metavar="HEAD", help="and of that after it")
    options.add_picks(verb)
    add(
        "--min-slowdown",
        type=share,
        default=0.03,
        metavar="P",
        help="the smallest slowdown that matters (default: 3%%)",
    )
    options.add_json(verb)


def main(words: argparse.Namespace) -> Exit:
    """Print what the second run tells of each contender that the first one has too."""
    from opbench.results.records import GateRules
    from opbench.results.records.run_folder import open_run
    from opbench.results.regression.two_runs import compare
    from opbench.results.report.two_runs import headline, tables

    rules = GateRules(min_slowdown=words.min_slowdown)
    base, head = open_run(words.base), open_run(words.head)
    if base.path.resolve() == head.path.resolve():
        raise SelectionError(f"{words.base} and {words.head} are the same run: give two")
    picked = common.picks(words)
    common.ensure_recorded(words, base, head, picked=picked)
    try:
        whole = compare(base, head, rules)
    except EnvironmentsDifferError as error:
        print(f"opbench compare: {error}", file=sys.stderr)
        return Exit.NOTHING
    found = whole.only(
        lambda case, name: (not words.names or case.op in words.names) and picked(case, name)
    )
    if words.json:
        common.print_json(common.plain(found))
    else:
        draw(tables(found))
        print(headline(found))
    return of_comparison(found, words.names)
