"""A gate's session: both versions timed in fresh processes, until each contender is decided.

Contenders are screened, as twins in one process where both versions can live in it; what is
flagged is timed again in fresh processes, and whom fresh twins confirm is timed in fresh pairs of
processes, which may contradict them. The base against itself goes with screening and confirming:
where it differs, nothing that was measured is to be believed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from opbench.harness.execution.messages import Told
from opbench.harness.execution.process import Limits
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.planning.selection import Race
from opbench.harness.regression.process_pair import DiedError, Duel, Fighter, died
from opbench.harness.timing.stopping import Policy
from opbench.results.records import (
    NULL_ROLES,
    Failed,
    GateRules,
    Paired,
    Rules,
    Uncompared,
    Unit,
    Unpaired,
)
from opbench.results.records.comparison import status_of
from opbench.results.records.run_folder import RunFolder
from opbench.results.regression import verdicts

#: What confirming may take beyond the budget, as a share of it.
CONFIRM_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared: the contenders that both versions have, case by case.

    sides: of base and head, what a process loads. null: what the base is raced against itself on.
    injected: by key of the case and contender, the share of its own time by which its head is
    slowed down on purpose, to learn what a gate finds.
    """

    sides: Mapping[str, Fighter]
    races: tuple[Race, ...]
    null: tuple[Race, ...]
    limits: Limits
    injected: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def slowed(self, race: Race, role: str) -> dict[str, float]:
        """What is injected into the contenders of a case; the base is never slowed down."""
        keys = {name: (race.case.key, name) for name in race.contenders if role not in NULL_ROLES}
        return {name: self.injected[key] for name, key in keys.items() if key in self.injected}


class Reporter:
    """Is told how far the session is; says nothing."""

    def unit(self, role: str, number: int, left: int) -> None:
        """A unit begins, with so many contenders undecided."""

    def race(self, race: Race) -> None:
        """A case begins."""


@dataclass(slots=True)
class _Session:
    """A session under way.

    out: who isn't tried again. moved: who can't be two things in one process, and so is timed in
    pairs of processes; may_move: whether anybody may be.
    """

    contest: Contest
    rules: GateRules
    folder: RunFolder
    reporter: Reporter
    deadline: float
    units: list[Unit] = field(default_factory=list)
    out: set[tuple[str, str]] = field(default_factory=set)
    may_move: bool = True
    moved: set[tuple[str, str]] = field(default_factory=set)

    def keep(self, race: Race, name: str, told: Paired | Unpaired, unit: Unit) -> None:
        """Record an observation; or that there is none, after which it isn't tried again."""
        key = (race.case.key, name)
        if isinstance(told, Paired) and told.base_s:
            slowed = self.contest.slowed(race, unit.role).get(name, 0.0)
            done = replace(unit, contender=name, case=race.case, times=told, injected=slowed)
            self.units.append(done)
            self.folder.append(done)
        elif unit.role not in NULL_ROLES and key not in self.out:
            refused = told if isinstance(told, Unpaired) else Unpaired()
            status = status_of(refused)
            if status == "registered" and self.may_move and not self.units_of(key):
                self.moved.add(key)
            else:
                self.out.add(key)
                self.folder.append(Uncompared(name, race.case, status, refused))

    def units_of(self, key: tuple[str, str]) -> list[Unit]:
        """The observations of a contender and case."""
        return [unit for unit in self.units if (unit.case.key, unit.contender) == key]

    def left(self, races: Iterable[Race], decided: frozenset[tuple[str, str]]) -> tuple[Race, ...]:
        """The races with those contenders that are still to be timed."""
        return _without(races, decided | self.out)

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
    may_move: bool = True,
) -> None:
    """Time both versions until each contender is decided or the budget is spent, recording units.

    method: "twins" or "pairs", by which contenders are screened. may_move: whether those are timed
    as pairs who turn out not to be twins.
    """
    deadline = time.monotonic() + budget_s
    session = _Session(contest, rules, folder, reporter or Reporter(), deadline, may_move=may_move)
    take = _twin_units if method == "twins" else _pair_units
    _screen(session, take)
    _confirm(session, take, budget_s)
    _verify(session)


def sample(
    contests: Sequence[Contest],
    folder: RunFolder,
    *,
    method: str,
    number: int,
    reporter: Reporter | None = None,
) -> None:
    """Record one unit of everything in each contest, in turn, whatever it says.

    Each takes as long as one of whom is flagged. Sessions can be resampled from such units: from
    twins what screening and confirming see, from pairs what is to contradict them.
    """
    for contest in contests:
        session = _Session(contest, GateRules(), folder, reporter or Reporter(), math.inf)
        if method == "twins":
            unit, take = _unit("screen", number), _twin_units
        else:
            unit, take = _unit("verify", number), _pair_units
        session.reporter.unit(unit.role, number, sum(len(r.contenders) for r in contest.races))
        take(session, contest.races, contest.null, unit, verdicts.FLAGGED_S)


Units = Callable[[_Session, tuple[Race, ...], tuple[Race, ...], Unit, float], None]


def _screen(session: _Session, take: Units) -> None:
    for turn in verdicts.screening(session.units, session.rules):
        left = session.left(session.contest.races, turn.decided)
        if not left or (turn.may_end and session.is_over):
            return
        session.reporter.unit("screen", turn.number, sum(len(race.contenders) for race in left))
        # The base is raced against itself until that is decided too, and as often as any other.
        null = _without(session.contest.null, verdicts.settled_nulls(session.units, session.rules))
        take(session, left, null, _unit("screen", turn.number), turn.seconds)


def _confirm(session: _Session, take: Units, budget_s: float) -> None:
    """Time the flagged in fresh processes, and their base against itself beside them."""
    flagged = verdicts.flagged(session.units, session.rules)
    races = tuple(_only(session.contest.races, flagged))
    # Screening may have used up all of the time, and a flag must not be left to itself.
    session.deadline = max(session.deadline, time.monotonic() + CONFIRM_SHARE * budget_s)
    for turn in verdicts.confirming(session.units, session.rules):
        left = session.left(races, turn.decided)
        if not left or (turn.may_end and session.is_over):
            return
        session.reporter.unit("confirm", turn.number, sum(len(race.contenders) for race in left))
        take(session, left, left, _unit("confirm", turn.number), turn.seconds)


def _verify(session: _Session) -> None:
    """Time those in fresh pairs whom fresh twins confirmed."""
    accused = verdicts.accused(session.units, session.rules)
    for number in range(verdicts.PAIRS):
        left = session.left(_only(session.contest.races, accused), frozenset())
        if not left:
            return
        session.reporter.unit("verify", number, sum(len(race.contenders) for race in left))
        _pair_units(session, left, (), _unit("verify", number), verdicts.FLAGGED_S)


def _twin_units(
    session: _Session, races: tuple[Race, ...], null: tuple[Race, ...], unit: Unit, seconds: float
) -> None:
    """One observation of everything; in a pair of processes of who can't be two in one."""
    _in_one_process(session, _without(races, frozenset(session.moved)), null, unit, seconds)
    moved = frozenset(session.moved)
    if moved:
        pairs, nulls = tuple(_only(races, moved)), tuple(_only(null, moved))
        _pair_units(session, pairs, nulls, unit, seconds)


def _in_one_process(
    session: _Session, races: tuple[Race, ...], null: tuple[Race, ...], unit: Unit, seconds: float
) -> None:
    """One observation of everything, in one fresh process that both versions live in."""
    if not races:
        return
    base, head = (session.contest.sides[side].brief for side in ("base", "head"))
    # Which of them is loaded first must not tell them apart.
    order = (head, base) if unit.number % 2 else (base, head)
    versions = tuple(version for brief in order for version in brief.versions)
    again = tuple(("again", version) for _, version in base.versions) if null else ()
    rules = Rules(precision=1e-9)
    policy = Policy(rules, budget_s=seconds, recheck=0.0, order=unit.number, lead=1)
    limits = session.contest.limits
    with Supervisor(base.modules, limits=limits, versions=(*versions, *again)) as supervisor:
        for role, arms, batch in (
            (unit.role, ("base", "head"), races),
            (_null_role(unit), ("base", "again"), null),
        ):
            for race in batch:
                session.reporter.race(race)
                listener = _Listener(session, race, replace(unit, role=role, method="twins"))
                first = unit.number == 0 and role == "screen"
                slowed = session.contest.slowed(race, role)
                supervisor.race_twins(
                    race, policy, listener, arms=arms, checked=first, injected=slowed
                )


def _pair_units(
    session: _Session, races: tuple[Race, ...], null: tuple[Race, ...], unit: Unit, seconds: float
) -> None:
    """One observation of everything, in a fresh process each for the base, the head, the base."""
    sides = dict(session.contest.sides)
    if null:
        sides["again"] = sides["base"]
    batches = ((unit, races), (replace(unit, role=_null_role(unit)), null))
    waiting = [(replace(part, method="pairs"), race) for part, batch in batches for race in batch]
    while waiting:
        with Duel(sides, session.contest.limits) as duel:
            waiting = list(_duelled(session, duel, waiting, seconds))


def _duelled(
    session: _Session, duel: Duel, waiting: list[tuple[Unit, Race]], seconds: float
) -> Iterator[tuple[Unit, Race]]:
    """Time the races in these processes; what is left of them when one died."""
    for position, (unit, race) in enumerate(waiting):
        session.reporter.race(race)
        try:
            told = duel.times(
                race,
                seconds=seconds,
                order=unit.number,
                checked=unit.number == 0 and unit.role == "screen",
                other="again" if unit.role in NULL_ROLES else "head",
                injected=session.contest.slowed(race, unit.role),
            )
        except DiedError as error:
            if position and error.failed.stage == "idle":
                # Of an earlier case's doings, and nobody knows whose.
                yield from waiting[position:]
                return
            guilty = (error.contender,) if error.contender else race.contenders
            for name in guilty:
                session.keep(race, name, died(error), unit)
            rest = tuple(name for name in race.contenders if name not in guilty)
            yield from ((unit, replace(race, contenders=rest)),) if rest else ()
            yield from waiting[position + 1 :]
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


def _without(races: Iterable[Race], gone: frozenset[tuple[str, str]]) -> tuple[Race, ...]:
    kept = (
        replace(r, contenders=tuple(n for n in r.contenders if (r.case.key, n) not in gone))
        for r in races
    )
    return tuple(race for race in kept if race.contenders)


def _only(races: Iterable[Race], wanted: frozenset[tuple[str, str]]) -> Iterator[Race]:
    for race in races:
        names = tuple(name for name in race.contenders if (race.case.key, name) in wanted)
        if names:
            yield replace(race, contenders=names)


def _null_role(unit: Unit) -> str:
    """What the base against itself is called that goes with a unit."""
    return "beside" if unit.role == "confirm" else "null"


def _unit(role: str, number: int) -> Unit:
    """A unit that is filled in as it is taken."""
    from opbench.results.records import Case

    return Unit("", Case("", "", (), ""), "", role, number, Paired((), ()))
