"""The operators of a call: where in the call tree, on what, how often, how long.

The profiler records the tree of operators with the sizes, strides and dtypes of their inputs and
their allocations. It slows down what it watches by a microsecond or so per operator; how much is
measured here, so that it can be left out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.autograd import profiler

from opbench.results.records import OperatorUse
from opbench.results.statistics.intervals import median

#: Seconds that the calls of a trace take together, and their number.
_SPENT_S, _FEWEST, _MOST = 0.08, 3, 25
#: Operators that do next to nothing, to measure what recording one costs.
_TRIVIAL = 200
#: The hash in the namespace of a compiled kernel: two versions are one operator.
_HASH = re.compile(r"_?[0-9a-f]{8,}(?=::|_|$)")

#: What is alike about uses of an operator: path, name, sizes, strides and dtypes.
Key = tuple[tuple[str, ...], str, tuple[Any, ...], tuple[Any, ...], tuple[str, ...]]


@dataclass(slots=True)
class _Uses:
    """The calls of an operator that are alike, by call of the contender."""

    #: Its number among the kinds, by when it came first.
    counts: dict[int, int] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    allocated: dict[int, int] = field(default_factory=dict)


def gather(
    call: Callable[[], object],
) -> tuple[tuple[OperatorUse, ...], tuple[tuple[str, float], ...]]:
    """The operators of a call in the order of their first calls, and figures of the profile."""
    calls = _affordable(call)
    tree = [root for root in record(call, calls) if root.name.startswith("call#")]
    uses: dict[Key, _Uses] = {}
    for number, root in enumerate(tree):
        for path, event in walk(root):
            _add(uses.setdefault(key_of(path, event), _Uses()), event, number)
    figures = (
        ("profiled_s", median([root.duration_time_ns / 1e9 for root in tree])),
        ("outside_s", median([_own_ns(root) / 1e9 for root in tree])),
        ("event_overhead_s", event_overhead()),
        ("events", median([float(sum(1 for _ in walk(root))) for root in tree])),
        ("peak_bytes", median([float(_peak(root)) for root in tree])),
        ("allocated_bytes", median([float(sum(_allocated(root, deep=True))) for root in tree])),
    )
    found = [_use(key, one, len(tree)) for key, one in uses.items()]
    return tuple(use for use in found if use.calls), figures


def record(call: Callable[[], object], calls: int, **options: Any) -> list[Any]:
    """The roots of the event tree of so many calls, after one that isn't recorded.

    options: of the profiler. Allocations are recorded as well unless they say otherwise.
    """
    call()
    # The small profiler: torch.profiler would first import the compiler, which takes seconds.
    options.setdefault("profile_memory", True)
    with profiler.profile(record_shapes=True, **options) as profiled:
        for number in range(calls):
            with profiler.record_function(f"call#{number}"):
                call()
    assert profiled.kineto_results is not None
    return list(profiled.kineto_results.experimental_event_tree())


def walk(root: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The operators below an event, each after what called it, with the names of those."""
    for child in root.children:
        if _is_operator(child):
            yield path, child
            yield from walk(child, (*path, plain_name(child.name)))


def key_of(path: tuple[str, ...], event: Any) -> Key:
    """What the calls of an operator that are counted together have in common."""
    tensors = list(_tensors(event.extra_fields))
    sizes = tuple(tuple(int(n) for n in tensor.sizes) for tensor in tensors)
    strides = tuple(tuple(int(n) for n in tensor.strides) for tensor in tensors)
    dtypes = tuple(str(tensor.dtype).removeprefix("torch.") for tensor in tensors)
    return path, plain_name(event.name), sizes, strides, dtypes


def plain_name(name: str) -> str:
    """The name of an operator without hashes, which differ from build to build."""
    return _HASH.sub("", name)


def event_overhead() -> float:
    """Seconds by which recording one operator slows a call down.

    Measured on operators that do next to nothing, with and without the profiler.
    """
    trivial = torch.zeros(1)

    def many() -> None:
        for _ in range(_TRIVIAL):
            trivial.detach()

    many()
    plain = min(_seconds(many) for _ in range(5))
    roots = [root for root in record(many, 5) if root.name.startswith("call#")]
    recorded = min(float(root.duration_time_ns) for root in roots) / 1e9
    return max(0.0, recorded - plain) / _TRIVIAL


def _affordable(call: Callable[[], object]) -> int:
    """The number of calls that a trace holds."""
    call()
    return max(_FEWEST, min(_MOST, int(_SPENT_S / max(_seconds(call), 1e-9))))


def _seconds(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _is_operator(event: Any) -> bool:
    """Whether an event of the tree is an operator, and no allocation."""
    return str(event.typed[0]) == "_EventType.TorchOp"


def _tensors(fields: Any) -> Iterator[Any]:
    """The tensors among the inputs of an operator, those in lists too."""
    for given in getattr(fields, "inputs", ()):
        for one in given if isinstance(given, list) else (given,):
            if hasattr(one, "strides"):
                yield one


def _own_ns(event: Any) -> int:
    """Nanoseconds of an event without the operators that it calls."""
    below = sum(child.duration_time_ns for child in event.children if _is_operator(child))
    return max(0, int(event.duration_time_ns - below))


def _allocated(event: Any, *, deep: bool) -> Iterator[int]:
    """Bytes of each allocation of an event; deep: and of what it calls."""
    for child in event.children:
        size = getattr(child.extra_fields, "alloc_size", None)
        if size is not None and size > 0:
            yield size
        elif deep:
            yield from _allocated(child, deep=True)


def _peak(root: Any) -> int:
    """The most bytes that a call held at once."""
    held = peak = 0
    for _, size in sorted(_changes(root)):
        held += size
        peak = max(peak, held)
    return peak


def _changes(event: Any) -> Iterator[tuple[int, int]]:
    """When memory was allocated, or with a negative size freed, below an event."""
    for child in event.children:
        size = getattr(child.extra_fields, "alloc_size", None)
        if size is not None:
            yield child.start_time_ns, size
        yield from _changes(child)


def _add(uses: _Uses, event: Any, number: int) -> None:
    """Add a call of an operator in a call of the contender."""
    uses.counts[number] = uses.counts.get(number, 0) + 1
    uses.seconds[number] = uses.seconds.get(number, 0.0) + _own_ns(event) / 1e9
    allocated = sum(_allocated(event, deep=False))
    uses.allocated[number] = uses.allocated.get(number, 0) + allocated


def _use(key: Key, uses: _Uses, calls: int) -> OperatorUse:
    """The use of an operator in a call: medians over the calls, of which some may not have it.

    calls: of the contender, in the trace.
    """
    path, name, sizes, strides, dtypes = key
    numbers = range(calls)
    return OperatorUse(
        name=name,
        path=path,
        sizes=sizes,
        strides=strides,
        dtypes=dtypes,
        calls=median([float(uses.counts.get(n, 0)) for n in numbers]),
        self_time_s=median([uses.seconds.get(n, 0.0) for n in numbers]),
        allocated_bytes=median([float(uses.allocated.get(n, 0)) for n in numbers]),
    )
