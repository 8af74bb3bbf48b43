"""What `--resume` keeps of a run, what it may change, and what is raced anew."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import options
from opbench.harness.cli.parsing import listed
from opbench.results.errors import RunFolderError, SelectionError

if TYPE_CHECKING:
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.pipeline.outlook import Outlook
    from opbench.harness.planning.selection import Race
    from opbench.results.records import Case
    from opbench.results.records.run_folder import RunFolder

#: Words that say how a run goes on, not what it is, by verb.
_FREE = {
    "run": {"budget", "timeout", "memory_limit", "in_process", "json", "quiet"},
    "calibrate": {
        *("units", "pairs", "sessions", "alpha", "min_slowdown", "plot"),
        *("timeout", "memory_limit", "json", "quiet"),
    },
}
#: Words that say that a run goes on.
_RESUMING = {"resume", "gate"}


def open_resumed(words: argparse.Namespace) -> RunFolder:
    """The run to go on with; `words` become what it was begun with.

    Raises SelectionError where words were given that a run can't change, RunFolderError where it
    is no run of races.
    """
    from opbench.results.records.run_folder import open_run

    folder = open_run(words.resume)
    settings = folder.info.settings
    kept = {name: json.loads(value) for name, value in settings}
    free = _FREE[words.verb]
    if _verb_of(kept) != words.verb:
        raise RunFolderError(
            f"{folder.path} was not made by `opbench {words.verb}`: there is nothing to go on with"
        )
    kept |= {"id": folder.info.id, "out": _as_out(str(folder.path.parent))}
    asked = {name: _as_kept(name, words) for name in words.given - free - _RESUMING}
    refused = [name for name, value in asked.items() if name not in kept or kept[name] != value]
    if refused:
        raise SelectionError(
            f"{folder.path} goes on as it was begun: leave {listed(refused)} out, or begin another "
            f"run; {listed(free)} may be given"
        )
    options.recall(words, tuple(s for s in settings if s[0] not in words.given & free))
    return folder


def _verb_of(kept: Mapping[str, object]) -> str:
    """What made a run, by what is kept with it; runs of earlier versions don't say it."""
    if "verb" in kept:
        return str(kept["verb"])
    return "run" if "budget" in kept and "base" not in kept else ""


def _as_kept(name: str, words: argparse.Namespace) -> object:
    """What was given now, as it would have been kept."""
    value = getattr(words, name)
    if name == "load":
        return options.from_anywhere(value)
    return _as_out(value) if name == "out" else json.loads(json.dumps(value))


def _as_out(folder: str) -> str:
    return str(Path(folder).resolve())


def ensured(
    words: argparse.Namespace, folder: RunFolder, supervisor: Supervisor | None
) -> RunFolder:
    """The folder, once it is sure that this environment is the one that the run was begun in.

    Raises EnvironmentsDifferError where it isn't: nothing recorded here could be told from it.
    """
    from opbench.harness.machine.environment import describe
    from opbench.results.regression.two_runs import ensure_comparable

    words.folder = folder.path
    here = describe() if supervisor is None else supervisor.environment()
    ensure_comparable(folder.info.environment, here)
    return folder


def left(races: Sequence[Race], folder: RunFolder, anew: Collection[Case]) -> tuple[Race, ...]:
    """The races that the folder has no full result of, or that are raced anew."""
    done = {(record.case, record.contender) for record in folder.records()}
    return tuple(
        race
        for race in races
        if race.case in anew or any((race.case, name) not in done for name in race.contenders)
    )


def undecided(words: argparse.Namespace, folder: RunFolder) -> frozenset[Case]:
    """The cases that are raced anew, which is told: undecided ones, for longer than they were."""
    from opbench.harness.cli.option_types import as_duration

    if "budget" not in words.given:
        return frozenset()
    found, spent = set(), 0
    for outlook, raced_s in _open(folder):
        if _allowed_s(words.budget, outlook) > raced_s:
            found.add(outlook.case)
        else:
            spent += 1
    budget = as_duration(words.budget)
    if not found and not spent:
        print("opbench run: nothing is undecided: no case is raced anew", file=sys.stderr)
    if found:
        told = f"racing {len(found)} undecided cases anew, for {budget} each: the new times count"
        print(f"opbench run: {told} instead of the old", file=sys.stderr)
    if spent:
        told = (
            f"{spent} undecided cases were raced for longer than {budget}, and are left as they are"
        )
        print(f"opbench run: {told}", file=sys.stderr)
    return frozenset(found)


def _open(folder: RunFolder) -> list[tuple[Outlook, float]]:
    """The undecided cases, and for how many seconds each was raced."""
    from opbench.harness.pipeline.outlook import outlooks, raced_for
    from opbench.results.ranking.leaderboard import boards_of

    records = folder.records()
    return [
        (outlook, raced_for(record for record in records if record.case == outlook.case))
        for outlook in outlooks(boards_of(folder), records, folder.info.rules)
    ]


def _allowed_s(budget_s: float, outlook: Outlook) -> float:
    """For how long a race may go on that needs all of its patience for a first look, or not."""
    from opbench.harness.timing.stopping import Policy

    patient = outlook.rounds < outlook.first_look
    return budget_s * (Policy().patience if patient else 1.0)
