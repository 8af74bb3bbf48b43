"""The state of a gate's session: the units recorded so far, and what isn't timed any more.

It is changed by `keep` alone, and every observation is in the folder before the next is taken.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from opbench.harness.execution.observer import NullObserver
from opbench.harness.planning.selection import Race, filter_contenders
from opbench.harness.regression.comparison import ComparisonPlan
from opbench.results.records import (
    NULL_ROLES,
    GateRules,
    Method,
    NullRole,
    Paired,
    Role,
    Uncompared,
    Unit,
    Unpaired,
)
from opbench.results.records.comparison import status_of
from opbench.results.records.run_folder import RunFolder


class SessionObserver(NullObserver):
    """An observer that is also notified of the units of a session, and does nothing."""

    def begin_unit(self, role: Role, number: int, left: int) -> None:
        """A unit begins. left: the number of contenders that are undecided."""


@dataclass(frozen=True, slots=True)
class UnitKey:
    """Which unit is being taken: its role, its number among those of the role, and the method."""

    #: The stage of the session, or the A/A control beside it.
    role: Role
    #: Counts from 0.
    number: int
    method: Method

    @property
    def control_role(self) -> NullRole:
        """The role of the A/A control that goes with it."""
        return "beside" if self.role == "confirm" else "null"

    @property
    def is_checked(self) -> bool:
        """Whether contenders are checked before they are timed: in the first unit of all."""
        return self.role == "screen" and self.number == 0


@dataclass(slots=True, kw_only=True)
class Session:
    """A session under way."""

    #: Everything that is compared.
    comparison: ComparisonPlan
    #: Decide when a contender is decided.
    rules: GateRules
    #: The gate's run.
    folder: RunFolder
    #: Draws the progress.
    observer: SessionObserver
    #: Seconds of the monotonic clock after which no new contender is looked at.
    deadline: float
    #: Whether contenders whose versions can't share a process may be timed in pairs instead.
    allow_pairs: bool = True
    #: Everything that was observed.
    units: list[Unit] = field(default_factory=list)
    #: Cases' keys and contenders that aren't tried again.
    excluded: set[tuple[str, str]] = field(default_factory=set)
    #: Cases' keys and contenders that are timed in pairs, as their versions can't share a process.
    in_pairs: set[tuple[str, str]] = field(default_factory=set)

    def keep(self, race: Race, name: str, result: Paired | Unpaired, unit: UnitKey) -> None:
        """Record an observation; or that there is none, after which it isn't tried again."""
        key = (race.case.key, name)
        if isinstance(result, Paired) and result.base_s:
            observed = Unit(
                contender=name,
                case=race.case,
                method=unit.method,
                role=unit.role,
                number=unit.number,
                times=result,
                injected=self.comparison.slowed(race, unit.role).get(name, 0.0),
            )
            self.units.append(observed)
            self.folder.append(observed)
        elif unit.role not in NULL_ROLES and key not in self.excluded:
            refused = result if isinstance(result, Unpaired) else Unpaired()
            status = status_of(refused)
            if status == "registered" and self.allow_pairs and not self.units_of(key):
                self.in_pairs.add(key)
            else:
                self.excluded.add(key)
                self.folder.append(Uncompared(name, race.case, status, refused))

    def units_of(self, key: tuple[str, str]) -> list[Unit]:
        """The observations of a contender and case."""
        return [unit for unit in self.units if (unit.case.key, unit.contender) == key]

    def left(self, races: Iterable[Race], decided: frozenset[tuple[str, str]]) -> tuple[Race, ...]:
        """The races with those contenders that are still to be timed."""
        return races_without(races, decided | self.excluded)

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.deadline


def races_with(races: Iterable[Race], keys: frozenset[tuple[str, str]]) -> tuple[Race, ...]:
    """The races with those contenders alone whose case and name are among the keys."""
    return tuple(filter_contenders(races, lambda race, name: (race.case.key, name) in keys))


def races_without(races: Iterable[Race], keys: frozenset[tuple[str, str]]) -> tuple[Race, ...]:
    """The races without those contenders whose case and name are among the keys."""
    return tuple(filter_contenders(races, lambda race, name: (race.case.key, name) not in keys))
