"""Record what becomes of each job of a run, and tell how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from opbench.harness.catalog import Catalog
from opbench.harness.correctness.caveats import admitted_on, machine_of
from opbench.harness.execution.messages import Told
from opbench.harness.execution.supervisor import Listener
from opbench.harness.outcomes import OpFaults
from opbench.harness.planning.selection import Race
from opbench.harness.preparation.resolve import fingerprint
from opbench.results.errors import DeclarationError
from opbench.results.records import (
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
from opbench.results.records.run_folder import RunFolder


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


def ensure_none(faults: OpFaults, folder: RunFolder) -> None:
    """Tell of the faults of ops, and where the rest is."""
    if faults.texts:
        raise DeclarationError(
            "\n".join((*faults.texts, f"what was done of the rest is in {folder.path}"))
        )


@dataclass(slots=True)
class Recorder:
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
class ProfileRecorder(Recorder):
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
class Gatherer:
    """Collects what became of the contenders in each of several processes."""

    recorder: Recorder
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
