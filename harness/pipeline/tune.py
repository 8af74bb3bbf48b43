"""Tune: race the shapes where it is uncertain which contender to choose, until that costs little.

A few shapes that span the range are raced first. Then a choice is made as `opbench choose` makes
it, and the shape is raced next where knowing would help most; until what the choice loses on shapes
that it wasn't made from, and what it is expected to lose between the measured ones, are both small.
Of earlier runs the times count, contender by contender: one that they lack is raced beside the best
alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from opbench.harness.pipeline.tuning_races import TuningRaces
from opbench.harness.pipeline.tuning_state import TuningRequest, View, view_of
from opbench.harness.planning.selection import Race
from opbench.harness.planning.shape_ranges import Candidate, shape_text
from opbench.results.choosing.situations import Situation, situation_of
from opbench.results.choosing.uncertain import Proposal, Reason
from opbench.results.errors import DeclarationError, SelectionError
from opbench.results.records import Case, Record

#: Of the shapes that a tune chooses, every so many is raced by futile contenders too.
TRIED_AGAIN = 5

#: Why a shape is raced: as a proposal says; a contender was missing; its race was broken off; or
#: it might be the best after all, on a shape of this run.
Why = Reason | Literal["missing", "interrupted", "again"]
#: Why a tune ends: the regret is reached; or as many shapes, or as much time, were spent; or no
#: other shape is left.
Stopped = Literal["reached", "shapes", "time", "raced"]
#: Races cases, records them, and returns their records.
RaceCases = Callable[[Sequence[Race], Why], Sequence[Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """When a tune ends."""

    #: The most that choosing may cost: the time of the chosen over the best's.
    until_regret: float
    #: The most shapes that are raced, without those of earlier runs.
    max_shapes: int
    #: Seconds after which no further shape is begun.
    max_time_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Step:
    """A shape that is raced."""

    #: As `--shape` takes it.
    shape: str
    why: Why
    #: What the proposal says, and the name of the measured shape that was nearest; of a shape that
    #: wasn't proposed neither.
    proposal: Proposal | None = None
    near: str = ""

    @property
    def is_proposed(self) -> bool:
        """Whether what is known says to race it, rather than that too little is known."""
        return self.why in ("crossing", "hole")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A shape that was raced, and what is known since."""

    #: How many shapes were raced by this command, this one included.
    number: int
    step: Step
    #: The contenders that were raced, in any situation.
    raced: tuple[str, ...]
    #: The worst situation since; None while a contender is missing.
    view: View | None
    #: Seconds since the first race began.
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """How a tune ended."""

    stopped: Stopped
    views: tuple[View, ...]
    #: By contender that was left out of shapes as futile, how many times as slow it is at least.
    futile: dict[str, float]
    #: By shape that the op refused, the reason.
    refused: dict[str, str]


def tune(
    request: TuningRequest,
    goal: Goal,
    race_cases: RaceCases,
    *,
    report: Callable[[Round], None] = lambda _: None,
    now: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Race shapes until the goal is reached.

    race_cases: races what it is given into the request's folder. report: is given each shape that
    was raced. Raises NothingRecordedError where no contender may be chosen, SelectionError where
    the op refuses all shapes, DeclarationError where it fails on the first.
    """
    session = _Session(
        races=TuningRaces(request),
        goal=goal,
        race_cases=race_cases,
        report=report,
        now=now,
        began=now(),
    )
    session.begin()
    stopped: Stopped | None = None
    while stopped is None:
        stopped = session.step()
    views, refused = tuple(session.views.values()), session.races.refused
    if not any(view.rows for view in views):
        reason = next(iter(refused.values()), "there is none")
        raise SelectionError(f"{request.op.name}: no shape can be raced: {reason}")
    return Tuned(stopped=stopped, views=views, futile=session.futile(), refused=refused)


@dataclass(slots=True, kw_only=True)
class _Session:
    """A tune under way."""

    races: TuningRaces
    goal: Goal
    race_cases: RaceCases
    report: Callable[[Round], None]
    now: Callable[[], float]
    #: When it began.
    began: float
    views: dict[Situation, View] = field(default_factory=dict)
    #: How many shapes were raced, and how many of them because a proposal says so.
    number: int = 0
    proposed: int = 0

    def begin(self) -> None:
        """Read what is known, and race what is missing of it."""
        self.races.expect()
        self.finish(self.races.read())
        self.add_missing()
        self.look()

    def look(self, situations: Sequence[Situation] = ()) -> None:
        """View situations anew; all where none is given."""
        request, candidates = self.races.request, self.races.candidates
        for situation in situations or tuple(self.races.found):
            races = self.races.found[situation]
            self.views[situation] = view_of(request, races, candidates, self.goal.until_regret)

    def finish(self, broken: Mapping[Case, Collection[str]]) -> None:
        """Race anew what was broken off; but of earlier runs' shapes what they lack is missing."""
        cases = [case for case in broken if not self.races.has(case)]
        for shape in dict.fromkeys(shape_text(case.axes) for case in cases):
            planned = [race for race in self.races.planned(shape) if race.case in cases]
            entering = {race.case: {*self.races.entering(race)} for race in planned}
            both = {case: names | {*broken[case]} for case, names in entering.items()}
            races = [r.only(n for n in r.contenders if n in both[r.case]) for r in planned]
            self._take(Step(shape, "interrupted"), races)

    def add_missing(self) -> None:
        """Race the contenders that earlier runs lack."""
        while (found := next(self.races.missing(), None)) is not None:
            self._add(*found)

    def _add(self, shape: str, race: Race) -> None:
        """Race those that a shape lacks and has to have."""
        why: Why = "again" if race.case in self.races.own else "missing"
        self._take(Step(shape, why), [race])

    def step(self) -> Stopped | None:
        """Race a shape, unless there is a reason to stop, which is returned."""
        goal = self.goal
        open_ = [view for view in self.views.values() if view.bound > goal.until_regret]
        missing = next(self.races.missing(), None)
        if not open_ and missing is None:
            return "reached"
        if self.number >= goal.max_shapes:
            return "shapes"
        if self.now() - self.began >= goal.max_time_s:
            return "time"
        if missing is not None:
            self._add(*missing)
            self.look()
            return None
        for view in sorted(open_, key=lambda view: view.bound, reverse=True):
            if (found := view.next()) is not None:
                self._propose(view, *found)
                return None
        return "raced"

    def futile(self) -> dict[str, float]:
        """The contenders that are futile in every situation where they are timed."""
        found: dict[str, float] = {}
        if self.races.request.all_contenders:
            return found
        for races in self.races.found.values():
            names = {name for row in races.rows.values() for name in row.times}
            for name, times in self.races.futile(races, sorted(names)).items():
                found[name] = min(times, found.get(name, math.inf))
        return found

    def _propose(self, view: View, candidate: Candidate, proposal: Proposal) -> None:
        """Race a shape that was proposed, or note that the op refuses it."""
        near = view.rows[proposal.near].shape if proposal.near >= 0 else ""
        try:
            planned = self.races.planned(candidate.text)
        except SelectionError as error:
            self._refuse(candidate.text, str(error))
            return
        self._race(Step(candidate.text, proposal.reason, proposal, near), planned)

    def _race(self, step: Step, planned: Sequence[Race]) -> None:
        """Race a shape by all that may be the best there; from time to time by others, too."""
        self.proposed += step.is_proposed
        tries = step.is_proposed and self.proposed % TRIED_AGAIN == 0
        self.races.ensure_some_enter(planned)
        entering = []
        for race in planned:
            slower = self.views[situation_of(race.case)].surely_slower(step.shape)
            names = self.races.entering(race, slower=slower, tries_futile=tries)
            entering += [race.only(names)] if names else []
        self._take(step, entering)

    def _take(self, step: Step, races: Sequence[Race]) -> None:
        """Race, take the records, and report what is known since."""
        try:
            records = self.race_cases(races, step.why)
        except DeclarationError as error:
            if not any(found.rows for found in self.races.found.values()):
                raise
            self._refuse(step.shape, str(error))
            return
        self.races.take(records)
        self.races.own |= {race.case for race in races}
        self.number += 1
        if step.why not in ("missing", "interrupted", "again"):
            self.look([situation_of(race.case) for race in races])
        raced = tuple(dict.fromkeys(name for race in races for name in race.contenders))
        worst = max(self.views.values(), key=lambda view: view.bound, default=None)
        elapsed_s = self.now() - self.began
        self.report(
            Round(number=self.number, step=step, raced=raced, view=worst, elapsed_s=elapsed_s)
        )

    def _refuse(self, shape: str, reason: str) -> None:
        """Leave a shape out that the op refuses."""
        self.races.refused[shape] = reason
        self.look()
