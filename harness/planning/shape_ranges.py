"""The shapes that may be raced to choose over a range of sizes. No torch.

A range goes from the smallest to the largest size that is given of each axis; shapes in it are
drawn evenly in the logarithms, and aren't larger or smaller in all than those that are given. Or
they are drawn like the shapes that the op declares, or read from a file, with how often each is
served. Axes that are no sizes have the values that are given.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from opbench.harness.declare import Op, Shape
from opbench.harness.planning.given_shapes import given_shapes
from opbench.harness.planning.selection import Selection
from opbench.results.choosing.served import Served
from opbench.results.choosing.situations import is_size
from opbench.results.errors import SelectionError
from opbench.results.records import Case
from opbench.results.records.case import AxisValue

#: So many shapes stand for a range.
DRAWN = 256
#: So many draws for each shape that is asked for: of few sizes there are few shapes.
_TRIES = 40


@dataclass(frozen=True, slots=True)
class Candidate:
    """A shape that may be raced."""

    #: As `--shape` takes it: "B=4,S=2048".
    text: str
    axes: Shape
    #: How often it is served, beside the others.
    count: float = 1.0

    @property
    def fixed(self) -> tuple[tuple[str, AxisValue], ...]:
        """The axes that are no numbers, with their values."""
        return tuple((axis, value) for axis, value in self.axes.items() if not is_size(value))


def in_range(op: Op, selection: Selection) -> tuple[Candidate, ...]:
    """Shapes of the range that a selection gives, those that it gives among them.

    Raises SelectionError for what the op doesn't have or isn't written so, and for a number of
    sizes, which says nothing here.
    """
    for text in selection.sweeps:
        if "/" in text:
            raise SelectionError(
                f"--sweep {text}: how many sizes there are says nothing to tune, which finds out "
                f"where to measure: {text.partition('/')[0].strip()}"
            )
    ends = tuple(f"{text}/2" for text in selection.sweeps)
    given = tuple(given_shapes(op, replace(selection, sweeps=ends)).values())
    drawn = _drawn(given, DRAWN, selection.seed)
    return _distinct((*given, *drawn))


def like_declared(
    op: Op, selection: Selection, count: int, hidden: Sequence[str] = ()
) -> tuple[Candidate, ...]:
    """So many shapes like those of the selection's grid; fewer where there aren't as many.

    hidden: axes that are held at their first value, as no call shows them.
    """
    declared = tuple((op.full if selection.grid == "full" else op.quick).values())
    held = {axis: declared[0][axis] for axis in hidden}
    given = tuple({**shape, **held} for shape in declared)
    return _distinct(_drawn(given, count, selection.seed))


def like_served(op: Op, served: Iterable[Served]) -> tuple[Candidate, ...]:
    """The shapes of a file that have all sizes of an op; other axes are those of its first shape.

    Raises SelectionError where there is none.
    """
    first = next(iter(op.quick.values()))
    sizes = {axis for axis, value in first.items() if is_size(value)}
    own = [item for item in served if item.op == op.name]
    counts: dict[str, float] = {}
    for item in own:
        if set(item.axes) == sizes:
            axes = {a: _as_declared(item.axes[a], v) if a in sizes else v for a, v in first.items()}
            counts[shape_text(axes.items())] = (
                counts.get(shape_text(axes.items()), 0.0) + item.count
            )
    if not counts:
        lacking = f"of {op.name} none has all of {', '.join(sorted(sizes))}"
        raise SelectionError(f"--shapes: {lacking if own else f'there is no shape of {op.name}'}")
    shapes = {
        text: next(iter(given_shapes(op, Selection(shapes=(text,))).values())) for text in counts
    }
    return tuple(Candidate(text, shapes[text], count) for text, count in counts.items())


def measured(cases: Iterable[Case]) -> tuple[Candidate, ...]:
    """The shapes of cases."""
    return _distinct(dict(case.axes) for case in cases)


def _drawn(given: Sequence[Shape], count: int, seed: int) -> Iterator[Shape]:
    """Shapes from the range of some others, each of them once."""
    rng = random.Random(f"shapes/{seed}")
    ranges = {axis: ends for axis in given[0] if (ends := _ends(axis, given)) is not None}
    volumes = [_volume(shape) for shape in given]
    found: set[str] = set()
    for _ in range(_TRIES * count if ranges else 0):
        shape = dict(given[rng.randrange(len(given))])
        for axis, (low, high) in ranges.items():
            size = math.exp(rng.uniform(math.log(low), math.log(high)))
            shape[axis] = round(size) if isinstance(low, int) else float(f"{size:.3g}")
        text = shape_text(shape.items())
        if text not in found and min(volumes) <= _volume(shape) <= max(volumes):
            found.add(text)
            yield shape
        if len(found) == count:
            return


def _ends(axis: str, shapes: Iterable[Shape]) -> tuple[float, float] | None:
    """The least and the largest size of an axis; None where there is no range of them."""
    values = [shape[axis] for shape in shapes]
    sizes = [v for v in values if isinstance(v, int | float) and is_size(v)]
    if len(sizes) < len(values) or min(sizes) <= 0 or min(sizes) == max(sizes):
        return None
    return min(sizes), max(sizes)


def _volume(shape: Shape) -> float:
    """What the sizes of a shape multiply to."""
    sizes = (v for v in shape.values() if isinstance(v, int | float) and is_size(v))
    return math.prod(max(abs(size), 1) for size in sizes)


def _distinct(shapes: Iterable[Shape]) -> tuple[Candidate, ...]:
    """Each shape once, as a candidate."""
    return tuple(
        {
            shape_text(shape.items()): Candidate(shape_text(shape.items()), shape)
            for shape in shapes
        }.values()
    )


def shape_text(axes: Iterable[tuple[str, AxisValue]]) -> str:
    """A shape as `--shape` takes it."""
    return ",".join(f"{axis}={value}" for axis, value in axes)


def _as_declared(size: float, declared: AxisValue) -> AxisValue:
    """A size of the type that a declared one has."""
    return int(size) if isinstance(declared, int) and size.is_integer() else size
