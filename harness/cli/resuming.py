"""Resume a run: the options that it keeps or may change, and the cases that are raced anew.

A run goes on with the options that it was begun with, and in the same environment only.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from opbench.harness.cli.option_types import as_duration
from opbench.harness.cli.output import complain
from opbench.harness.cli.parsing import listed
from opbench.results.errors import EnvironmentsDifferError, RunFolderError, SelectionError
from opbench.results.report.counts import counted

if TYPE_CHECKING:
    from opbench.harness.pipeline.outlook import Outlook
    from opbench.harness.planning.selection import Race
    from opbench.results.records import Case, Environment
    from opbench.results.records.run_folder import RunFolder

#: By verb, the options that say how a run goes on, not what it is.
_FREE = {
    "run": {"budget", "timeout", "memory_limit", "in_process", "json", "quiet", "wide", "columns"},
    "tune": {
        *("until_regret", "max_shapes", "max_time", "table"),
        *("budget", "timeout", "memory_limit", "in_process", "json", "quiet"),
    },
    "calibrate": {
        *("units", "pairs", "sessions", "alpha", "min_slowdown", "plot"),
        *("timeout", "memory_limit", "json", "quiet"),
    },
}
#: The options that say that a run goes on.
_RESUMING = {"resume", "gate"}


def open_resumed(
    path: str, *, verb: str, given: Mapping[str, object]
) -> tuple[RunFolder, dict[str, object]]:
    """Open the run to go on with; return it and the options that it was begun with.

    given: the options that were given now, as they would be kept with the run; those that may
    change are not among the options returned. Raises SelectionError for options that a run can't
    change, RunFolderError if another verb made it.
    """
    from opbench.results.records.run_folder import open_run
    from opbench.results.store.opening import ensure_local

    ensure_local(path, verb=f"{verb} --resume")
    folder = open_run(path)
    saved = {name: json.loads(value) for name, value in folder.info.settings}
    free = _FREE[verb]
    if _verb_of(saved) != verb:
        raise RunFolderError(
            f"{folder.path} was not made by `opbench {verb}`: there is nothing to go on with"
        )
    known = {**saved, "id": folder.info.id, "out": str(folder.path.parent.resolve())}
    if refused := _changed(given, known, free=free | _RESUMING):
        raise SelectionError(
            f"{folder.path} goes on as it was begun: leave {listed(refused)} out, or begin another "
            f"run; {listed(free)} may be given"
        )
    return folder, {n: value for n, value in saved.items() if n not in given.keys() & free}


def _changed(
    given: Mapping[str, object], known: Mapping[str, object], *, free: Collection[str]
) -> list[str]:
    """The options that were given with another value than the run's, without the free ones."""
    fixed = {name: value for name, value in given.items() if name not in free}
    return [name for name in fixed if name not in known or known[name] != fixed[name]]


def _verb_of(saved: Mapping[str, object]) -> str:
    """The verb that made a run, by its options; runs of earlier versions don't keep it."""
    if "verb" in saved:
        return str(saved["verb"])
    return "run" if "budget" in saved and "base" not in saved else ""


def ensure_same_environment(folder: RunFolder, here: Environment | None) -> None:
    """Raise EnvironmentsDifferError if contenders run in another environment than the run's.

    here: what contenders run in; None for this process.
    """
    from opbench.harness.machine.environment import describe
    from opbench.results.regression.two_runs import differing_facts

    then, now = folder.info.environment, here or describe()
    if then.key != now.key:
        facts = "; ".join(differing_facts(then, now, names=("the run", "this process")))
        raise EnvironmentsDifferError(
            f"{folder.path} can't go on here: it was made in another environment ({facts}); leave "
            "it as it is, and begin another run"
        )


def left(races: Sequence[Race], folder: RunFolder, anew: Collection[Case]) -> tuple[Race, ...]:
    """The races that the folder has no full result of, or that are raced anew."""
    done = {(record.case, record.contender) for record in folder.records()}
    return tuple(
        race
        for race in races
        if race.case in anew or any((race.case, name) not in done for name in race.contenders)
    )


def undecided(folder: RunFolder, budget_s: float) -> frozenset[Case]:
    """The undecided cases that were raced for less than the budget: they are raced anew.

    Tells how many there are, on standard error.
    """
    anew, spent = set(), 0
    for outlook, raced_s in _open(folder):
        if _allowed_s(budget_s, outlook) > raced_s:
            anew.add(outlook.case)
        else:
            spent += 1
    budget = as_duration(budget_s)
    if not anew and not spent:
        complain("run", "nothing is undecided: no case is raced anew")
    if anew:
        what = f"racing {counted(len(anew), 'undecided case')} anew, for {budget} each"
        complain("run", f"{what}: the new times count instead of the old")
    if spent:
        what = f"{counted(spent, 'undecided case')} raced for longer than {budget}"
        complain("run", f"{what} before, and left alone now")
    return frozenset(anew)


def _open(folder: RunFolder) -> list[tuple[Outlook, float]]:
    """The undecided cases, and the seconds that each was raced for."""
    from opbench.harness.pipeline.outlook import outlooks, raced_for
    from opbench.results.ranking.leaderboard import boards_of

    records = folder.records()
    return [
        (outlook, raced_for(record for record in records if record.case == outlook.case))
        for outlook in outlooks(boards_of(folder), records, folder.info.rules)
    ]


def _allowed_s(budget_s: float, outlook: Outlook) -> float:
    """The seconds that a race may go on for: more of them while its first look is due."""
    from opbench.harness.timing.stopping import Policy

    patient = outlook.rounds < outlook.first_look
    return budget_s * (Policy().patience if patient else 1.0)
