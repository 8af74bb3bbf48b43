"""What a tune knows of a situation: its races so far, the choice that they make, what is open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from opbench.harness.catalog import Catalog
from opbench.harness.choosing.call_axes import CallAxes
from opbench.harness.choosing.terms import terms_for
from opbench.harness.declare import Op
from opbench.harness.planning.selection import Selection
from opbench.harness.planning.shape_ranges import Candidate
from opbench.results.choosing.choice import FEWEST, Choice
from opbench.results.choosing.gather import Races, choose_for, completed_rows, ensure_choice
from opbench.results.choosing.implied import least_shapes
from opbench.results.choosing.rules import Array
from opbench.results.choosing.served import Served
from opbench.results.choosing.situations import Row, Situation, is_size
from opbench.results.choosing.uncertain import (
    Proposal,
    Uncertainty,
    proposal,
    spanning,
    uncertainty,
)
from opbench.results.choosing.wishes import Wishes
from opbench.results.records.run_folder import RunFolder

#: Even if too much is uncertain, the choice is made whenever there are so many times more shapes.
_CHOSEN = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRequest:
    """What is to be tuned, and what is known of it already."""

    catalog: Catalog
    op: Op
    #: Of contenders and situations; its shapes are those of the candidates.
    selection: Selection
    #: The shapes that may be raced, and that are to be chosen for.
    candidates: tuple[Candidate, ...]
    #: As a call shows them.
    axes: CallAxes
    wishes: Wishes
    #: Runs whose times count.
    earlier: tuple[RunFolder, ...]
    #: The run that is made.
    folder: RunFolder
    #: Whether futile contenders are raced on every shape, too.
    all_contenders: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """A situation as it is known."""

    situation: Situation
    #: The shapes that were raced.
    rows: tuple[Row, ...]
    #: Those that may be raced.
    candidates: tuple[Candidate, ...]
    #: The axes that vary, and that a call shows.
    axes: tuple[str, ...]
    #: The candidates by the logarithms of these axes.
    points: Array
    #: At the candidates; None until shapes span the range.
    uncertainty: Uncertainty | None = None
    #: What is chosen; None where too much is uncertain for that to be worth its time.
    choice: Choice | None = None

    @property
    def start(self) -> int:
        """How many shapes span the range."""
        return start_size(self.axes, self.candidates)

    @property
    def bound(self) -> float:
        """The most that choosing is believed to cost: held out, and between what was measured."""
        if self.uncertainty is None:
            return math.inf
        held_out = 1.0 if self.choice is None else self.choice.regrets["chosen"].mean.high
        return max(held_out, self.uncertainty.mean)

    def surely_slower(self, shape: str) -> tuple[str, ...]:
        """The contenders that are slower on a candidate beyond doubt."""
        places = [n for n, candidate in enumerate(self.candidates) if candidate.text == shape]
        if self.uncertainty is None or not places:
            return ()
        return self.uncertainty.surely_slower(places[0])

    def next(self) -> tuple[Candidate, Proposal] | None:
        """The candidate to race next, and why; None where all were raced."""
        if self.uncertainty is None:
            known = logs_of((row.axes for row in self.rows), self.axes)
            first = spanning(self.points, known, 1)
            found = Proposal(point=first[0], reason="start") if first else None
        else:
            found = proposal(self.uncertainty)
        return None if found is None else (self.candidates[found.point], found)


def logs_of(shapes: Iterable[Mapping[str, object]], axes: Sequence[str]) -> Array:
    """The logarithms of the sizes of shapes, a row each; of a size of 0, of a half."""
    rows = [[math.log(max(float(str(shape[a])), 0.5)) for a in axes] for shape in shapes]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(axes))


def start_size(axes: Sequence[str], candidates: Sequence[Candidate]) -> int:
    """How many shapes span a range: two for each axis and two more, if there are as many."""
    return min(max(least_shapes(axes), FEWEST), len(candidates)) if axes else 1


def varying(request: TuningRequest, shapes: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """The axes that a call shows, and that have several sizes in some shapes."""
    shapes = tuple(shapes)
    return tuple(
        axis
        for axis in request.axes.reads
        if all(is_size(shape[axis]) for shape in shapes)  # type: ignore[arg-type]
        and len({shape[axis] for shape in shapes}) > 1
    )


def served(op: str, candidates: Iterable[Candidate]) -> tuple[Served, ...]:
    """Candidates as shapes that are served: each weighs the measured shape that is nearest."""
    found = []
    for candidate in candidates:
        sizes = {a: float(str(v)) for a, v in candidate.axes.items() if is_size(v)}
        found.append(Served(op=op, axes=sizes, count=candidate.count))
    return tuple(found)


def view_of(
    request: TuningRequest, races: Races, candidates: Iterable[Candidate], until: float
) -> View:
    """A situation as its races show it.

    until: the regret that is to be reached. The choice is made, every rule once without each shape,
    where so little is uncertain that it may be, and else now and then. Raises
    NothingRecordedError, with the reasons, where no contender may be chosen.
    """
    fixed = dict(races.situation.fixed)
    own = tuple(candidate for candidate in candidates if dict(candidate.fixed) == fixed)
    rows = tuple(races.rows.values())
    axes = varying(request, (candidate.axes for candidate in own))
    points = logs_of((candidate.axes for candidate in own), axes)
    view = View(situation=races.situation, rows=rows, candidates=own, axes=axes, points=points)
    return view if len(rows) < view.start or not own else _known(request, races, view, until)


def _known(request: TuningRequest, races: Races, view: View, until: float) -> View:
    """A view of what is uncertain, and of the choice where that is worth its time."""
    wishes = replace(request.wishes, served=served(request.op.name, view.candidates))
    conditions, terms = terms_for(races, wishes, request.catalog, request.axes)
    rows = completed_rows(races, view.axes)
    out = ensure_choice(races, rows, conditions)
    names = [name for name in rows[0].times if name not in out]
    counts = np.array([candidate.count for candidate in view.candidates])
    found = uncertainty(rows, names, view.axes, view.points, counts)
    is_due = found.mean <= until or _is_chosen_anyway(len(view.rows), view.start)
    choice = choose_for(races, conditions, terms) if is_due else None
    return replace(view, uncertainty=found, choice=choice)


def _is_chosen_anyway(shapes: int, start: int) -> bool:
    """Whether so many shapes are half as many more than when a choice was made last.

    start: how many there were at the first.
    """
    due = float(start)
    while due < shapes:
        due = math.ceil(due * _CHOSEN)
    return due == shapes
