"""`opbench run`: race contenders and record the run, or finish one that was begun."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness import options
from harness.commands import common
from harness.exits import Exit, of_boards, of_outcomes, worst
from harness.option_types import count, duration, share
from harness.terminal import draw, progress

if TYPE_CHECKING:
    from results.leaderboard import Board
    from results.store import RunFolder

HELP = "race contenders and record the run"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_selection(verb)
    options.add_json(verb)
    options.add_out(verb)
    verb.add_argument("--resume", metavar="RUN", help="finish this run, as it was begun")
    race = verb.add_argument_group("race")
    race.add_argument(
        "--budget",
        type=duration,
        default=3.0,
        metavar="TIME",
        help="for the race of each case: 3s, 1m (default: 3s); loading, preparing and checking "
        "come on top",
    )
    race.add_argument(
        "--precision",
        type=share,
        metavar="P",
        help="of ratios, 1%% say; exit 3 if not reached",
    )
    race.add_argument(
        "--tie", type=share, metavar="P", help="who is closer than this ties (default: 1%%)"
    )
    race.add_argument(
        "--processes",
        type=count(1, 1000),
        default=1,
        metavar="N",
        help="race each case in N fresh processes, which are then the units of evidence",
    )
    options.add_isolation(verb)


def main(words: argparse.Namespace) -> Exit:
    """Race the selected contenders, record the run and print its leaderboards."""
    from harness.anchoring import anchor
    from harness.pipeline import run
    from harness.planning import plan
    from harness.policy import Policy
    from results.leaderboard import boards_of
    from results.store import open_run

    if words.resume:
        options.recall(words, open_run(words.resume).info.settings)
    with common.supervised(words) as supervisor:
        catalog = common.load(words)
        races = plan(catalog, options.selection(words))
        folder = open_run(words.resume) if words.resume else common.create(words, supervisor)
        common.set_up(folder, races)
        # A run that is to be short doesn't spend its time on anchors.
        anchor(folder, races, budget_s=words.budget, supervisor=supervisor)
        policy = Policy(folder.info.rules, budget_s=words.budget)
        with progress(races, quiet=words.json) as reporter:
            records = run(
                catalog,
                races,
                folder,
                policy=policy,
                processes=words.processes,
                supervisor=supervisor,
                reporter=reporter,
            )
    found = boards_of(folder)
    _tell(found, folder, as_json=words.json)
    code = of_outcomes(record.outcome for record in records)
    asked = words.precision is not None
    return worst((code, of_boards(found, folder.info.rules))) if asked else code


def _tell(boards: Sequence[Board], folder: RunFolder, *, as_json: bool) -> None:
    from results.table import leaderboard_table

    if as_json:
        told = [common.plain(board) for board in boards]
        common.print_json({"run": str(folder.path), "boards": told})
        return
    draw(leaderboard_table(board) for board in boards)
    print(f"\nrun: {folder.path}   dashboard: opbench dashboard {folder.path}")
