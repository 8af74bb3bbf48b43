"""Observers that record what becomes of each job of a run.

A line is written before a job starts and another when it ends, so that a run that breaks off can
be resumed, and the contender that broke it is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from opbench.harness.catalog import Catalog
from opbench.harness.correctness.caveats import caveats_on, machine_facts
from opbench.harness.execution.messages import JobResult, ObservedStage
from opbench.harness.execution.observer import NullObserver, Observer
from opbench.harness.outcomes import OpFaults
from opbench.harness.planning.selection import Race
from opbench.harness.preparation.resolve import fingerprint, is_compiled
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


def ensure_none(faults: OpFaults, folder: RunFolder) -> None:
    """Raise DeclarationError for faults of ops, which says where the rest of the run is."""
    if faults.texts:
        raise DeclarationError(
            "\n".join((*faults.texts, f"what was done of the rest is in {folder.path}"))
        )


@dataclass(slots=True, kw_only=True)
class Recorder(NullObserver):
    """Writes the lines of a run as its jobs begin and end, and passes every notification on."""

    catalog: Catalog
    #: The run that is written.
    folder: RunFolder
    #: Draws the progress.
    observer: Observer
    #: The number of the race's first round.
    first_round: int = 0
    #: The current case.
    _case: Case = field(init=False)

    def begin_case(self, race: Race) -> None:
        """Work on a case begins: what follows is recorded of it."""
        self._case = race.case
        self.observer.begin_case(race)

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Write a line before the job, so that what ran when the machine died is known."""
        self.pass_on_begin(name, stage)
        if name:
            self.folder.append(Started(name, self._case))

    def pass_on_begin(self, name: str, stage: ObservedStage) -> None:
        """Pass on that a stage begins, as "compile" where preparing is compiling."""
        compiles = name and self.catalog.impl(self._case.op, name).prepare is not None
        self.observer.begin(name, "compile" if stage == "prepare" and compiles else stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Write a line with the outcome."""
        assert isinstance(result, Measured | Wrong | Unsupported | Failed)
        if isinstance(result, Measured) and self.first_round:
            rounds = tuple(number + self.first_round for number in result.rounds)
            result = replace(result, rounds=rounds)
        self.folder.append(self.record(name, result, output))
        self.observer.done(name, result, output)

    def end_case(self, race: Race) -> None:
        """Work on the case is over."""
        self.observer.end_case(race)

    def record(self, name: str, outcome: Outcome, output: str) -> Record:
        """The outcome with all that a record carries."""
        contender = self.catalog.impl(self._case.op, name)
        environment = self.folder.info.environment
        caveats = caveats_on(contender, self._case, machine_facts(environment))
        key = environment.key
        return Record(
            contender=name,
            case=self._case,
            outcome=outcome,
            fingerprint=fingerprint(contender),
            environment_key=key,
            caveats=caveats,
            output=output,
            compiled=is_compiled(contender),
        )


@dataclass(slots=True, kw_only=True)
class ProfileRecorder(Recorder):
    """Writes profiles, and the outcome of each contender that couldn't be profiled."""

    #: Profiles and outcomes, in their order.
    written: list[Profile | Record] = field(default_factory=list)

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Write no line: profiling anew loses nothing."""
        self.pass_on_begin(name, stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Write a line, unless the run measured the contender: that stays."""
        self.observer.done(name, result, output)
        if isinstance(result, Profile):
            self.folder.append(result)
            self.written.append(result)
            return
        assert isinstance(result, Measured | Wrong | Unsupported | Failed)
        record = self.record(name, result, output)
        self.written.append(record)
        measured = {(r.case, r.contender) for r in self.folder.records()}
        if (self._case, name) not in measured:
            self.folder.append(record)


@dataclass(slots=True)
class ProcessesCollector(NullObserver):
    """Collects the outcomes of contenders in each of several processes."""

    #: Records the beginning of each contender.
    recorder: Recorder
    #: By contender, one of each process.
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    #: By contender, the output in the first process.
    output: dict[str, str] = field(default_factory=dict)

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Record the beginning in the first process; of the others it is progress only."""
        if name not in self.output:
            self.recorder.begin(name, stage)
        else:
            self.recorder.pass_on_begin(name, stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Keep the outcome, and the output of the first process."""
        assert isinstance(result, Measured | Wrong | Unsupported | Failed)
        self.outcomes.setdefault(name, []).append(result)
        self.output.setdefault(name, output)


def joined(outcomes: list[Outcome]) -> Outcome:
    """One outcome for those of several processes: the first that isn't Measured, if any."""
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
