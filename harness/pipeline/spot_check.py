"""Check the contenders of a run once for each op and device, before its first race.

What is wrong on the small cases of an op is left out of all of its races, with that outcome.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from opbench.harness.catalog import Catalog
from opbench.harness.execution.messages import JobResult, ObservedStage
from opbench.harness.execution.observer import InProcessObserver, NullObserver
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.pipeline.recorder import Recorder
from opbench.harness.planning.selection import Race
from opbench.results.records import Failed, Wrong

#: The op and the device of a race.
Key = tuple[str, str]


@dataclass(slots=True)
class SpotChecks:
    """The spot checks of some races."""

    #: Records what is refused, and draws the progress.
    recorder: Recorder
    #: Runs the contenders; they run in this process where None.
    supervisor: Supervisor | None
    #: By op and device, those of races to come.
    _contenders: dict[Key, dict[str, None]] = field(default_factory=dict)
    #: By op and device, once it was checked, the contenders that are refused.
    _refused: dict[Key, dict[str, Wrong | Failed]] = field(default_factory=dict)

    def expect(self, races: Iterable[Race]) -> None:
        """Say which races are to come: all contenders of an op are checked at a time."""
        for race in races:
            names = dict.fromkeys(race.contenders)
            self._contenders.setdefault(_key(race), {}).update(names)

    def passed(self, race: Race) -> Race:
        """The race without the contenders that are refused, which is recorded of it."""
        key = _key(race)
        if key in self._contenders and key not in self._refused:
            self._refused[key] = self._check(race.only(self._contenders[key]))
        refused = self._refused.get(key, {})
        for name in race.contenders:
            if name in refused:
                self.recorder.begin(name, "check")
                self.recorder.done(name, refused[name])
        return race.only(name for name in race.contenders if name not in refused)

    def _check(self, race: Race) -> dict[str, Wrong | Failed]:
        """By contender, why it is refused."""
        found = _Refused(self.recorder)
        if self.supervisor is not None:
            self.supervisor.spot_check(race, found)
        else:
            _check_here(self.recorder.catalog, race, found)
        return found.outcomes


def _check_here(catalog: Catalog, race: Race, found: _Refused) -> None:
    """Check in this process."""
    from opbench.harness.execution.ready import TaintedError
    from opbench.harness.execution.spot_check import spot_check

    with contextlib.suppress(TaintedError):
        spot_check(catalog, race, observer=InProcessObserver(found))


@dataclass(slots=True)
class _Refused(NullObserver):
    """Collects the contenders that are refused."""

    #: Draws the progress.
    recorder: Recorder
    #: By contender.
    outcomes: dict[str, Wrong | Failed] = field(default_factory=dict)

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Pass on that a contender begins; nothing of it is timed yet."""
        self.recorder.pass_on_begin(name, stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Keep the outcome, if it is one."""
        if isinstance(result, Wrong | Failed):
            self.outcomes[name] = result


def _key(race: Race) -> Key:
    """By what checks are shared: one for each op and device."""
    return race.case.op, race.case.device
