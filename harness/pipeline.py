"""The pipeline over all cases: what is missing of a run is done and recorded, job by job.

Contenders run in the processes of a supervisor, or in this one. Torch isn't imported here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from harness.catalog import Catalog
from harness.caveats import admitted_on, machine_of
from harness.guard import OpFaults
from harness.planning import Race, is_as_large
from harness.policy import Policy
from harness.prepare import fingerprint
from harness.supervisor import Listener, Supervisor
from harness.worker import Told
from results.errors import DeclarationError
from results.record import (
    Case,
    Failed,
    Measured,
    Outcome,
    Profile,
    Record,
    Started,
    Unsupported,
    Wrong,
)
from results.store import RunFolder


class Reporter(Protocol):
    """Told what goes on, to draw progress."""

    def case(self, race: Race) -> None:
        """A case begins."""

    def contender(self, name: str, stage: str) -> None:
        """A contender begins a stage; "" stands for all of them, when the race itself begins."""

    def finished(self, race: Race) -> None:
        """A case is through."""


class Silent:
    """A reporter that says nothing."""

    def case(self, race: Race) -> None:
        """Say nothing."""

    def contender(self, name: str, stage: str) -> None:
        """Say nothing."""

    def finished(self, race: Race) -> None:
        """Say nothing."""


def run(
    catalog: Catalog,
    races: Iterable[Race],
    folder: RunFolder,
    *,
    policy: Policy | None = None,
    processes: int = 1,
    supervisor: Supervisor | None = None,
    reporter: Reporter | None = None,
    anew: Collection[Case] = (),
) -> tuple[Record, ...]:
    """Race every case that `folder` has no full result of, recording job by job.

    supervisor: in whose child processes the contenders run; in this process where None.
    processes: in how many fresh processes each case is raced one after another, which then are the
    units of evidence; each gets its share of the policy's budget. anew: cases that are raced
    again though the folder has them; what is recorded then counts instead.
    Returns the records of all races, those that were there already included. Raises ValueError for
    several processes without a supervisor; DeclarationError, at the end, where ops are at fault.
    """
    if processes > 1 and supervisor is None:
        raise ValueError("several processes need a supervisor")
    races, policy = tuple(races), policy or Policy()
    reporter = reporter or Silent()
    done = {(r.case, r.contender): r.outcome for r in folder.records()}
    recorder, faults = _Recorder(catalog, folder, reporter), OpFaults()
    for race in races:
        outcomes = [done.get((race.case, name)) for name in race.contenders]
        if race.case not in anew and all(outcome is not None for outcome in outcomes):
            continue
        reporter.case(race)
        recorder.case, recorder.first_round = race.case, _beyond(outcomes)
        with faults.noted(race.case):
            _race(_affordable(race, recorder), policy, supervisor, recorder, processes)
        reporter.finished(race)
    _ensure_none(faults, folder)
    wanted = {(race.case, name) for race in races for name in race.contenders}
    return tuple(r for r in folder.records() if (r.case, r.contender) in wanted)


def profile(
    catalog: Catalog,
    races: Iterable[Race],
    folder: RunFolder,
    *,
    supervisor: Supervisor | None = None,
    reporter: Reporter | None = None,
) -> tuple[Profile | Record, ...]:
    """Profile every contender on every case; a trace each below the run's `traces` folder.

    supervisor: as in `run`. Returns a Profile for each contender that ran, a Record for each that
    did not. Raises DeclarationError as `run`.
    """
    reporter = reporter or Silent()
    recorder, faults = _ProfileRecorder(catalog, folder, reporter), OpFaults()
    for race in races:
        reporter.case(race)
        recorder.case = race.case
        with faults.noted(race.case):
            if supervisor is not None:
                supervisor.profile(race, folder.path, recorder)
            else:
                _profile_here(catalog, race, folder, recorder)
        reporter.finished(race)
    _ensure_none(faults, folder)
    return tuple(recorder.found)


def _ensure_none(faults: OpFaults, folder: RunFolder) -> None:
    """Tell of the faults of ops, and where the rest is."""
    if faults.texts:
        raise DeclarationError(
            "\n".join((*faults.texts, f"what was done of the rest is in {folder.path}"))
        )


@dataclass(slots=True)
class _Recorder:
    """Writes the lines of a run as its jobs begin and end.

    first_round: the number of a race's first round.
    """

    catalog: Catalog
    folder: RunFolder
    reporter: Reporter
    case: Case = field(init=False)
    first_round: int = 0

    def begin(self, name: str, stage: str) -> None:
        """A line before the job, so that what ran when the machine died is known."""
        self.reporter.contender(name, self.stage(name, stage))
        if name:
            self.folder.append(Started(name, self.case))

    def stage(self, name: str, stage: str) -> str:
        """The stage, told apart where preparing is compiling."""
        compiles = name and self.catalog.impl(self.case.op, name).prepare is not None
        return "compile" if stage == "prepare" and compiles else stage

    def done(self, name: str, outcome: Told, output: str) -> None:
        """A line for what became of it."""
        assert isinstance(outcome, Measured | Wrong | Unsupported | Failed)
        if isinstance(outcome, Measured) and self.first_round:
            rounds = tuple(number + self.first_round for number in outcome.rounds)
            outcome = replace(outcome, rounds=rounds)
        self.folder.append(self.record(name, outcome, output))

    def record(self, name: str, outcome: Outcome, output: str) -> Record:
        """The outcome with all that a record carries."""
        contender = self.catalog.impl(self.case.op, name)
        environment = self.folder.info.environment
        caveats = admitted_on(contender, self.case, machine_of(environment))
        key = environment.key
        return Record(name, self.case, outcome, fingerprint(contender), key, caveats, output)


@dataclass(slots=True)
class _ProfileRecorder(_Recorder):
    """Writes the profiles, and what there is instead of one."""

    found: list[Profile | Record] = field(default_factory=list)

    def begin(self, name: str, stage: str) -> None:
        """Profiling anew loses nothing: no line."""
        self.reporter.contender(name, self.stage(name, stage))

    def done(self, name: str, outcome: Told, output: str) -> None:
        """A line; what the run measured of a contender stays though it can't be profiled."""
        if isinstance(outcome, Profile):
            self.folder.append(outcome)
            self.found.append(outcome)
            return
        assert isinstance(outcome, Measured | Wrong | Unsupported | Failed)
        record = self.record(name, outcome, output)
        self.found.append(record)
        measured = {(r.case, r.contender) for r in self.folder.records()}
        if (self.case, name) not in measured:
            self.folder.append(record)


@dataclass(slots=True)
class _Gatherer:
    """Collects what became of the contenders in each of several processes."""

    recorder: _Recorder
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    output: dict[str, str] = field(default_factory=dict)

    def begin(self, name: str, stage: str) -> None:
        if name not in self.output:
            self.recorder.begin(name, stage)
        else:
            self.recorder.reporter.contender(name, self.recorder.stage(name, stage))

    def done(self, name: str, outcome: Told, output: str) -> None:
        assert isinstance(outcome, Measured | Wrong | Unsupported | Failed)
        self.outcomes.setdefault(name, []).append(outcome)
        self.output.setdefault(name, output)


@dataclass(frozen=True, slots=True)
class Here:
    """Passes on to a listener what goes on in this process, as a supervisor does of its workers."""

    listener: Listener
    told: set[str] = field(default_factory=set)

    def begin(self, name: str, stage: str) -> None:
        """A contender begins a stage, or all of them the race; its blocks are not told of."""
        if (stage == "race") != bool(name):
            self.listener.begin(name, stage)

    def done(self, name: str, outcome: Told) -> None:
        """What became of a contender."""
        self.told.add(name)
        self.listener.done(name, outcome, "")

    def waiting(self, race: Race) -> Race | None:
        """The race with those contenders that nothing was told of yet; None where there are none.

        There is no fresh process to be had here: they go on in a spoiled one.
        """
        names = tuple(name for name in race.contenders if name not in self.told)
        return replace(race, contenders=names) if names else None


def _beyond(outcomes: Iterable[Outcome | None]) -> int:
    """The first number of a round that none of the outcomes has.

    Rounds of two races never have a number in common: should this one be broken off while its
    outcomes are recorded, nobody is compared with who was timed at another hour.
    """
    timed = (outcome for outcome in outcomes if isinstance(outcome, Measured))
    return max((number + 1 for outcome in timed for number in outcome.rounds), default=0)


def _race(
    race: Race,
    policy: Policy,
    supervisor: Supervisor | None,
    recorder: _Recorder,
    processes: int,
) -> None:
    if supervisor is None:
        _race_here(recorder.catalog, race, policy, recorder)
    elif processes > 1:
        _race_in_processes(race, policy, supervisor, recorder, processes)
    else:
        supervisor.race(race, policy, recorder)


def _race_in_processes(
    race: Race, policy: Policy, supervisor: Supervisor, recorder: _Recorder, processes: int
) -> None:
    gatherer = _Gatherer(recorder)
    for unit in range(processes):
        fine = [
            name
            for name in race.contenders
            if all(isinstance(o, Measured) for o in gatherer.outcomes.get(name, ()))
        ]
        supervisor.renew()
        share = replace(policy, budget_s=policy.budget_s / processes, order=unit)
        supervisor.race(replace(race, contenders=tuple(fine)), share, gatherer)
    supervisor.renew()
    for name, outcomes in gatherer.outcomes.items():
        recorder.done(name, _joined(outcomes), gatherer.output[name])


def _joined(outcomes: list[Outcome]) -> Outcome:
    """One outcome of those of several processes: the one that isn't a measurement, if any."""
    for outcome in outcomes:
        if not isinstance(outcome, Measured):
            return outcome
    parts = [outcome for outcome in outcomes if isinstance(outcome, Measured)]
    peaks = [part.peak_bytes for part in parts if part.peak_bytes is not None]
    return replace(
        parts[0],
        samples_s=tuple(s for part in parts for s in part.samples_s),
        rounds=tuple(r for part in parts for r in part.rounds),
        units=tuple(unit for unit, part in enumerate(parts) for _ in part.samples_s),
        device_s=tuple(s for part in parts for s in part.device_s),
        error=max(part.error for part in parts),
        peak_bytes=max(peaks, default=None),
        stopped="processes",
    )


def _race_here(catalog: Catalog, race: Race, policy: Policy, recorder: _Recorder) -> None:
    from harness.runner import SpoiledError, run_case

    witness = Here(recorder)
    while waiting := witness.waiting(race):
        with contextlib.suppress(SpoiledError):
            run_case(catalog, waiting, policy=policy, witness=witness)


def _profile_here(
    catalog: Catalog, race: Race, folder: RunFolder, recorder: _ProfileRecorder
) -> None:
    from harness.runner import SpoiledError, profile_case

    witness = Here(recorder)
    while waiting := witness.waiting(race):
        with contextlib.suppress(SpoiledError):
            profile_case(catalog, waiting, folder=folder.path, witness=witness)


def _affordable(race: Race, recorder: _Recorder) -> Race:
    """The race without those that ran out of memory on a case no larger, which is recorded."""
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
        recorder.done(name, Unsupported(reason), "")
    return replace(race, contenders=tuple(left))
