"""What the time of a run is spent on. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from opbench.harness.pipeline.recorder import Reporter
from opbench.harness.planning.selection import Race
from opbench.results.records import Case, Measured, Record

#: The stage in which all contenders of a case are timed.
RACE = "race"
#: In the order in which they come.
PHASES = ("loading", "anchors", "preparing", "checking", "racing")


@dataclass(slots=True)
class Stopwatch:
    """Seconds by phase, one after the other. now: the clock, in seconds."""

    now: Callable[[], float] = time.monotonic
    spent_s: dict[str, float] = field(default_factory=dict)
    _phase: str = ""
    _since: float = 0.0

    def begin(self, phase: str) -> None:
        """A phase begins, which ends the one before; "" is none."""
        moment = self.now()
        if self._phase:
            before = self.spent_s.get(self._phase, 0.0)
            self.spent_s[self._phase] = before + moment - self._since
        self._phase, self._since = phase, moment


@dataclass(slots=True)
class Timing:
    """A reporter that passes on what it is told, and times the phases of every case.

    raced_s: seconds that the race of each case took, its warming up included.
    """

    reporter: Reporter
    watch: Stopwatch
    raced_s: dict[Case, float] = field(default_factory=dict)
    _raced_before: float = 0.0

    def case(self, race: Race) -> None:
        """A case is prepared."""
        self.watch.begin("preparing")
        self._raced_before = self.watch.spent_s.get("racing", 0.0)
        self.reporter.case(race)

    def contender(self, name: str, stage: str) -> None:
        """The case is raced once all are prepared; in several processes again and again."""
        self.watch.begin("racing" if stage == RACE else "preparing")
        self.reporter.contender(name, stage)

    def finished(self, race: Race) -> None:
        """A case is through."""
        self.watch.begin("")
        self.raced_s[race.case] = self.watch.spent_s.get("racing", 0.0) - self._raced_before
        self.reporter.finished(race)

    def spent(self, records: Iterable[Record]) -> dict[str, float]:
        """Seconds by phase, with checks apart from compiling and first calls.

        records: of the run, among them those of the cases that were timed here.
        """
        compiled_s = sum(
            record.outcome.preparation_s
            for record in records
            if record.case in self.raced_s and isinstance(record.outcome, Measured)
        )
        found = self.watch.spent_s
        whole = found.get("preparing", 0.0)
        compiled_s = min(compiled_s, whole)
        apart = {**found, "preparing": compiled_s, "checking": whole - compiled_s}
        return {phase: apart[phase] for phase in PHASES if phase in apart}
