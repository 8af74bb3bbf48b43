"""The regions of a choice over two of its axes, for each way in which the others were held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from opbench.results.choosing.areas import Area, areas
from opbench.results.choosing.choice import Choice

#: So many ways to hold the other axes are shown, those with the most measured shapes.
_MOST_SLICES = 24


@dataclass(frozen=True, slots=True)
class Slice:
    """The regions over two axes, the others held."""

    #: The sizes of the other axes.
    held: tuple[tuple[str, float], ...]
    #: How many measured shapes have these.
    shapes: int
    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True)
class RegionMap:
    """The regions over two axes."""

    axes: tuple[str, str]
    #: Those with the most measured shapes first.
    slices: tuple[Slice, ...]


def maps_of(choice: Choice) -> Sequence[RegionMap]:
    """The maps of a choice over each two axes of several sizes; the one that shows most first."""
    axes = [axis for axis, (low, high) in choice.bounds.items() if 0 < low < high]
    found = [RegionMap(pair, tuple(_slices(choice, pair))) for pair in combinations(axes, 2)]
    return sorted(found, key=lambda one: -one.slices[0].shapes)


def _slices(choice: Choice, axes: tuple[str, str]) -> Iterator[Slice]:
    """The slices of a map, within the sizes that were measured."""
    others = [axis for axis in choice.bounds if axis not in axes]
    counts = Counter(tuple((axis, row.axes[axis]) for axis in others) for row in choice.rows)
    box = (choice.bounds[axes[0]], choice.bounds[axes[1]])
    for held, shapes in counts.most_common(_MOST_SLICES):
        yield Slice(held, shapes, tuple(areas(choice.rule, axes, dict(held), box)))
