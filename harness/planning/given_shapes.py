"""Shapes that a selection gives itself, in place of those that ops declare. No torch.

"B=4,S=2048,D=768,P=500" gives every axis; "wide,S=4096" is a declared shape with another size. A
sweep, "S=256..8192" or "S=256..8192/9", goes over an axis of them in even steps of its logarithm.
The name of such a shape is made of its axes: it is the same by whichever option it is given.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping

from opbench.harness.declaration.suggestions import listed, near
from opbench.harness.declare import Op, Shape
from opbench.harness.planning.selection import Selection
from opbench.results.errors import SelectionError
from opbench.results.records.case import AxisValue

#: More shapes than that are a mistake.
MOST_SHAPES = 1000
#: The largest size: no tensor has more elements.
_LARGEST = 2**48
_SWEEP = re.compile(r"\s*(\w+)\s*=\s*(\d+)\s*\.\.\s*(\d+)\s*(?:/\s*(\d{1,4})\s*)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)


def given_shapes(op: Op, selection: Selection) -> dict[str, Shape]:
    """By name, the shapes that a selection gives; empty where it gives none.

    Without a shape, sweeps go over the first one that the op declares to be timed. Raises
    SelectionError, naming the option, for what the op doesn't have or isn't written so.
    """
    if not gives_shapes(selection):
        return {}
    bases = [_shape(op, text, "--shape") for text in selection.shapes]
    bases += [_shape(op, text, "--shapes:") for text in _recorded(op, selection)]
    sweeps = [_sweep(op, text) for text in selection.sweeps]
    if len({axis for axis, _ in sweeps}) < len(sweeps):
        raise SelectionError("--sweep: give each axis once, its ends further apart")
    found: dict[str, Shape] = {}
    for base in bases or [next(iter(op.quick.values()))]:
        for sizes in itertools.product(*(points for _, points in sweeps)):
            swept = dict(zip((axis for axis, _ in sweeps), sizes, strict=True))
            shape = {axis: {**base, **swept}[axis] for axis in op.axes}
            found.setdefault(*_named(op, shape))
            if len(found) > MOST_SHAPES:
                raise SelectionError(
                    f"--shape, --shapes and --sweep give more than {MOST_SHAPES} shapes"
                )
    return found


def gives_shapes(selection: Selection) -> bool:
    """Whether a selection gives shapes itself."""
    return bool(selection.shapes or selection.sweeps or selection.recorded)


def _recorded(op: Op, selection: Selection) -> list[str]:
    """The recorded shapes of an op. Raises SelectionError where others have some, and it none."""
    own = [text for name, text in selection.recorded if name == op.name]
    if selection.recorded and not own and not selection.shapes:
        names = listed(dict.fromkeys(name for name, _ in selection.recorded))
        raise SelectionError(f"--shapes: there is no shape of {op.name} in the file; of {names}")
    return own


def fits(op: Op, selection: Selection) -> bool:
    """Whether an op has every axis and declared shape that the shapes of a selection name.

    Where it gives recorded shapes, the op has to have some.
    """
    if selection.recorded and not any(name == op.name for name, _ in selection.recorded):
        return False
    texts = (*(t for text in selection.shapes for t in text.split(",")), *selection.sweeps)
    names = {text.partition("=")[0].strip() for text in texts if "=" in text}
    declared = {text.strip() for text in texts if "=" not in text}
    return names <= set(op.axes) and declared <= set(declared_shapes(op))


def _shape(op: Op, text: str, option: str) -> Shape:
    """The shape that a text gives, with all axes of the op."""
    where = f"{option} {text}"
    axes: dict[str, AxisValue] = {}
    for number, part in enumerate(part.strip() for part in text.split(",")):
        name, is_axis, value = (piece.strip() for piece in part.partition("="))
        if is_axis:
            _ensure_axis(op, name, where)
            axes[name] = _value(op, name, value)
        elif number == 0 and name in declared_shapes(op):
            axes |= declared_shapes(op)[name]
        else:
            names = declared_shapes(op)
            raise SelectionError(
                f"{where}: {name!r} is no shape of {op.name}{near(name, names)}: give axes, "
                f"{_example(op)}, or one of {listed(names)} before them"
            )
    if missing := [axis for axis in op.axes if axis not in axes]:
        raise SelectionError(
            f"{where}: {op.name} lacks {', '.join(missing)}: give every axis, "
            f"{_example(op)}, or a declared shape before it, {next(iter(op.quick))},{text}"
        )
    return axes


def _sweep(op: Op, text: str) -> tuple[str, tuple[int, ...]]:
    """The axis of a sweep, and its sizes: without a number of them each twice the one before."""
    parts = _SWEEP.fullmatch(text)
    if parts is None:
        raise SelectionError(
            f"--sweep {text}: give an axis with its smallest and largest size, "
            "S=256..8192, and perhaps how many there are, S=256..8192/9"
        )
    axis = parts[1]
    _ensure_axis(op, axis, f"--sweep {text}")
    if not isinstance(next(iter(op.quick.values()))[axis], int) or _is_flag(op, axis):
        raise SelectionError(f"--sweep {text}: {axis} of {op.name} is no size: use --shape")
    low, high = (_value(op, axis, end) for end in (parts[2], parts[3]))
    assert isinstance(low, int)
    assert isinstance(high, int)
    if not 0 < low < high:
        raise SelectionError(f"--sweep {text}: the first size has to be above 0, and the smaller")
    return axis, _points(low, high, int(parts[4] or 1 + max(1, round(math.log2(high / low)))))


def _points(low: int, high: int, count: int) -> tuple[int, ...]:
    """So many sizes from low to high in even steps of the logarithm, each once."""
    steps = max(count - 1, 1)
    sizes = (round(low * (high / low) ** (step / steps)) for step in range(steps + 1))
    return tuple(dict.fromkeys(sizes))


def _value(op: Op, axis: str, text: str) -> AxisValue:
    """The value of an axis, of the type that it has in declared shapes."""
    kinds = {type(shape[axis]) for shape in declared_shapes(op).values()}
    if kinds == {str}:
        return text
    if bool in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    is_size = axis not in op.options
    if int in kinds and _WHOLE.fullmatch(text) and -_LARGEST < int(text) < _LARGEST:
        if int(text) >= 0 or not is_size:
            return int(text)
    elif float in kinds and (number := _number(text)) is not None:
        return number
    what = "a whole number, not below 0" if is_size and int in kinds else f"like {_example(op)}"
    raise SelectionError(f"{op.name}: {axis}={text}: {axis} ({op.axes[axis]}) has to be {what}")


def _number(text: str) -> float | None:
    """A finite number; None for any other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _named(op: Op, shape: Shape) -> tuple[str, Shape]:
    """A shape and its name: that of the declared shape that it is, or one made of its axes."""
    for name, declared in declared_shapes(op).items():
        if dict(declared) == dict(shape):
            return name, declared
    text = "_".join(f"{axis}{value}" for axis, value in shape.items())
    return re.sub(r"[^\w.+-]", "-", text), shape


def declared_shapes(op: Op) -> Mapping[str, Shape]:
    """All shapes that an op declares, by name; those that are timed by default go first."""
    return {**op.edge, **op.full, **op.quick}


def _is_flag(op: Op, axis: str) -> bool:
    """Whether an axis is true or false, which Python counts among the numbers."""
    return any(isinstance(shape[axis], bool) for shape in declared_shapes(op).values())


def _ensure_axis(op: Op, axis: str, where: str) -> None:
    """Raise SelectionError where the op has no such axis."""
    if axis not in op.axes:
        known = ", ".join(op.axes) or "none"
        raise SelectionError(
            f"{where}: {op.name} has no axis {axis!r}{near(axis, op.axes)}; it has {known}"
        )


def _example(op: Op) -> str:
    """A declared shape, as the option takes it."""
    return ",".join(_texts(next(iter(op.quick.values()))))


def _texts(shape: Shape) -> Iterator[str]:
    """The axes of a shape, as the option takes them."""
    return (f"{axis}={value}" for axis, value in shape.items())
