"""Surfaces through the times of contenders: how long each probably takes between measured shapes.

Times grow smoothly with sizes, but for steps: from some size on a library takes another way, or a
cache is full. So a surface is one of the second degree in the logarithms of sizes, with up to two
steps at thresholds of axes or their products, each of which has to explain much of what the surface
is off on shapes that it wasn't fitted to. What it is still off on measured shapes is taken off
nearby.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from opbench.results.choosing.between import squares_apart
from opbench.results.choosing.rules import Array

#: The least of a distance between shapes, as a part of which a residual fades.
_NEAR = 0.2
#: How strongly coefficients are held at 0.
_RIDGE = 0.05
#: The most steps of a contender.
_MOST_STEPS = 2
#: A step has to leave at most this share of the squares of what the surface is off.
_LEFT = 0.4
#: On either side of a step there are so many shapes at least.
_LEAST = 5
#: The most thresholds of a feature that are tried, evenly among the shapes.
_PLACES = 30
#: Being off by more than this, in the logarithm, counts no more: it is one shape.
_FAR = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """Where the times of a contender have a step."""

    #: The place of the feature.
    column: int
    #: The logarithm of its value, above which times are others.
    at: float

    def mark(self, features: Array) -> Array:
        """1 for each point above it, 0 for others; by the logarithms of their features."""
        above: Array = (features[:, self.column] > self.at).astype(np.float64)
        return above


def surface(
    logs: Array, times: Array, features_of: Callable[[Array], Array] | None = None
) -> Callable[[Array], Array]:
    """The logarithms of seconds at points, by the logarithms of their axes.

    logs: of the axes of measured shapes, a row each. times: logarithms of seconds, a row for each
    shape and a column for each contender. features_of: gives the logarithms of what steps may be
    at, for points; no steps where None.
    """
    terms = _terms(logs)
    known = terms(logs)
    features = np.zeros((len(logs), 0)) if features_of is None else features_of(logs)
    steps = _steps(known, times, features)
    columns = [_with_steps(known, features, own) for own in steps]
    factors = [_factors(c, own) for c, own in zip(columns, times.T, strict=True)]
    off = times - np.stack([c @ f for c, f in zip(columns, factors, strict=True)], 1)

    def predict(points: Array) -> Array:
        """The logarithms of seconds by the surfaces, for each point."""
        near = 1.0 / (squares_apart(points, logs) + _NEAR**2) ** 2
        at = terms(points)
        above = np.zeros((len(points), 0)) if features_of is None else features_of(points)
        own = [_with_steps(at, above, s) @ f for s, f in zip(steps, factors, strict=True)]
        found: Array = np.stack(own, 1) + (near @ off) / near.sum(1, keepdims=True)
        return found

    return predict


def left_out_errors(logs: Array, times: Array) -> Array:
    """How far the surface without steps is off on each shape when it is fitted to the others.

    times: logarithms, one for each shape.
    """
    known = _terms(logs)(logs)
    fitted = known @ np.linalg.solve(known.T @ known + _held(known.shape[1]), known.T)
    found: Array = (times - fitted @ times) / np.maximum(1 - np.diag(fitted), 1e-3)
    return found


def _terms(logs: Array) -> Callable[[Array], Array]:
    """The terms of a surface through some shapes, for points: a row each."""
    centre, spread = logs.mean(0), logs.std(0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    square = len(logs) >= 2 * (1 + logs.shape[1] * (logs.shape[1] + 3) // 2)

    def terms(points: Array) -> Array:
        """1, sizes, and the products of two where there are shapes enough."""
        scaled = (points - centre) / scale
        columns = [np.ones(len(points)), *scaled.T]
        if square:
            pairs = np.triu_indices(scaled.shape[1])
            columns += list((scaled[:, pairs[0]] * scaled[:, pairs[1]]).T)
        return np.stack(columns, 1)

    return terms


def _with_steps(terms: Array, features: Array, steps: Sequence[Step]) -> Array:
    """The terms of points, and a column for each step."""
    return np.column_stack([terms, *(step.mark(features) for step in steps)])


def _held(count: int) -> Array:
    """What holds so many coefficients at 0, but for the first."""
    held = _RIDGE * np.eye(count)
    held[0, 0] = 0.0
    return held


def _factors(columns: Array, times: Array) -> Array:
    """The coefficients of a contender."""
    held = columns.T @ columns + _held(columns.shape[1])
    return np.asarray(np.linalg.solve(held, columns.T @ times), dtype=np.float64)


def _steps(known: Array, times: Array, features: Array) -> list[list[Step]]:
    """The steps of each contender. known: the terms of the shapes."""
    found = _places(features)
    if not found:
        return [[] for _ in times.T]
    marks = np.array([step.mark(features) for step in found])
    fitted = known @ np.linalg.solve(known.T @ known + _held(known.shape[1]), known.T)
    rest = np.eye(len(known)) - fitted
    return [[found[place] for place in _worth(marks, rest, own)] for own in times.T]


def _places(features: Array) -> list[Step]:
    """Where steps may be, those that part the shapes alike once."""
    found: dict[bytes, Step] = {}
    for column, values in enumerate(np.sort(features, axis=0).T):
        places = np.flatnonzero(np.diff(values) > 1e-9)
        places = places[(places >= _LEAST - 1) & (places < len(values) - _LEAST)]
        if len(places) > _PLACES:
            places = places[np.linspace(0, len(places) - 1, _PLACES).astype(int)]
        for place in places:
            step = Step(column, float(values[place] + values[place + 1]) / 2)
            found.setdefault(step.mark(features).tobytes(), step)
    return list(found.values())


def _worth(marks: Array, rest: Array, times: Array) -> list[int]:
    """The places of the steps that are worth it, one after another.

    marks: of the steps, a row each, with a column for each shape. rest: the matrix that leaves of
    times what the surface is off. A column that is added changes both by a formula, and so what
    each shape is off that the surface isn't fitted to.
    """
    found: list[int] = []
    off = rest @ times
    least = float(_badness(off, np.diag(rest)))
    while len(found) < _MOST_STEPS:
        beyond = marks @ rest
        sizes = (beyond * marks).sum(1, keepdims=True) + _RIDGE
        left = off - beyond * (marks @ off)[:, None] / sizes
        badness = _badness(left, np.diag(rest) - beyond**2 / sizes)
        best = int(badness.argmin())
        if badness[best] > _LEFT * least:
            break
        found.append(best)
        least, off = float(badness[best]), left[best]
        rest = rest - np.outer(beyond[best], beyond[best]) / sizes[best]
    return found


def _badness(off: Array, free: Array) -> Array:
    """The squares of what shapes are off that a surface isn't fitted to, summed.

    off: on all that it is fitted to. free: the diagonal of the matrix that leaves that of times.
    """
    each = np.minimum(np.abs(off / np.maximum(free, 1e-3)), _FAR)
    found: Array = (each**2).sum(-1)
    return found
