"""How the sizes of a shape are read off the arguments of a call: "S" is `tokens.shape[1]`, say.

An op declares how inputs are made of axes, not the way back. It is found by making small inputs of
several shapes, in which each axis is changed alone: what follows it is a length, a number, or a
length over other axes. An axis that nothing follows is in the values, and hidden from a call.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from torch import Tensor

from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declare import Op, Shape
from opbench.harness.outcomes import catch, charged_to
from opbench.harness.planning.given_shapes import declared_shapes
from opbench.harness.preparation.inputs import Inputs, build
from opbench.results.choosing.situations import is_size
from opbench.results.errors import OpFaultError
from opbench.results.records import Case

#: Of inputs that are made to look at, the most that all sizes multiply to.
_LARGEST = 2**22
#: How an axis is changed: by a factor and an addend, the first that the op takes.
_CHANGES = ((2, 0), (1, 1), (3, 0), (1, 2))
#: The most declared shapes that are looked at.
_MOST_SHAPES = 6
#: Lengths that are so many times an axis are read, too.
_MOST_TIMES = 64

#: A shape and the arguments and options that were made of it, by name.
Sample = tuple[Shape, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class CallAxes:
    """The axes of an op as they are read off a call."""

    #: By axis, an expression of the op's arguments and options: "tokens.shape[1]".
    reads: Mapping[str, str]
    #: The axes that nothing of a call shows.
    hidden: tuple[str, ...]
    #: The first floating-point tensor of a call, or else its first; "" where there is none.
    tensor: str


def call_axes(op: Op, kind: str = "") -> CallAxes:
    """How the axes of an op are read; kind: of the inputs that are made, the first timed one.

    Raises OpFaultError where the op's functions fail on all of its own shapes.
    """
    samples = _samples(op, kind or op.timed_kinds[0])
    if not samples:
        return CallAxes({}, tuple(op.axes), "")
    lengths = list(dict.fromkeys(text for _, values in samples for text in _lengths(op, values)))
    reads: dict[str, str] = {}
    for axis in op.axes:
        found = next((text for text in lengths if _follows(text, axis, samples)), None)
        if found is not None:
            reads[axis] = found
    for axis in op.axes:
        if axis not in reads:
            quotients = _quotients(axis, lengths, reads, samples)
            found = next((text for text in quotients if _follows(text, axis, samples)), None)
            if found is not None:
                reads[axis] = found
    hidden = tuple(axis for axis in op.axes if axis not in reads)
    return CallAxes(reads, hidden, _main_tensor(op, samples[0][1]))


def _samples(op: Op, kind: str) -> list[Sample]:
    """Inputs of small declared shapes, and of those with one axis changed."""
    declared = [dict(shape) for shape in declared_shapes(op).values()]
    filled = [shape for shape in declared if 0 not in _sizes(op, shape).values()]
    small = [shape for shape in filled if _volume(shape) <= _LARGEST // 4]
    found: list[Sample] = []
    for shape in sorted(small, key=_volume)[-_MOST_SHAPES:]:
        if (sample := _made(op, kind, shape)) is None:
            continue
        found.append(sample)
        for axis, size in _sizes(op, shape).items():
            changed = (_made(op, kind, {**shape, axis: size * m + k}) for m, k in _CHANGES)
            found += [sample for sample in (next(filter(None, changed), None),) if sample]
    return found


def _made(op: Op, kind: str, shape: Shape) -> Sample | None:
    """The inputs of a shape; None where the op doesn't take it, or it is large."""
    if _volume(shape) > _LARGEST:
        return None
    case = Case(op=op.name, shape="", axes=tuple(shape.items()), inputs=kind, dtype=op.dtypes[0])
    try:
        given = catch("inputs", partial(build, op, case))
        if not isinstance(given, Inputs):
            return None
        values = {**op.defaults, **given.values}
        if op.validate is not None:
            with charged_to(op.name, "validate", op.validate):
                call_named(op.validate, values)
    except OpFaultError:
        return None
    return shape, values


def _sizes(op: Op, shape: Shape) -> dict[str, int]:
    """The axes of a shape that are whole numbers, without the options."""
    return {
        axis: int(value)
        for axis, value in shape.items()
        if is_size(value) and float(value) % 1 == 0
    }


def _volume(shape: Shape) -> float:
    """What the sizes of a shape multiply to."""
    return math.prod(max(abs(float(value)), 1.0) for value in shape.values() if is_size(value))


def _lengths(op: Op, values: Mapping[str, Any]) -> Iterator[str]:
    """What of a call may be an axis: options, numbers, and the lengths of tensors."""
    yield from (name for name in op.options if name in op.axes)
    for name in op.arguments:
        yield from _of_value(name, values[name])


def _of_value(name: str, value: Any) -> Iterator[str]:
    """What of an argument may be an axis, as expressions of its name."""
    if isinstance(value, Tensor):
        yield from (f"{name}.shape[{place}]" for place in range(value.ndim))
    elif isinstance(value, tuple | list):
        yield f"len({name})"
        if value and isinstance(value[0], Tensor):
            yield from _of_value(f"{name}[0]", value[0])
        else:
            yield from (f"{name}[{place}]" for place in range(len(value)))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield name


def _quotients(
    axis: str, lengths: Sequence[str], reads: Mapping[str, str], samples: Sequence[Sample]
) -> Iterator[str]:
    """Lengths over another axis, over it twice, and over what they are always times the axis."""
    for length, other in product(lengths, reads.values()):
        yield f"{length} // {other}"
        yield f"{length} // {other} // {other}"
    for length in lengths:
        size, value = samples[0][0][axis], read_axis(length, samples[0][1])
        if isinstance(size, int) and isinstance(value, int) and size > 0 and value % size == 0:
            if 1 < value // size <= _MOST_TIMES:
                yield f"{length} // {value // size}"


def _follows(text: str, axis: str, samples: Sequence[Sample]) -> bool:
    """Whether an expression has the value of an axis in all samples."""
    return all(read_axis(text, values) == shape[axis] for shape, values in samples)


def read_axis(text: str, values: Mapping[str, Any]) -> object:
    """The value of an expression of ours, of `CallAxes`, for a call; None where it has none."""
    try:
        # Made here of the names of the op's arguments.
        return eval(text, {"len": len}, dict(values))
    except (IndexError, TypeError, ZeroDivisionError, AttributeError):
        return None


def _main_tensor(op: Op, values: Mapping[str, Any]) -> str:
    """The tensor whose dtype and device are those of the call."""
    tensors: dict[str, Tensor] = {}
    for name in op.arguments:
        value = values[name]
        if isinstance(value, Tensor):
            tensors[name] = value
        elif isinstance(value, tuple | list) and value and isinstance(value[0], Tensor):
            tensors[f"{name}[0]"] = value[0]
    floating = (name for name, tensor in tensors.items() if tensor.is_floating_point())
    return next(floating, next(iter(tensors), ""))
