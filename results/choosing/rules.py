"""Rules: trees of thresholds on sizes, whose leaves name contenders.

Fitted to lose little time rather than to name the winner often: a shape weighs what the wrong
choice costs there, for each contender its own. A library's classifier knows one weight of a sample,
whatever it is taken for, and its regressor splits where times vary rather than where the choice
matters; that is why this is own code. Hundreds of points take milliseconds.

A part is split where what the best contender of either side loses is least, plus a little of how
far losses spread within each side; a split stays if it saves more than a share of all time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opbench.results.choosing.features import is_at_most

#: Arrays of any shape.
Array = np.ndarray[Any, np.dtype[np.float64]]
#: The deepest tree; deeper ones nobody reads.
DEPTH = 12
#: What a further region has to save, as a share of all time.
GAIN = 0.0002
#: How much the spread of losses within a region counts beside the loss of its best contender: a
#: first split may save nothing by itself, and make the second one possible.
_SPREAD = 0.05
#: The most thresholds of a feature that are tried, evenly among the points.
_PLACES = 100


@dataclass(frozen=True, slots=True)
class Leaf:
    """A region in which one contender runs."""

    contender: str


@dataclass(frozen=True, slots=True)
class Split:
    """Two parts, by a size: `below` for sizes of at most `at`, `above` for larger ones."""

    #: An axis, or a product of powers of several: "B*S/D".
    feature: str
    at: float
    below: Rule
    above: Rule


Rule = Leaf | Split


def chosen(rule: Rule, axes: Mapping[str, float]) -> str:
    """The contender that a rule names for some sizes."""
    while isinstance(rule, Split):
        rule = rule.below if is_at_most(rule.feature, rule.at, axes) else rule.above
    return rule.contender


def contenders_of(rule: Rule) -> Iterator[str]:
    """The contenders of a rule's leaves, from small sizes to large."""
    for _, leaf in regions(rule):
        yield leaf.contender


def features_of(rule: Rule) -> set[str]:
    """The features that a rule splits by."""
    if isinstance(rule, Leaf):
        return set()
    return {rule.feature} | features_of(rule.below) | features_of(rule.above)


#: By feature, the sizes of a region: above the first, and at most the second.
Bounds = dict[str, tuple[float, float]]


def regions(rule: Rule, bounds: Bounds | None = None) -> Iterator[tuple[Bounds, Leaf]]:
    """The leaves of a rule with the bounds of their regions."""
    bounds = bounds or {}
    if isinstance(rule, Leaf):
        yield bounds, rule
        return
    low, high = bounds.get(rule.feature, (-math.inf, math.inf))
    yield from regions(rule.below, {**bounds, rule.feature: (low, min(high, rule.at))})
    yield from regions(rule.above, {**bounds, rule.feature: (max(low, rule.at), high)})


def is_inside(bounds: Bounds, axes: Mapping[str, float]) -> bool:
    """Whether some sizes lie in a region."""
    return all(
        is_at_most(feature, high, axes) and not is_at_most(feature, low, axes)
        for feature, (low, high) in bounds.items()
    )


@dataclass(frozen=True, slots=True)
class Data:
    """Points to fit a rule to."""

    #: The names of the features, one for each column of `logs`.
    features: tuple[str, ...]
    #: The logarithm of each feature at each point.
    logs: Array
    #: What each contender loses at each point: the logarithm of its time over the best's.
    losses: Array
    #: How much each point counts.
    weights: Array

    def part(self, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> Data:
        """Some of the points."""
        return Data(self.features, self.logs[chosen], self.losses[chosen], self.weights[chosen])


def fit(data: Data, names: Sequence[str], *, depth: int = DEPTH) -> Rule:
    """The rule that loses little on the data.

    names: of the contenders, one for each column of losses; where several lose as little, the first
    of them runs.
    """
    least = GAIN * float(data.weights.sum())
    return _fit(data, names, depth, least)


def _fit(data: Data, names: Sequence[str], depth: int, least: float) -> Rule:
    """The rule for some of the points; least: what a further region has to save."""
    totals = data.weights @ data.losses
    leaf = Leaf(names[_first_best(totals, least / 4)])
    # Nothing can be saved where the best loses less than a further region has to save.
    if depth == 0 or len(data.logs) < 2 or float(totals.min()) <= least:
        return leaf
    found = _best_split(data)
    if found is None:
        return leaf
    column, at = found
    is_below = data.logs[:, column] <= at
    below = _fit(data.part(is_below), names, depth - 1, least)
    above = _fit(data.part(~is_below), names, depth - 1, least)
    rule = Split(data.features[column], _readable(math.exp(at)), below, above)
    saved = float(totals.min()) - _lost(rule, data, names)
    parts = sum(1 for _ in regions(rule)) - 1
    return rule if saved >= least * parts and parts and below != above else leaf


def _first_best(totals: Array, tolerance: float) -> int:
    """The first contender that loses about as little as any."""
    return int(np.argmax(totals <= totals.min() + tolerance))


def _lost(rule: Rule, data: Data, names: Sequence[str]) -> float:
    """What a rule loses on the data, in all."""
    if isinstance(rule, Leaf):
        return float(data.weights @ data.losses[:, names.index(rule.contender)])
    is_below = data.logs[:, data.features.index(rule.feature)] <= math.log(rule.at)
    above = _lost(rule.above, data.part(~is_below), names)
    return _lost(rule.below, data.part(is_below), names) + above


def _best_split(data: Data) -> tuple[int, float] | None:
    """The column, and the logarithm, that part the points best; None where nothing parts them."""
    best: tuple[float, int, float] | None = None
    sums = _summands(data)
    for column in range(data.logs.shape[1]):
        order = np.argsort(data.logs[:, column], kind="stable")
        logs = data.logs[order, column]
        places = np.flatnonzero(np.diff(logs) > 1e-9)
        if not len(places):
            continue
        if len(places) > _PLACES:
            places = places[np.linspace(0, len(places) - 1, _PLACES).astype(int)]
        scores = _scores(np.add.reduceat(sums[order], [0, *(places + 1)]))
        place = int(places[int(np.argmin(scores))])
        score = float(scores.min())
        if best is None or score < best[0] - 1e-12:
            best = (score, column, float(logs[place] + logs[place + 1]) / 2)
    return None if best is None else best[1:]


def _summands(data: Data) -> Array:
    """What is summed over the points of a side: losses, clipped ones, their squares, weights.

    A row for each point; the first three are a column for each contender, the last is one.
    """
    weights = data.weights[:, None]
    clipped = np.minimum(data.losses, math.log(2))
    mild = clipped * weights
    return np.concatenate([data.losses * weights, mild, mild * clipped, weights], axis=1)


def _scores(sums: Array) -> Array:
    """The loss if a part of the points is on one side and the rest on the other, spread included.

    sums: of `_summands`, of each stretch of points; the first side ends with each but the last.
    """
    until = sums.cumsum(0)
    scores = np.zeros(len(sums) - 1)
    for side in (until[:-1], until[-1] - until[:-1]):
        losses, mean, square = np.split(side[:, :-1], 3, axis=1)
        spread = square - mean**2 / np.maximum(side[:, -1:], 1e-12)
        scores += losses.min(1) + _SPREAD * np.maximum(spread, 0.0).sum(1)
    return scores


def _readable(value: float) -> float:
    """A threshold with few digits; a whole number from 10 on."""
    return float(math.floor(value)) if value >= 10 else float(f"{value:.3g}")
