"""`opbench run`: race contenders and record the run, or finish one that was begun."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opbench.harness.cli import options, resuming
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit, of_boards, of_outcomes, worst
from opbench.harness.cli.option_types import count, duration, share
from opbench.harness.cli.terminal import draw, progress
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from opbench.harness.cli.stopwatch import PhaseTimer
    from opbench.harness.cli.terminal import Progress
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.pipeline.outlook import Outlook
    from opbench.results.ranking.leaderboard import Board
    from opbench.results.records import Record
    from opbench.results.records.run_folder import RunFolder

HELP = "race contenders and record the run"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_selection(verb)
    options.add_json(verb)
    options.add_quiet(verb)
    options.add_out(verb)
    verb.add_argument(
        "--resume",
        metavar="RUN",
        help="finish this run as it was begun; with a longer --budget, race undecided cases anew",
    )
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
    from opbench.results.errors import EnvironmentsDifferError

    resumed = resuming.open_resumed(words) if words.resume else None
    if words.in_process and words.processes > 1:
        raise SelectionError("--processes are fresh processes: leave --in-process out")
    try:
        return _run(words, resumed)
    except EnvironmentsDifferError as error:
        print(f"opbench run: {words.resume} can't go on here: {error}", file=sys.stderr)
        return Exit.NOTHING


def _run(words: argparse.Namespace, resumed: RunFolder | None) -> Exit:
    from opbench.harness.cli.stopwatch import PhaseTimer, Stopwatch
    from opbench.harness.pipeline.outlook import outlooks
    from opbench.results.ranking.leaderboard import boards_of

    with progress(words) as shown, common.supervised(words) as supervisor:
        timing = PhaseTimer(shown, Stopwatch())
        timing.watch.begin("loading")
        folder, records, disturbed = _raced(words, resumed, supervisor, timing, shown)
    boards = boards_of(folder)
    rules = folder.info.rules
    told = _Told(
        folder,
        boards,
        outlooks(boards, folder.records(), rules, raced_s=timing.raced_s),
        timing.spent(records),
        (*disturbed, *common.waiting(boards)),
    )
    _tell(told, as_json=words.json)
    code = of_outcomes(record.outcome for record in records)
    return worst((code, of_boards(boards, rules))) if words.precision is not None else code


def _raced(
    words: argparse.Namespace,
    resumed: RunFolder | None,
    supervisor: Supervisor | None,
    timing: PhaseTimer,
    shown: Progress,
) -> tuple[RunFolder, tuple[Record, ...], tuple[str, ...]]:
    """The run's folder, the records of its races, and what disturbed them."""
    from opbench.harness.machine.watch import Watch
    from opbench.harness.pipeline.anchors import anchor
    from opbench.harness.pipeline.run import run
    from opbench.harness.planning.cases import plan
    from opbench.harness.timing.stopping import Policy

    catalog = common.load(words)
    races = plan(catalog, options.selection(words))
    if resumed:
        folder = resuming.ensured(words, resumed, supervisor)
    else:
        folder = common.create(words, supervisor)
    anew = resuming.undecided(words, folder) if resumed else frozenset()
    common.set_up(folder, races)
    timing.watch.begin("anchors")
    # A run that is to be short doesn't spend its time on anchors.
    anchor(folder, races, budget_s=words.budget, supervisor=supervisor)
    timing.watch.begin("")
    to_race = resuming.left(races, folder, anew)
    shown.expect(to_race)
    watch = Watch.begun()
    records = run(
        catalog,
        races,
        folder,
        policy=Policy(rules=folder.info.rules, budget_s=words.budget),
        processes=words.processes,
        supervisor=supervisor,
        observer=timing,
        anew=anew,
    )
    return folder, records, watch.warnings(threads={race.case.threads for race in to_race})


@dataclass(frozen=True, slots=True)
class _Told:
    """What there is to tell of a run."""

    folder: RunFolder
    boards: Sequence[Board]
    outlooks: Sequence[Outlook]
    spent_s: Mapping[str, float]
    warnings: Sequence[str]


def _tell(told: _Told, *, as_json: bool) -> None:
    for warning in told.warnings:
        print(f"opbench run: warning: {warning}", file=sys.stderr)
    if as_json:
        common.print_json(
            {
                "run": str(told.folder.path),
                "boards": [common.plain(board) for board in told.boards],
                "outlook": [common.plain(outlook) for outlook in told.outlooks],
                "spent_s": told.spent_s,
                "warnings": told.warnings,
            }
        )
        return
    from opbench.harness.cli.outlook_text import sentences
    from opbench.results.report.leaderboard import leaderboard_table

    draw(leaderboard_table(board) for board in told.boards)
    path = shlex.quote(str(told.folder.path))
    for outlook in told.outlooks:
        print(*sentences(outlook, path), sep="\n")
    spent = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in told.spent_s.items())
    print(f"\nspent: {spent}\nrun: {path}   dashboard: opbench dashboard {path}")
