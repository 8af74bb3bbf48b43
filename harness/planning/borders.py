"""Shapes by rule: each axis of an op in turn beyond a size at which kernels change. No torch.

Kernels take other ways beyond a warp, a vector register, a block of threads or what an index of 16
bits counts, and the shapes that people declare by hand are mostly on one side of each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from opbench.harness.declaration.named_arguments import call_named, parameter_names
from opbench.harness.declare import Cost, Op, Shape
from opbench.harness.outcomes import charged_to
from opbench.results.errors import OpFaultError
from opbench.results.records import Case

#: One alone; and one more than a warp, a block of 256 threads, the most threads of one, and what
#: 16 bits count.
BORDERS = (1, 33, 257, 1025, 65537)
#: The one at which every input kind is checked: long, and still quick.
LONG = 1025
#: The most compulsory work of a call: more would take too long, for an oracle of plain loops first
#: of all. Bytes, floating-point operations.
MOST_WORK = Cost(flops=2**23, bytes=2_700_000)
#: How the reasons begin for which such a shape isn't checked: they hold for every contender.
REFUSED = "sizes that nobody declared: "
#: How the names of these shapes begin.
_PREFIX = "border_"
#: The shape of which all axes are alike: there who takes one for the other goes unnoticed by form.
_ALIKE, _ALIKE_SIZE = f"{_PREFIX}alike", 5


def is_border(case: Case) -> bool:
    """Whether the shape of a case was chosen by rule; one that people call "border_case" wasn't."""
    if case.shape == _ALIKE:
        return _ALIKE_SIZE in dict(case.axes).values()
    axis, _, size = case.shape.removeprefix(_PREFIX).rpartition("_")
    return case.shape == f"{_PREFIX}{axis}_{size}" and (
        axis in dict(case.axes) and size in map(str, BORDERS)
    )


def border_shapes(op: Op, *, dtype: str) -> dict[str, Shape]:
    """By name, the shapes in which one axis is just beyond a border and the others are small.

    An axis is a multiple of what all shapes of the op have it a multiple of: an even one stays
    even. Left out are sizes that an edge shape stands for, and shapes that are too much work; those
    that the op doesn't take are found out when they are built.
    """
    by_size = {
        name: shape
        for size in BORDERS
        for name, shape in _shapes_of_size(op, size, dtype)
        if not _is_declared(op, name, size)
    }
    return by_size | dict(_alike(op, dtype))


def long_shapes(op: Op, *, dtype: str) -> dict[str, Shape]:
    """By name, the shapes in which one axis is long, for kinds that meet no other long ones."""
    return dict(_shapes_of_size(op, LONG, dtype))


def _shapes_of_size(op: Op, size: int, dtype: str) -> Iterator[tuple[str, Shape]]:
    """For each axis the shape in which it has the size, unless that is too much work."""
    small = _small(op)
    for axis, declared in _sizes(op).items():
        step = math.gcd(*declared) or 1
        shape = {**small, axis: math.ceil(size / step) * step}
        # A shorter axis may be too short for another one, which nothing would refuse.
        if op.validate is None and size < int(small[axis]):
            continue
        if _is_affordable(op, shape, dtype):
            yield f"{_PREFIX}{axis}_{size}", shape


def _alike(op: Op, dtype: str) -> Iterator[tuple[str, Shape]]:
    """The shape in which all axes are alike, unless one was declared, or the op can't refuse it."""
    sizes = _sizes(op)
    steps = {axis: math.gcd(*declared) or 1 for axis, declared in sizes.items()}
    shape = {axis: math.ceil(_ALIKE_SIZE / step) * step for axis, step in steps.items()}
    declared = ({shape[axis] for axis in sizes} for shape in op.edge.values())
    if len(sizes) < 2 or op.validate is None or any(len(d) == 1 and d != {1} for d in declared):
        return
    if _is_affordable(op, {**_small(op), **shape}, dtype):
        yield _ALIKE, {**_small(op), **shape}


def _shapes(op: Op) -> Iterator[Shape]:
    """All shapes that an op declares, those that are only checked first."""
    for grid in (op.edge, op.quick, op.full):
        yield from grid.values()


def _sizes(op: Op) -> Mapping[str, list[int]]:
    """By axis that is a size, those of all shapes; options, which shapes set too, are none."""
    sizes: dict[str, list[int]] = {}
    for shape in _shapes(op):
        for axis, value in shape.items():
            if isinstance(value, int) and axis not in op.options:
                sizes.setdefault(axis, []).append(value)
    return sizes


def _is_declared(op: Op, name: str, size: int) -> bool:
    """Whether an edge shape is as long as a border's, and not as long as the next larger one's."""
    if size == 1:  # in none of them beside longer axes alone
        return False
    axis = name.removeprefix(_PREFIX).rpartition("_")[0]
    beyond = min((border for border in BORDERS if border > size), default=math.inf)
    declared = (shape[axis] for shape in op.edge.values())
    return any(isinstance(value, int) and size <= value < beyond for value in declared)


def _small(op: Op) -> Shape:
    """A shape as small as the declared ones are, of no axis that is 0, or 1 without need."""

    def rank(shape: Shape) -> tuple[bool, int, int]:
        sizes = [value for value in shape.values() if isinstance(value, int)]
        return 0 in sizes, sizes.count(1), math.prod(sizes)

    smallest = min(_shapes(op), key=rank)
    # Which options, and without `validate` which sizes, go together, only the op knows.
    if op.validate is None or set(smallest) & set(op.options):
        return smallest
    several = {
        axis: [size for size in sizes if size > 1 and isinstance(smallest[axis], int)]
        for axis, sizes in _sizes(op).items()
    }
    return {**smallest, **{axis: min(sizes) for axis, sizes in several.items() if sizes}}


def _is_affordable(op: Op, shape: Shape, dtype: str) -> bool:
    """Whether the op's cost says that a shape isn't too much work; so it is where it can't tell."""
    values = {**op.defaults, **shape, "e": 4, "dtype": dtype, "device": "cpu"}
    values |= {"direction": "forward", "board": op.boards[0]}
    if not set(parameter_names(op.cost)) <= set(values):
        return True
    try:
        with charged_to(op.name, "cost", op.cost):
            cost = call_named(op.cost, values)
            # That it returns something else is found with the declared shapes.
            return isinstance(cost, Cost) and _is_within(cost, MOST_WORK)
    # A size outside of the contract; a cost that never works is found with the declared shapes.
    except OpFaultError:
        return False


def _is_within(cost: Cost, most: Cost) -> bool:
    """Whether a call takes no more work than that."""
    return cost.flops <= most.flops and cost.bytes <= most.bytes
