"""A gate's session: both versions timed in fresh processes, until each contender is decided.

Contenders are screened, as twins in one process where both versions can live in it; what is
flagged is timed again in fresh pairs of processes. The base against itself goes with both: where it
differs, nothing that was measured is to be believed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from harness.duel import DiedError, Duel, Fighter, died
from harness.planning import Race
from harness.policy import Policy
from harness.process import Limits
from harness.supervisor import Supervisor
from harness.worker import Told
from results import gating
from results.record import (
    Failed,
    GateRules,
    Paired,
    Rules,
    Uncompared,
    Unit,
    Unpaired,
    Unsupported,
)
from results.store import RunFolder

#: Seconds that a contender's two versions are raced for in a unit, before anything is known of it.
FIRST_S = 0.3
#: The time in a unit grows with each look at which a contender is still undecided, up to so much.
LONGER, LONGEST_S = 1.5, 3.0
#: Seconds in a fresh pair of processes: the bursts of pairs are longer than the blocks of twins.
PAIR_S = 1.0
#: What confirming may take beyond the budget, as a share of it.
CONFIRM_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared: the contenders that both versions have, case by case.

    sides: of base and head, what a process loads. null: what the base is raced against itself on.
    """

    sides: Mapping[str, Fighter]
    races: tuple[Race, ...]
    null: tuple[Race, ...]
    limits: Limits


class Reporter:
    """Is told how far the session is; says nothing."""

    def unit(self, role: str, number: int, left: int) -> None:
        """A unit begins, with so many contenders undecided."""

    def race(self, race: Race) -> None:
        """A case begins."""


@dataclass(slots=True)
class _Session:
    """A session under way."""

    contest: Contest
    rules: GateRules
    folder: RunFolder
    reporter: Reporter
    deadline: float
    units: list[Unit] = field(default_factory=list)
    out: set[tuple[str, str]] = field(default_factory=set)

    def keep(self, race: Race, name: str, told: Paired | Unpaired, unit: Unit) -> None:
        """Record an observation; or that there is none, after which it isn't tried again."""
        if isinstance(told, Paired) and told.base_s:
            done = replace(unit, contender=name, case=race.case, times=told)
            self.units.append(done)
            self.folder.append(done)
        elif unit.role != "null" and (race.case.key, name) not in self.out:
            self.out.add((race.case.key, name))
            refused = told if isinstance(told, Unpaired) else Unpaired()
            self.folder.append(Uncompared(name, race.case, status_of(refused), refused))

    def left(self, races: Iterable[Race], decided: set[tuple[str, str]]) -> tuple[Race, ...]:
        """The races with those contenders that are still to be timed."""
        gone = decided | self.out
        kept = (
            replace(r, contenders=tuple(n for n in r.contenders if (r.case.key, n) not in gone))
            for r in races
        )
        return tuple(race for race in kept if race.contenders)

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.deadline


def gate(
    contest: Contest,
    folder: RunFolder,
    *,
    method: str,
    rules: GateRules,
    budget_s: float,
    reporter: Reporter | None = None,
) -> None:
    """Time both versions until each contender is decided or the budget is spent, recording units.

    method: "twins" or "pairs", by which contenders are screened.
    """
    deadline = time.monotonic() + budget_s
    session = _Session(contest, rules, folder, reporter or Reporter(), deadline)
    _screen(session, _twin_units if method == "twins" else _pair_units)
    flagged = {
        (f.case.key, f.contender)
        for f in gating.screened(session.units, rules)
        if f.verdict == "slower"
    }
    if flagged:
        _confirm(session, flagged, budget_s)


def status_of(refused: Unpaired) -> str:
    """What it means that a contender doesn't run in one version, or in both."""
    runs_in_base = refused.base is None
    if runs_in_base == (refused.head is None):
        return "both"
    other = refused.head if runs_in_base else refused.base
    if isinstance(other, Unsupported):
        return "vanished" if runs_in_base else "new"
    return "head" if runs_in_base else "base"


Units = Callable[[_Session, tuple[Race, ...], tuple[Race, ...], Unit, float], None]


def _screen(session: _Session, take: Units) -> None:
    looks = gating.looks()
    look, seconds, number = next(looks), FIRST_S, 0
    while True:
        decided = _decided(gating.screened(session.units, session.rules))
        left = session.left(session.contest.races, decided)
        if not left or (number >= gating.FIRST_LOOK and session.is_over):
            return
        session.reporter.unit("screen", number, sum(len(race.contenders) for race in left))
        take(session, left, session.contest.null, _unit("screen", number), seconds)
        number += 1
        if number == look:
            look, seconds = next(looks), min(seconds * LONGER, LONGEST_S)


def _confirm(session: _Session, flagged: set[tuple[str, str]], budget_s: float) -> None:
    """Time the flagged in fresh pairs, and their base against itself beside them."""
    number = 0
    races = tuple(_only(session.contest.races, flagged))
    # Screening may have used up all of the time, and a flag must not be left to itself.
    session.deadline = max(session.deadline, time.monotonic() + CONFIRM_SHARE * budget_s)
    while True:
        found = gating.confirmed(session.units, session.rules)
        left = session.left(races, _decided(found))
        if not left or (number >= gating.FIRST_LOOK and session.is_over):
            return
        session.reporter.unit("confirm", number, sum(len(race.contenders) for race in left))
        _pair_units(session, left, left, _unit("confirm", number), PAIR_S)
        number += 1


def _twin_units(
    session: _Session, races: tuple[Race, ...], null: tuple[Race, ...], unit: Unit, seconds: float
) -> None:
    """One observation of everything, in one fresh process that both versions live in."""
    base, head = (session.contest.sides[side].brief for side in ("base", "head"))
    versions = (*base.versions, *head.versions)
    again = tuple(("again", version) for _, version in base.versions) if null else ()
    policy = Policy(Rules(precision=1e-9), budget_s=seconds, order=unit.number, lead=1)
    limits = session.contest.limits
    with Supervisor(base.modules, limits=limits, versions=(*versions, *again)) as supervisor:
        for role, arms, batch in (
            ("screen", ("base", "head"), races),
            ("null", ("base", "again"), null),
        ):
            for race in batch:
                session.reporter.race(race)
                listener = _Listener(session, race, replace(unit, role=role, method="twins"))
                first = unit.number == 0 and role == "screen"
                supervisor.race_twins(race, policy, listener, arms=arms, checked=first)


def _pair_units(
    session: _Session, races: tuple[Race, ...], null: tuple[Race, ...], unit: Unit, seconds: float
) -> None:
    """One observation of everything, in a fresh pair of processes; another for the base twice."""
    base, head = (session.contest.sides[side] for side in ("base", "head"))
    for role, other, batch in ((unit.role, head, races), ("null", base, null)):
        waiting = list(batch)
        while waiting:
            with Duel({"base": base, "head": other}, session.contest.limits) as duel:
                waiting = list(_duelled(session, duel, waiting, replace(unit, role=role), seconds))


def _duelled(
    session: _Session, duel: Duel, races: list[Race], unit: Unit, seconds: float
) -> Iterator[Race]:
    """Time the races in a pair of processes; what is left of them when one died."""
    unit = replace(unit, method="pairs")
    checked = unit.number == 0 and unit.role == "screen"
    for position, race in enumerate(races):
        session.reporter.race(race)
        try:
            told = duel.times(race, seconds=seconds, order=unit.number, checked=checked)
        except DiedError as error:
            guilty = (error.contender,) if error.contender else race.contenders
            for name in guilty:
                session.keep(race, name, died(error), unit)
            rest = tuple(name for name in race.contenders if name not in guilty)
            yield from (replace(race, contenders=rest),) if rest else ()
            yield from races[position + 1 :]
            return
        for name, times in told.items():
            session.keep(race, name, times, unit)


@dataclass(slots=True)
class _Listener:
    """Keeps what a supervisor tells of twins."""

    session: _Session
    race: Race
    unit: Unit

    def begin(self, name: str, stage: str) -> None:
        """Nothing to keep."""

    def done(self, name: str, outcome: Told, output: str) -> None:
        """An observation, or why there is none. Who died says at which side by its stage."""
        if isinstance(outcome, Failed):
            outcome = Unpaired(outcome) if outcome.stage == "base" else Unpaired(None, outcome)
        assert isinstance(outcome, Paired | Unpaired)
        self.session.keep(self.race, name, outcome, self.unit)


def _decided(found: Iterable[gating.Finding]) -> set[tuple[str, str]]:
    return {(f.case.key, f.contender) for f in found if f.verdict != "inconclusive"}


def _only(races: Iterable[Race], wanted: set[tuple[str, str]]) -> Iterator[Race]:
    for race in races:
        names = tuple(name for name in race.contenders if (race.case.key, name) in wanted)
        if names:
            yield replace(race, contenders=names)


def _unit(role: str, number: int) -> Unit:
    """A unit that is filled in as it is taken."""
    from results.record import Case

    return Unit("", Case("", "", (), ""), "", role, number, Paired((), ()))
