"""`opbench show`: the leaderboards and profiles of a recorded run."""

from __future__ import annotations

import argparse

from harness import options
from harness.commands import common
from harness.exits import Exit, of_outcomes
from harness.terminal import draw

HELP = "print the leaderboards of a run"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_recorded(verb)
    options.add_json(verb)
    verb.add_argument("names", nargs="*", metavar="OP", help="only these ops")
    verb.add_argument("-k", dest="expression", default="", metavar="EXPR", help="only these cases")


def main(words: argparse.Namespace) -> Exit:
    """Print the run's leaderboards, operators and what is unfinished."""
    from harness.planning import matches
    from results.leaderboard import boards_of
    from results.table import leaderboard_table, operators_table

    folder = common.recorded(words)
    found = [
        board
        for board in boards_of(folder)
        if (not words.names or board.case.op in words.names)
        and matches(words.expression, board.case.key)
    ]
    if words.json:
        common.print_json(
            {"run": str(folder.path), "boards": [common.plain(board) for board in found]}
        )
    else:
        draw(leaderboard_table(board) for board in found)
        draw(operators_table(item) for item in folder.profiles())
        for job in folder.unfinished():
            print(f"unfinished: {job.contender} on {job.case.op} {job.case.label}")
    return of_outcomes(r.outcome for r in folder.records())
