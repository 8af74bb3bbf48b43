"""The time that a run spends, by phase. No torch.

Preparing is separated from checking afterwards, by the preparation that outcomes carry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from opbench.harness.execution.messages import JobResult, ObservedStage
from opbench.harness.execution.observer import NullObserver, Observer
from opbench.harness.planning.selection import Race
from opbench.results.records import Case, Measured, Record

#: The stage in which all contenders of a case are timed.
RACE = "race"
#: The phases, in their order.
PHASES = ("loading", "anchors", "preparing", "checking", "racing")


@dataclass(slots=True)
class Stopwatch:
    """Seconds by phase, one after the other."""

    #: The clock, in seconds.
    now: Callable[[], float] = time.monotonic
    #: By phase.
    spent_s: dict[str, float] = field(default_factory=dict)
    #: The current phase, and when it began.
    _phase: str = ""
    _since: float = 0.0

    def begin(self, phase: str) -> None:
        """Begin a phase, or with "" none, and end the one before."""
        moment = self.now()
        if self._phase:
            before = self.spent_s.get(self._phase, 0.0)
            self.spent_s[self._phase] = before + moment - self._since
        self._phase, self._since = phase, moment


@dataclass(slots=True)
class PhaseTimer(NullObserver):
    """An observer that times the phases of every case, and passes every notification on."""

    #: Draws the progress.
    observer: Observer
    #: Holds the seconds of all cases.
    watch: Stopwatch
    #: Seconds that the race of each case took, its warm-up included.
    raced_s: dict[Case, float] = field(default_factory=dict)
    #: Seconds of racing before the current case.
    _raced_before: float = 0.0

    def begin_case(self, race: Race) -> None:
        """Work on a case begins, with preparing its contenders."""
        self.watch.begin("preparing")
        self._raced_before = self.watch.spent_s.get("racing", 0.0)
        self.observer.begin_case(race)

    def begin(self, name: str, stage: ObservedStage) -> None:
        """The race begins once all are prepared; in several processes again and again."""
        self.watch.begin("racing" if stage == RACE else "preparing")
        self.observer.begin(name, stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """A contender is done."""
        self.observer.done(name, result, output)

    def end_case(self, race: Race) -> None:
        """Work on the case is over."""
        self.watch.begin("")
        self.raced_s[race.case] = self.watch.spent_s.get("racing", 0.0) - self._raced_before
        self.observer.end_case(race)

    def spent(self, records: Iterable[Record]) -> dict[str, float]:
        """Seconds by phase, with checks apart from compiling and first calls.

        records: of the run, among them those of the cases that were timed here.
        """
        compiled_s = sum(
            record.outcome.preparation_s
            for record in records
            if record.case in self.raced_s and isinstance(record.outcome, Measured)
        )
        spent = self.watch.spent_s
        whole = spent.get("preparing", 0.0)
        compiled_s = min(compiled_s, whole)
        apart = {**spent, "preparing": compiled_s, "checking": whole - compiled_s}
        return {phase: apart[phase] for phase in PHASES if phase in apart}
