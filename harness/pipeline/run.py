"""The pipeline over all cases: race and record what is missing of a run, job by job.

Contenders run in the processes of a supervisor, or in this one. Torch isn't imported here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from opbench.harness.catalog import Catalog
from opbench.harness.execution.observer import InProcessObserver, NullObserver, Observer
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.outcomes import OpFaults
from opbench.harness.pipeline.recorder import (
    ProcessesCollector,
    Recorder,
    ensure_none,
    joined,
)
from opbench.harness.pipeline.spot_check import SpotChecks
from opbench.harness.planning.cases import is_as_large
from opbench.harness.planning.selection import Race
from opbench.harness.timing.stopping import Policy
from opbench.results.records import (
    Case,
    Failed,
    Measured,
    Outcome,
    Record,
    Unsupported,
)
from opbench.results.records.run_folder import RunFolder


def run(
    catalog: Catalog,
    races: Iterable[Race],
    folder: RunFolder,
    *,
    policy: Policy | None = None,
    processes: int = 1,
    supervisor: Supervisor | None = None,
    observer: Observer | None = None,
    anew: Collection[Case] = (),
    spot_check: bool = True,
    arrange: Callable[[Sequence[Race]], Iterable[Race]] = tuple,
) -> tuple[Record, ...]:
    """Race every case that `folder` lacks a full result of; return the records of all races.

        run(catalog, plan(catalog, Selection()), folder, policy=Policy(budget_s=1.0))

    supervisor: runs the contenders in child processes; they run in this process where None.
    processes: fresh processes that each case is raced in, one after another, which then are the
        units of evidence; each gets its part of the policy's budget.
    anew: cases that are raced again though the folder has them; the new records count instead.
    spot_check: whether contenders are checked once on small cases first; what fails isn't raced.
    arrange: gives those that are raced, in their order; each is over when the next is taken.
    Raises ValueError for processes without a supervisor; at the end DeclarationError if ops failed.
    """
    if processes > 1 and supervisor is None:
        raise ValueError("several processes need a supervisor")
    races, done = tuple(races), {(r.case, r.contender): r.outcome for r in folder.records()}
    recorder = Recorder(catalog=catalog, folder=folder, observer=observer or NullObserver())
    faults, spots = OpFaults(), SpotChecks(recorder, supervisor)
    left = [race for race in races if race.case in anew or not _is_done(race, done)]
    spots.expect(left if spot_check else ())
    for race in arrange(left):
        _begin(race, recorder, done)
        with faults.collect(race.case):
            left_over = spots.passed(_affordable(race, recorder))
            _race(left_over, policy or Policy(), supervisor, recorder, processes)
        recorder.end_case(race)
    ensure_none(faults, folder)
    return _records_of(races, folder)


def _begin(race: Race, recorder: Recorder, done: Mapping[tuple[Case, str], Outcome]) -> None:
    """Begin a case, whose rounds go on after those that it has."""
    recorder.begin_case(race)
    recorder.first_round = _beyond(done.get((race.case, name)) for name in race.contenders)


def _records_of(races: Iterable[Race], folder: RunFolder) -> tuple[Record, ...]:
    """The records of some races in a run."""
    raced = {(race.case, name) for race in races for name in race.contenders}
    return tuple(r for r in folder.records() if (r.case, r.contender) in raced)


def _is_done(race: Race, done: Mapping[tuple[Case, str], Outcome]) -> bool:
    """Whether all contenders of a race have an outcome."""
    return all((race.case, name) in done for name in race.contenders)


def _beyond(outcomes: Iterable[Outcome | None]) -> int:
    """The first number of a round that none of the outcomes has.

    Rounds of two races never have a number in common: should this one be interrupted while its
    outcomes are recorded, no contender is compared with one that was timed at another hour.
    """
    timed = (outcome for outcome in outcomes if isinstance(outcome, Measured))
    return max((number + 1 for outcome in timed for number in outcome.rounds), default=0)


def _race(
    race: Race,
    policy: Policy,
    supervisor: Supervisor | None,
    recorder: Recorder,
    processes: int,
) -> None:
    """Race a case: in this process, in a worker, or in several fresh workers."""
    if supervisor is None:
        _race_here(recorder.catalog, race, policy, recorder)
    elif processes > 1:
        _race_in_processes(race, policy, supervisor, recorder, processes)
    else:
        supervisor.race(race, policy, recorder)


def _race_in_processes(
    race: Race, policy: Policy, supervisor: Supervisor, recorder: Recorder, processes: int
) -> None:
    """Race a case in several fresh processes, and record one outcome of each contender.

    A contender that isn't Measured in one of them is left out of the next.
    """
    collector = ProcessesCollector(recorder)
    for unit in range(processes):
        fine = [
            name
            for name in race.contenders
            if all(isinstance(o, Measured) for o in collector.outcomes.get(name, ()))
        ]
        supervisor.renew()
        share = replace(policy, budget_s=policy.budget_s / processes, order=unit)
        supervisor.race(race.only(fine), share, collector)
    supervisor.renew()
    for name, outcomes in collector.outcomes.items():
        recorder.done(name, joined(outcomes), collector.output[name])


def _race_here(catalog: Catalog, race: Race, policy: Policy, recorder: Recorder) -> None:
    """Race a case in this process, going on after a contender taints it."""
    from opbench.harness.execution.ready import TaintedError
    from opbench.harness.execution.run_case import run_case

    observer = InProcessObserver(recorder)
    while waiting := observer.waiting(race):
        with contextlib.suppress(TaintedError):
            run_case(catalog, waiting, policy=policy, observer=observer)


def _affordable(race: Race, recorder: Recorder) -> Race:
    """The race without contenders that ran out of memory on a case no larger; that is recorded."""
    hungry: dict[str, list[Case]] = {}
    for record in recorder.folder.records():
        if isinstance(record.outcome, Failed) and record.outcome.cause == "memory":
            hungry.setdefault(record.contender, []).append(record.case)
    left = []
    for name in race.contenders:
        smaller = next((c for c in hungry.get(name, ()) if is_as_large(race.case, c)), None)
        if smaller is None or smaller == race.case:
            left.append(name)
            continue
        recorder.begin(name, "prepare")
        reason = f"skipped: it ran out of memory on {smaller.shape} ({smaller.sizes})"
        recorder.done(name, Unsupported(reason))
    return race.only(left)
