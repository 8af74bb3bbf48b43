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
from typing import Literal

import numpy as np
from scipy.special import ndtr

from opbench.results.choosing.between import axes_logs, surface, times_of
from opbench.results.choosing.rules import Array
from opbench.results.choosing.situations import Row

#: Why a shape is measured: to span the range; two contenders cross nearby; or nothing near it was
#: measured.
Reason = Literal["start", "crossing", "hole"]

#: The least that two contenders' difference is taken to vary, at a distance of 1: a surface that
#: fits a few shapes by chance would end the search.
_LEAST_VARIANCE = 0.02**2
#: The variance where too few shapes were measured to learn it.
_UNKNOWN_VARIANCE = 0.5**2
#: Shapes nearer than this are one.
_SAME = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Uncertainty:
    """What is not known at some points, from what was measured at others."""

    #: The contenders.
    names: tuple[str, ...]
    #: The logarithm of what the contender that looks best is expected to lose, by point.
    losses: Array
    #: How much of the mean of `losses` is gone once a point is measured, by point.
    gains: Array
    #: How much each point counts; together 1.
    shares: Array
    #: The logarithm of predicted seconds: a row for each point, a column for each contender.
    times: Array
    #: The rival that the loss is to, by point: its column.
    rivals: Array
    #: By how much the rival's time may vary beside that of the contender that looks best, by point.
    spreads: Array
    #: How far the nearest measured shape is, by point, and its row.
    distances: Array
    nearest: Array

    @property
    def mean(self) -> float:
        """What a choice is expected to lose between the measured shapes, as a ratio."""
        return math.exp(float(self.shares @ self.losses))


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

    known: the logarithms of what was measured already, which counts among the others.
    """
    picked: list[int] = []
    if not len(known) and len(points) and count > 0:
        picked.append(int(((points - points.mean(0)) ** 2).sum(1).argmin()))
    taken = np.concatenate([known.reshape(-1, points.shape[1]), points[picked]])
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

    points: by the logarithms of their axes. weights: how much each counts.
    """
    logs, times = axes_logs(rows, axes), times_of(rows, names)
    shares = np.ones(len(points)) if weights is None else np.asarray(weights, dtype=np.float64)
    shares = shares / shares.sum()
    variances = _variances(logs, times)
    predicted = surface(logs, times)(points)
    best = predicted.argmin(1)
    gaps = predicted - predicted.min(1, keepdims=True)
    apart = _distances(points, logs)
    distances = apart.min(1)
    own = variances[best]
    by_rival = _expected_losses(gaps, own, distances)
    by_rival[np.arange(len(points)), best] = -1.0
    rivals = by_rival.argmax(1)
    losses = np.maximum(by_rival.max(1), 0.0)
    return Uncertainty(
        names=tuple(names),
        losses=losses,
        gains=_gains(points, gaps, own, distances, losses, shares),
        shares=shares,
        times=predicted,
        rivals=rivals,
        spreads=np.sqrt(own[np.arange(len(points)), rivals] * distances),
        distances=distances,
        nearest=apart.argmin(1),
    )


def proposal(found: Uncertainty) -> Proposal | None:
    """The point to measure next; None where all were measured."""
    is_new = found.distances > _SAME
    if not is_new.any():
        return None
    gains = np.where(is_new, found.gains, -1.0)
    # Where nothing can be gained, nothing is known to be doubtful: the farthest.
    place = int((gains if gains.max() > 0 else np.where(is_new, found.distances, -1.0)).argmax())
    favourite, rival = int(found.times[place].argmin()), int(found.rivals[place])
    gap = float(found.times[place, rival] - found.times[place, favourite])
    crosses = gap < found.spreads[place] and len(found.names) > 1
    return Proposal(
        point=place,
        reason="crossing" if crosses else "hole",
        favourite=found.names[favourite],
        rival=found.names[rival] if len(found.names) > 1 else "",
        ratio=math.exp(gap),
        near=int(found.nearest[place]),
        apart=math.exp(float(found.distances[place])),
    )


def _distances(points: Array, others: Array) -> Array:
    """How far each point is from each other one: a row for each point."""
    found: Array = np.sqrt(((points[:, None, :] - others[None, :, :]) ** 2).sum(2))
    return found


def _variances(logs: Array, times: Array) -> Array:
    """By two contenders, the variance of their difference at a distance of 1.

    Each measured shape is predicted by the others; that it is off by more the farther the nearest
    of them is, is taken out.
    """
    number = times.shape[1]
    if len(logs) < 3:
        return np.full((number, number), _UNKNOWN_VARIANCE)
    apart = _distances(logs, logs)
    np.fill_diagonal(apart, math.inf)
    distances = np.maximum(apart.min(1), _SAME)
    others = [np.arange(len(logs)) != row for row in range(len(logs))]
    off = np.stack(
        [
            surface(logs[other], times[other])(logs[row : row + 1])[0] - times[row]
            for row, other in enumerate(others)
        ]
    )
    squares = (off[:, :, None] - off[:, None, :]) ** 2 / distances[:, None, None]
    found: Array = np.maximum(squares.mean(0), _LEAST_VARIANCE)
    return found


def _expected_losses(gaps: Array, variances: Array, distances: Array) -> Array:
    """What is lost to each rival in the mean, a normal error of its gap given.

    gaps: how much longer each rival is predicted to take; variances: of these at a distance of 1;
    both a row for each point. distances: of the points.
    """
    spreads = np.sqrt(variances * distances[:, None])
    scores = gaps / np.maximum(spreads, 1e-12)
    density = np.exp(-(scores**2) / 2) / math.sqrt(2 * math.pi)
    found: Array = np.maximum(spreads * (density - scores * ndtr(-scores)), 0.0)
    return found


def _gains(
    points: Array,
    gaps: Array,
    variances: Array,
    distances: Array,
    losses: Array,
    shares: Array,
) -> Array:
    """By how much the mean loss falls once a point is measured, by point."""
    apart = _distances(points, points)
    best = gaps.argmin(1)
    gains = np.zeros(len(points))
    for place in range(len(points)):
        nearer = np.minimum(distances, apart[place])
        left = _expected_losses(gaps, variances, nearer)
        left[np.arange(len(points)), best] = 0.0
        gains[place] = float(shares @ (losses - left.max(1)))
    return gains
