"""`opbench compare`: two recorded runs, as far as times of different hours can be compared."""

from __future__ import annotations

import argparse
import sys

from harness import options
from harness.commands import common
from harness.exits import Exit, of_comparison
from harness.option_types import share
from harness.terminal import draw
from results.errors import EnvironmentsDifferError, SelectionError

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
    from results.comparing import compare
    from results.comparing_text import headline, tables
    from results.record import GateRules
    from results.store import open_run

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
