"""Where a choice is uncertain: which shape to measure next, and what not knowing may cost.

Times between the measured shapes are those of a smooth surface. How far it may be off is learnt
from the measured shapes, each predicted without it: the square of what two contenders' difference
is off grows with the distance to the nearest measured shape. So at each shape that may be served
there is what the contender that looks best is expected to lose to another one. It is large where
two of them cross and where nothing is near; where one is far ahead, a hole costs nothing.

Next is measured what takes most off the mean of it, its neighbours included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from opbench.results.choosing.between import axes_logs, times_of
from opbench.results.choosing.implied import expected_loss, is_surely_slower
from opbench.results.choosing.rules import Array
from opbench.results.choosing.situations import Row
from opbench.results.choosing.surfaces import surface

#: Why a shape is measured: to span the range; two contenders cross nearby; or nothing near it was
#: measured.
Reason = Literal["start", "crossing", "hole"]
#: Places of rows.
IntArray = np.ndarray[Any, np.dtype[np.int64]]

#: The least that two contenders' difference is taken to vary, at a distance of 1: a surface that
#: fits a few shapes by chance would end the search.
_LEAST_VARIANCE = 0.02**2
#: The variance where too few shapes were measured to learn it.
_UNKNOWN_VARIANCE = 1.0
#: The variance of a race that is hardly noisier than any other.
_CLEAN = 0.05**2
#: Shapes nearer than this are one.
_SAME = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Uncertainty:
    """What is not known at some points, from what was measured at others.

    A row of each array is a point, and a column a contender.
    """

    #: The contenders.
    names: tuple[str, ...]
    #: The points, by the logarithms of their axes.
    points: Array
    #: How much each point counts; together 1.
    shares: Array
    #: The logarithm of each contender's predicted time over that of the one that looks best.
    gaps: Array
    #: The variance of these at a distance of 1 from the nearest measured shape.
    variances: Array
    #: How far the nearest measured shape is.
    distances: Array
    #: Its place among the measured ones.
    nearest: IntArray

    @property
    def mean(self) -> float:
        """What a choice is expected to lose between the measured shapes, as a ratio."""
        return math.exp(float(self.shares @ self.losses().max(1)))

    def losses(self, distances: Array | None = None) -> Array:
        """What the contender that looks best is expected to lose to each other one.

        The gap between both is off by a normal error, whose variance grows with the distance.
        distances: of the points from what is measured; those that are known where None.
        """
        spreads = self.spreads(self.distances if distances is None else distances)
        found = expected_loss(self.gaps, spreads)
        found[np.arange(len(found)), self.gaps.argmin(1)] = 0.0
        return found

    def spreads(self, distances: Array) -> Array:
        """The standard error of each gap, at some distances from what is measured."""
        found: Array = np.sqrt(self.variances * distances[:, None])
        return found

    def surely_slower(self, point: int) -> tuple[str, ...]:
        """The contenders that are slower at a point than the one that looks best, beyond doubt."""
        gaps, errors = self.gaps[point], self.spreads(self.distances)[point]
        both = zip(self.names, gaps, errors, strict=True)
        return tuple(name for name, gap, error in both if is_surely_slower(gap, error))

    def gains(self) -> Array:
        """By how much `mean` falls once a point is measured, as a logarithm, for each point.

        What is near a point is known better, too.
        """
        apart, now = _distances(self.points, self.points), self.losses().max(1)
        nearer = np.minimum(self.distances, apart)
        return np.array([self.shares @ (now - self.losses(row).max(1)) for row in nearer])


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The point that is to be measured next, and why."""

    #: Its place among the points.
    point: int
    reason: Reason
    #: What looks best there, and what may be better; "" in a start.
    favourite: str = ""
    rival: str = ""
    #: The predicted time of the rival over the favourite's.
    ratio: float = math.nan
    #: The row that is nearest, and how many times the sizes are apart in all; -1 in a start.
    near: int = -1
    apart: float = math.nan


def spanning(points: Array, known: Array, count: int) -> list[int]:
    """So many points that span their range: the middle, then always the farthest from all others.

    known: the logarithms of what was measured already, which counts among the others. Every axis
    counts alike, however far it goes.
    """
    extent = np.ptp(points, 0) if len(points) else np.ones(points.shape[1])
    points, known = (of / np.where(extent > 0, extent, 1.0) for of in (points, known))
    picked: list[int] = []
    if not len(known) and len(points) and count > 0:
        picked.append(int(((points - points.mean(0)) ** 2).sum(1).argmin()))
    taken = np.concatenate([known, points[picked]])
    while len(picked) < count:
        distances = _distances(points, taken).min(1)
        farthest = int(distances.argmax())
        if distances[farthest] <= _SAME:
            break
        picked.append(farthest)
        taken = np.concatenate([taken, points[farthest : farthest + 1]])
    return picked


def uncertainty(
    rows: Sequence[Row],
    names: Sequence[str],
    axes: Sequence[str],
    points: Array,
    weights: Array | None = None,
) -> Uncertainty:
    """What isn't known at points, from at least one row in which all contenders were timed.

    points: by the logarithms of their axes. weights: how much each counts; alike where None.
    """
    logs, times = axes_logs(rows, axes), times_of(rows, names)
    counts = np.ones(len(points)) if weights is None else weights
    predicted, apart = surface(logs, times)(points), _distances(points, logs)
    return Uncertainty(
        names=tuple(names),
        points=points,
        shares=counts / counts.sum(),
        gaps=predicted - predicted.min(1, keepdims=True),
        variances=_variances(logs, times, _noise(rows, names))[predicted.argmin(1)],
        distances=apart.min(1),
        nearest=apart.argmin(1),
    )


def proposal(found: Uncertainty) -> Proposal | None:
    """The point to measure next; None where all were measured.

    Where measuring gains nothing anywhere, that is the point that is farthest from what was.
    """
    is_new = found.distances > _SAME
    if not is_new.any():
        return None
    gains = found.gains()
    scores = gains if (gains[is_new] > 0).any() else found.distances
    place = int(np.where(is_new, scores, -math.inf).argmax())
    favourite, rival = int(found.gaps[place].argmin()), int(found.losses()[place].argmax())
    gap, spread = found.gaps[place, rival], found.spreads(found.distances)[place, rival]
    return Proposal(
        point=place,
        reason="crossing" if rival != favourite and gap < spread else "hole",
        favourite=found.names[favourite],
        rival=found.names[rival],
        ratio=math.exp(gap),
        near=int(found.nearest[place]),
        apart=math.exp(found.distances[place]),
    )


def _distances(points: Array, others: Array) -> Array:
    """How far each point is from each other one: a row for each point."""
    found: Array = np.sqrt(((points[:, None, :] - others[None, :, :]) ** 2).sum(2))
    return found


def _noise(rows: Sequence[Row], names: Sequence[str]) -> Array:
    """By row and two contenders, the variance of their difference by what was measured.

    The halves of a race differ by twice the error of their mean, two times out of three.
    """
    halves = np.array([[row.times[name].halves for name in names] for row in rows])
    errors = (halves[:, :, 0] - halves[:, :, 1]) / 2
    found: Array = (errors[:, :, None] - errors[:, None, :]) ** 2
    return found


def _variances(logs: Array, times: Array, noise: Array) -> Array:
    """By two contenders, the variance of their difference at a distance of 1.

    Each measured shape is predicted by the others. That such a prediction is off by more the
    farther the nearest of them is, and by the noise of what it is compared with, is taken out; and
    what is noisy counts less.
    """
    number = times.shape[1]
    if len(logs) < 3:
        return np.full((number, number), _UNKNOWN_VARIANCE)
    apart = _distances(logs, logs)
    np.fill_diagonal(apart, math.inf)
    distances = np.maximum(apart.min(1), _SAME)[:, None, None]
    off = np.stack([_off(logs, times, row) for row in range(len(logs))])
    squares = ((off[:, :, None] - off[:, None, :]) ** 2 - noise) / distances
    weights = 1 / (noise + _CLEAN)
    found: Array = np.maximum((squares * weights).sum(0) / weights.sum(0), _LEAST_VARIANCE)
    return found


def _off(logs: Array, times: Array, row: int) -> Array:
    """How far a row's times are from those that the other rows predict, by contender."""
    others = np.arange(len(logs)) != row
    found: Array = surface(logs[others], times[others])(logs[row : row + 1])[0] - times[row]
    return found
