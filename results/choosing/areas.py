"""What a rule names along one axis and over two of them, the others held: for pictures of it.

Exact, as sizes are drawn by their logarithms: a threshold on a product of two axes is a straight
line there, and a region of two axes has straight sides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from opbench.results.choosing.features import exponents_of, sides
from opbench.results.choosing.rules import Leaf, Rule, Split

#: A point, by the logarithms of two sizes.
_Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sizes of an axis for which one contender runs."""

    contender: str
    #: The first size, or the threshold above which they begin.
    low: float
    #: The last size, which is among them.
    high: float


@dataclass(frozen=True, slots=True)
class Area:
    """Sizes of two axes for which one contender runs."""

    contender: str
    #: The pairs of sizes at its corners, in their order around it.
    corners: tuple[tuple[float, float], ...]


def along(
    rule: Rule, axis: str, others: Mapping[str, float], ends: tuple[float, float]
) -> tuple[Stretch, ...]:
    """What a rule names from the first to the second of two sizes of an axis, at most.

    others: the sizes of all other axes that the rule splits by. A stretch begins above its `low`,
    but for the first; where neighbours have the same contender, they are one.
    """
    found: list[Stretch] = []
    for stretch in _stretches(rule, axis, others, ends):
        if found and found[-1].contender == stretch.contender:
            found[-1] = replace(found[-1], high=stretch.high)
        else:
            found.append(stretch)
    return tuple(found)


def _stretches(
    rule: Rule, axis: str, others: Mapping[str, float], ends: tuple[float, float]
) -> Iterator[Stretch]:
    """The leaves that a line meets, in its order."""
    if isinstance(rule, Leaf):
        yield Stretch(rule.contender, *ends)
        return
    (low, high), limit = ends, _limit(rule, (axis,), others)
    exponent = exponents_of(rule.feature).get(axis, 0)
    first, second = (rule.below, rule.above) if exponent >= 0 else (rule.above, rule.below)
    at = limit ** (1 / exponent) if exponent and 0 < limit < math.inf else limit
    if exponent < 0 and limit in (0, -math.inf):
        at = math.inf
    elif exponent < 0 and limit == math.inf:
        at = -math.inf
    if low <= at:
        yield from _stretches(first, axis, others, (low, min(high, at)))
    if high > at:
        yield from _stretches(second, axis, others, (max(low, at), high))


def areas(
    rule: Rule,
    axes: tuple[str, str],
    others: Mapping[str, float],
    box: tuple[tuple[float, float], tuple[float, float]],
) -> Iterator[Area]:
    """What a rule names for two axes, whose sizes are within a box: their least and largest sizes.

    others: the sizes of all other axes that the rule splits by. Sizes in the box are above 0.
    """
    (left, right), (bottom, top) = ((math.log(low), math.log(high)) for low, high in box)
    corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
    for contender, found in _polygons(rule, axes, others, corners):
        yield Area(contender, tuple((math.exp(x), math.exp(y)) for x, y in found))


def _polygons(
    rule: Rule, axes: tuple[str, str], others: Mapping[str, float], corners: Sequence[_Point]
) -> Iterator[tuple[str, Sequence[_Point]]]:
    """The parts of a polygon that lie in leaves, with the contenders of these."""
    if len(set(corners)) < 3:
        return
    if isinstance(rule, Leaf):
        yield rule.contender, corners
        return
    limit = _limit(rule, axes, others)
    at = math.log(limit) if limit > 0 else -math.inf
    factors = [exponents_of(rule.feature).get(axis, 0) for axis in axes]
    rooms = [at - factors[0] * x - factors[1] * y for x, y in corners]
    yield from _polygons(rule.below, axes, others, _clipped(corners, rooms))
    yield from _polygons(rule.above, axes, others, _clipped(corners, [-room for room in rooms]))


def _clipped(corners: Sequence[_Point], rooms: Sequence[float]) -> list[_Point]:
    """The part of a polygon with room: how far each corner is within a straight line."""
    found: list[_Point] = []
    known = [*zip(corners, rooms, strict=True)]
    for (one, own), (other, its) in zip(known, [*known[1:], known[0]], strict=True):
        if own >= 0:
            found.append(one)
        if own * its < 0:
            share = own / (own - its)
            found.append((_between(one[0], other[0], share), _between(one[1], other[1], share)))
    return found


def _between(start: float, end: float, share: float) -> float:
    """What lies that share of the way from one to another."""
    return start + share * (end - start)


def _limit(split: Split, axes: Sequence[str], others: Mapping[str, float]) -> float:
    """The most that some axes of a feature may come to below a threshold; infinite where all is."""
    over, under = sides(split.feature)
    size = math.prod(others[axis] for axis in over if axis not in axes)
    divisor = math.prod(others[axis] for axis in under if axis not in axes)
    if size <= 0 or divisor <= 0 or not {*over, *under} & {*axes}:
        return math.inf if size <= split.at * divisor else -math.inf
    return split.at * divisor / size
