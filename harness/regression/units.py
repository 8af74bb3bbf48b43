"""Take one unit of a session: time everything once, in fresh processes.

In one process both versions of a contender take turns block by block; in a pair of processes one
is suspended while the other is timed. Either way a unit is one observation, whatever its samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from opbench.harness.execution.messages import JobResult
from opbench.harness.execution.observer import NullObserver
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.planning.selection import Race
from opbench.harness.regression.comparison import ComparisonPlan
from opbench.harness.regression.process_pair import ProcessPair, SideDiedError, refusal_of
from opbench.harness.regression.session import Session, UnitKey, races_with, races_without
from opbench.harness.timing.stopping import Policy
from opbench.harness.versions.sources import Version
from opbench.results.records import (
    NULL_ROLES,
    SIDES,
    Failed,
    Paired,
    Role,
    Rules,
    SideName,
    Unpaired,
)


def take(
    session: Session,
    races: tuple[Race, ...],
    control: tuple[Race, ...],
    unit: UnitKey,
    seconds: float,
) -> None:
    """Take one unit of everything by its method.

    control: the races of the A/A control. seconds: for each contender. Of a unit of twins, those
    contenders are timed in pairs whose versions can't share a process.
    """
    if unit.method == "pairs":
        _take_in_pair(session, races, control, unit, seconds)
        return
    _take_in_one_process(
        session, races_without(races, frozenset(session.in_pairs)), control, unit, seconds
    )
    in_pairs = frozenset(session.in_pairs)
    if in_pairs:
        pairs, controls = races_with(races, in_pairs), races_with(control, in_pairs)
        _take_in_pair(session, pairs, controls, replace(unit, method="pairs"), seconds)


def _take_in_one_process(
    session: Session,
    races: tuple[Race, ...],
    control: tuple[Race, ...],
    unit: UnitKey,
    seconds: float,
) -> None:
    """Take one unit of everything in one fresh process, which both versions share."""
    if not races:
        return
    policy = Policy(
        rules=Rules(precision=1e-9),
        budget_s=seconds,
        recheck=0.0,
        order=unit.number,
        warmup_calls=1,
    )
    modules, limits = session.comparison.sides["base"].modules, session.comparison.limits
    versions = _versions(session.comparison, unit, with_control=bool(control))
    batches: tuple[tuple[Role, tuple[SideName, SideName], tuple[Race, ...]], ...] = (
        (unit.role, SIDES, races),
        (unit.control_role, ("base", "again"), control),
    )
    with Supervisor(modules, limits=limits, versions=versions) as supervisor:
        for role, sides, batch in batches:
            for race in batch:
                session.observer.begin_case(race)
                supervisor.race_twins(
                    race,
                    policy,
                    _UnitRecorder(session, race, replace(unit, role=role)),
                    sides=sides,
                    checked=replace(unit, role=role).is_checked,
                    injected=session.comparison.slowed(race, role),
                )


def _versions(
    comparison: ComparisonPlan, unit: UnitKey, *, with_control: bool
) -> tuple[tuple[SideName, Version], ...]:
    """The versions that one process loads, in order; with the base again for the A/A control."""
    base, head = (comparison.sides[side].versions for side in SIDES)
    # Which of them is loaded first must make no difference.
    versions = (*head, *base) if unit.number % 2 else (*base, *head)
    again: tuple[tuple[SideName, Version], ...] = tuple(("again", version) for _, version in base)
    return (*versions, *again) if with_control else versions


def _take_in_pair(
    session: Session,
    races: tuple[Race, ...],
    control: tuple[Race, ...],
    unit: UnitKey,
    seconds: float,
) -> None:
    """Take one unit of everything in a fresh process each for the base, the head, the base."""
    sides = dict(session.comparison.sides)
    if control:
        sides["again"] = sides["base"]
    batches = ((unit, races), (replace(unit, role=unit.control_role), control))
    waiting = [(part, race) for part, batch in batches for race in batch]
    while waiting:
        with ProcessPair(sides, session.comparison.limits) as processes:
            waiting = list(_time_in_pair(session, processes, waiting, seconds))


def _time_in_pair(
    session: Session,
    processes: ProcessPair,
    waiting: list[tuple[UnitKey, Race]],
    seconds: float,
) -> Iterator[tuple[UnitKey, Race]]:
    """Time the races in these processes; yield those that are left when one dies."""
    for position, (unit, race) in enumerate(waiting):
        session.observer.begin_case(race)
        try:
            times = processes.times(
                race,
                seconds=seconds,
                order=unit.number,
                checked=unit.is_checked,
                other="again" if unit.role in NULL_ROLES else "head",
                injected=session.comparison.slowed(race, unit.role),
            )
        except SideDiedError as error:
            if position and error.failed.stage == "idle":
                # A contender of an earlier case did that, and it isn't known which.
                yield from waiting[position:]
                return
            culprits = (error.contender,) if error.contender else race.contenders
            for name in culprits:
                session.keep(race, name, refusal_of(error), unit)
            rest = [name for name in race.contenders if name not in culprits]
            yield from ((unit, race.only(rest)),) if rest else ()
            yield from waiting[position + 1 :]
            return
        for name, result in times.items():
            session.keep(race, name, result, unit)


@dataclass(slots=True)
class _UnitRecorder(NullObserver):
    """Records the times of contenders whose versions share a process."""

    #: Keeps the observations.
    session: Session
    #: The case that is timed.
    race: Race
    #: The unit that is taken.
    unit: UnitKey

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Record an observation, or why there is none. The stage of a crash names the side."""
        if isinstance(result, Failed):
            result = Unpaired(result) if result.stage == "base" else Unpaired(None, result)
        assert isinstance(result, Paired | Unpaired)
        self.session.keep(self.race, name, result, self.unit)
