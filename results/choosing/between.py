"""What contenders probably lose between the measured shapes: points for a rule to be fitted to.

That is what surfaces through the times of each say, which cross where their lines cross rather than
half way between two shapes. Half of the points lie among the measured shapes, and half anywhere
within the least and the largest sizes, as what is chosen holds there as well: never beyond them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opbench.results.choosing.features import exponents_of
from opbench.results.choosing.rules import Array, Data
from opbench.results.choosing.situations import Row

#: The most points for each measured shape.
_PER_ROW = 500
#: How much all points together count, beside the measured shapes: what is asked for lies between.
_SHARE = 4.0


def axes_logs(rows: Sequence[Row], axes: Sequence[str]) -> Array:
    """The logarithms of the axes of rows; of an axis of 0, of a half."""
    return np.array([[math.log(max(row.axes[axis], 0.5)) for axis in axes] for row in rows])


def feature_logs(logs: Array, axes: Sequence[str], features: Sequence[str]) -> Array:
    """The logarithms of features, from those of the axes."""
    powers = [[exponents_of(feature).get(axis, 0) for feature in features] for axis in axes]
    found: Array = logs @ np.array(powers, dtype=np.float64).reshape(len(axes), len(features))
    return found


def data_of(
    rows: Sequence[Row],
    names: Sequence[str],
    axes: Sequence[str],
    features: Sequence[str],
    weights: Mapping[str, float],
) -> Data:
    """The measured shapes themselves. weights: of shapes by name, where not all count alike."""
    logs = feature_logs(axes_logs(rows, axes), axes, features)
    losses = np.array([[row.loss(name, names) for name in names] for row in rows])
    counts = np.array([weights.get(row.shape, 1.0) for row in rows])
    return Data(tuple(features), logs, losses, counts)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points between the measured shapes, and what contenders probably take there."""

    #: By the logarithms of the axes, a row each.
    logs: Array
    #: How much each counts, beside the others.
    weights: Array
    #: The logarithms of seconds, a column for each contender.
    times: Array


def points_between(
    rows: Sequence[Row],
    axes: Sequence[str],
    weights: Mapping[str, float],
    times: Callable[[Array], Array],
    most: int,
) -> Points:
    """Points between the measured shapes, so many at most.

    weights: of shapes by name, where not all count alike. times: the logarithms of seconds at
    points, as `surfaces.surface` gives them.
    """
    counts = np.array([weights.get(row.shape, 1.0) for row in rows])
    logs, own = _spread(axes_logs(rows, axes), counts, min(_PER_ROW * len(rows), most))
    return Points(logs, own, times(logs))


def with_points(data: Data, points: Points, axes: Sequence[str]) -> Data:
    """The measured shapes and points between them."""
    losses = points.times - points.times.min(1, keepdims=True)
    return Data(
        data.features,
        np.concatenate([data.logs, feature_logs(points.logs, axes, data.features)]),
        np.concatenate([data.losses, _tied(losses)]),
        np.concatenate(
            [data.weights, points.weights * _SHARE * data.weights.sum() / points.weights.sum()]
        ),
    )


def _spread(logs: Array, weights: Array, count: int) -> tuple[Array, Array]:
    """Points between three measured shapes and within their bounds, and how much each counts.

    The latter count as the nearest measured shape does. count: of both together.
    """
    # Here, as it takes as long to import as all that the rest needs.
    from scipy.stats.qmc import Halton

    half = count // 2
    rng = np.random.default_rng(0)
    picked = rng.integers(len(logs), size=(half, 3))
    shares = rng.dirichlet((0.7, 0.7, 0.7), size=half)
    among = (logs[picked] * shares[:, :, None]).sum(1)
    # Spread more evenly than random points are.
    within = Halton(logs.shape[1], scramble=False).random(half) * np.ptp(logs, 0) + logs.min(0)
    counts = [(weights[picked] * shares).sum(1), weights[_nearest(within, logs)]]
    return np.concatenate([among, within]), np.concatenate(counts)


def squares_apart(points: Array, logs: Array) -> Array:
    """The square of the distance of each point, a row, from each shape, a column."""
    both = (points**2).sum(1)[:, None] + (logs**2).sum(1)
    found: Array = np.maximum(both - 2 * (points @ logs.T), 0.0)
    return found


def _nearest(points: Array, logs: Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The number of the nearest row, for each point."""
    found: np.ndarray[Any, np.dtype[np.int64]] = squares_apart(points, logs).argmin(1)
    return found


def _tied(losses: Array) -> Array:
    """Losses, of which those within 1% are none."""
    return np.where(losses <= math.log1p(0.01), 0.0, losses)


def times_of(rows: Sequence[Row], names: Sequence[str]) -> Array:
    """The logarithms of seconds, a row for each shape and a column for each contender."""
    return np.array([[math.log(row.times[name].time_s) for name in names] for row in rows])
