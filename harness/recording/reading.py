"""From what was counted to recorded shapes: the axes of each call, by how its op reads them.

That takes the catalogue, and torch to find out how axes are read; neither is needed while a program
runs. A call that is none of an op after all, as a softmax over another axis, or of which an axis
can't be read, is counted with the reason and has no shape.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from opbench.harness.catalog import Catalog
from opbench.harness.choosing.call_axes import CallAxes, call_axes, read_axis
from opbench.harness.declaration.named_arguments import is_default
from opbench.harness.declare import Op
from opbench.harness.outcomes import charged_to
from opbench.harness.preparation.resolve import bind_arguments
from opbench.harness.recording.facts import CallFacts, TensorFacts, Unknown, tensors_of
from opbench.harness.recording.recognised import bindings
from opbench.results.choosing.recorded import RecordedShape, Recording, Unread
from opbench.results.choosing.situations import is_size
from opbench.results.errors import OpbenchError, UnsupportedError


def recording_of(facts: Iterable[CallFacts], catalog: Catalog, *, compiled: int = 0) -> Recording:
    """The shapes of calls, those that are alike added up, and of which nothing is known.

    compiled: how many graphs torch.compile made meanwhile.
    """
    shapes: dict[Any, RecordedShape] = {}
    unread: dict[tuple[str, str], int] = {}
    known: dict[str, CallAxes] = {}
    for call in facts:
        try:
            shape = _shape(call, catalog, known)
        except (OpbenchError, TypeError) as error:
            key = (_label(call), str(error))
            unread[key] = unread.get(key, 0) + call.count
            continue
        alike = repr(replace(shape, via={}, count=0, seconds=0.0))
        shapes[alike] = _added(shapes[alike], shape) if alike in shapes else shape
    order = {op: place for place, op in enumerate(catalog.ops)}
    return Recording(
        tuple(sorted(shapes.values(), key=lambda s: (order[s.op], -s.count))),
        tuple(Unread(what, reason, count) for (what, reason), count in unread.items()),
        compiled,
    )


def _added(one: RecordedShape, other: RecordedShape) -> RecordedShape:
    """Two that are alike, as one."""
    ways = (*one.via, *other.via)
    return replace(
        one,
        via={way: one.via.get(way, 0) + other.via.get(way, 0) for way in ways},
        count=one.count + other.count,
        seconds=one.seconds + other.seconds,
    )


def _label(call: CallFacts) -> str:
    """What was called, for messages."""
    names = ", ".join(call.ops)
    return names if call.how in _WAYS else f"torch.{call.how} ({names})"


_WAYS = ("contender", "dispatch", "catalog.call")


def _shape(call: CallFacts, catalog: Catalog, known: dict[str, CallAxes]) -> RecordedShape:
    """The shape of a call: of the first of its ops that it is a call of.

    Raises UnsupportedError or TypeError, with the reason, where it is of none.
    """
    if call.unread:
        raise UnsupportedError(call.unread)
    reasons = []
    for name in call.ops:
        try:
            op = catalog.op(name)
            values = _values(call, op)
            known[name] = known.get(name) or call_axes(op)
            return _read(call, op, values, known[name])
        except (OpbenchError, TypeError) as error:
            reasons.append(str(error))
    raise UnsupportedError("; ".join(reasons))


def _values(call: CallFacts, op: Op) -> dict[str, Any]:
    """The arguments and options of a call, by their names in the op, with defaults.

    Raises UnsupportedError or TypeError where it is no call of the op.
    """
    options = dict(call.options)
    bind = bindings(op).get(call.how) if call.how not in _WAYS else None
    if bind is None:
        return bind_arguments(op, call.args, options)
    for value in (*call.args, *options.values()):
        if isinstance(value, Unknown):
            raise UnsupportedError(f"it was given {value.text}")
    try:
        inspect.signature(bind).bind(*call.args, **options)
    except TypeError as error:
        raise UnsupportedError(f"no call of {op.name}: {error}") from error
    with charged_to(op.name, "torch_functions", bind):
        values = bind(*call.args, **options)
    if values is None:
        raise UnsupportedError(f"no call of {op.name}: it has other arguments")
    return {**op.defaults, **values}


def _read(call: CallFacts, op: Op, values: Mapping[str, Any], axes: CallAxes) -> RecordedShape:
    """The axes of a call and all else. Raises UnsupportedError where one can't be read."""
    sizes = {axis: read_axis(text, values) for axis, text in axes.reads.items()}
    unfit = [axis for axis, size in sizes.items() if not isinstance(size, int | float | str)]
    if unfit or not any(is_size(size) for size in sizes.values()):  # type: ignore[arg-type]
        raise UnsupportedError(_why(op, values, unfit))
    named = {name: tensors_of(value) for name, value in values.items()}
    tensors = [tensor for found in named.values() for tensor in found]
    main = read_axis(axes.tensor, values) if axes.tensor else None
    main = main if isinstance(main, TensorFacts) else None
    options = {
        name: values[name] if isinstance(values[name], int | float | str) else "another value"
        for name in op.options
        if name not in op.axes and not is_default(values[name], op.defaults[name])
    }
    return RecordedShape(
        op=op.name,
        axes=sizes,  # type: ignore[arg-type]
        dtype=main.dtype if main else "",
        device=next((tensor.device for tensor in tensors if tensor.device), "cpu"),
        requires_grad=any(tensor.requires_grad for tensor in tensors),
        strides={name: found[0].strides for name, found in named.items() if found},
        options=options,
        via={call.how: call.count},
        count=call.count,
        seconds=call.seconds,
    )


def _why(op: Op, values: Mapping[str, Any], unfit: Iterable[str]) -> str:
    """Why a call of an op isn't read, in words."""
    unknown = [f"{n} is {v.text}" for n, v in values.items() if isinstance(v, Unknown)]
    names = ", ".join(unfit) or "no axis"
    return f"{names} of {op.name} can't be read off it{': ' if unknown else ''}{', '.join(unknown)}"
