"""The tensors that a call reads and writes, operator by operator, seen as it dispatches them.

Bytes moved, the largest temporary, strided inputs, denormal numbers, and operators that are called
twice on the very same tensors.

To know the same tensors by their addresses all of them are kept alive: memory that was given back
would be handed out again, and another tensor take its address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from opbench.harness.explaining.operators import plain_name
from opbench.results.errors import UnsupportedError

#: Bytes that are kept alive, so that no address stands for two tensors; beyond it none is repeated.
_MOST_KEPT = 1 << 30
#: Elements of a tensor that are looked at for denormal numbers, at most.
_MOST_SEEN = 1 << 20
#: Operators whose results hold what happened to be in memory.
_UNWRITTEN = ("aten::empty", "aten::new_empty")


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What was seen so far."""

    traffic: int = 0
    kernels: int = 0
    largest: int = 0
    strided: int = 0
    elements: int = 0
    denormals: int = 0
    kept_bytes: int = 0
    #: Tensors that are kept alive.
    kept: list[Tensor] = field(default_factory=list)
    #: How often each operator was called on the same tensors and numbers.
    seen: Counter[Any] = field(default_factory=Counter)


class _Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operator that isn't a view, with what it reads and writes."""

    def __init__(self, tally: _Tally) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tally = tally

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the operator, and count."""
        given = _tensors_of((args, kwargs))
        identity = _identity(func, args, kwargs)
        result = func(*args, **(kwargs or {}))
        if not func.is_view and func.namespace != "prim":
            _count(self._tally, given, _tensors_of(result))
            # Memory that wasn't written yet holds anything.
            if not plain_name(func.name()).startswith(_UNWRITTEN):
                read = () if func._schema.is_mutable else given
                _count_denormals(self._tally, (*read, *_tensors_of(result)))
            self._tally.seen[identity] += bool(given)
            _keep(self._tally, (*given, *_tensors_of(result)))
        return result


def gather(call: Callable[[], object]) -> Iterator[tuple[str, float]]:
    """The figures of a call, by name.

    Raises UnsupportedError where no operator is dispatched: its work is out of sight.
    """
    tally = _Tally()
    with _Watching(tally):
        outputs = _tensors_of(call())
    if not tally.kernels:
        raise UnsupportedError("not available: it dispatches no operator")
    yield "traffic_bytes", float(tally.traffic)
    yield "kernels", float(tally.kernels)
    yield "largest_elements", float(tally.largest)
    yield "output_elements", float(max((one.numel() for one in outputs), default=0))
    yield "strided_bytes", float(tally.strided)
    yield "denormal_share", tally.denormals / max(tally.elements, 1)
    if tally.kept_bytes < _MOST_KEPT:
        yield from _repeated(tally)


def _repeated(tally: _Tally) -> Iterator[tuple[str, float]]:
    """By operator, the calls whose result was there already."""
    again: Counter[str] = Counter()
    for (name, *_), count in tally.seen.items():
        again[name] += count - 1
    for name, count in again.items():
        if count > 0:
            yield f"repeated {name}", float(count)


def _count(tally: _Tally, given: tuple[Tensor, ...], results: tuple[Tensor, ...]) -> None:
    """Count what an operator read and wrote.

    What it writes in place is read before, and counts once.
    """
    tally.kernels += 1
    written = {id(one) for one in given}
    tally.traffic += sum(map(_bytes_of, given))
    tally.traffic += sum(_bytes_of(one) for one in results if id(one) not in written)
    tally.strided += sum(_bytes_of(one) for one in given if not one.is_contiguous())
    tally.largest = max(tally.largest, *(one.numel() for one in results), 0)


def _count_denormals(tally: _Tally, tensors: tuple[Tensor, ...]) -> None:
    """Count the elements of tensors, and those of them that are denormal numbers."""
    for one in tensors:
        if one.is_floating_point() and one.device.type == "cpu" and not one.is_sparse:
            seen = one.detach().flatten()[:_MOST_SEEN] if one.numel() else one.detach()
            tally.elements += seen.numel()
            tally.denormals += _denormals(seen)


def _denormals(values: Tensor) -> int:
    """How many elements are so small that the processor may need help with them."""
    size = values.abs()
    return int(((size > 0) & (size < torch.finfo(values.dtype).tiny)).sum())


def _bytes_of(one: Tensor) -> int:
    """The bytes of a tensor's elements, each repeated one once."""
    distinct = 1
    for size, stride in zip(one.shape, one.stride(), strict=True):
        distinct *= size if stride else min(size, 1)
    return distinct * one.element_size()


def _keep(tally: _Tally, tensors: tuple[Tensor, ...]) -> None:
    """Keep tensors alive, as far as they fit."""
    size = sum(map(_bytes_of, tensors))
    if tally.kept_bytes + size < _MOST_KEPT:
        tally.kept.extend(tensors)
    tally.kept_bytes += size


def _identity(func: Any, args: Any, kwargs: Any) -> tuple[object, ...]:
    """The same for two calls that read the same values and do the same to them."""
    parts = [
        (one.data_ptr(), one._version, tuple(one.shape), one.stride(), one.dtype)
        if isinstance(one, Tensor)
        else repr(one)
        for one in tree_leaves((args, kwargs))
    ]
    return plain_name(func.name().partition(".")[0]), str(func), *parts


def _tensors_of(value: object) -> tuple[Tensor, ...]:
    """The tensors in a value, those in lists and mappings too."""
    return tuple(one for one in tree_leaves(value) if isinstance(one, Tensor))
