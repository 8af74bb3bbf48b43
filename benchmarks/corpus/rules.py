"""Rules that make a wrong contender of a right one. Each returns a function of the same arguments.

They change arguments or results out of place, so that autograd sees the mutated function.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus.parts import Fn


def on_result(change: Fn) -> Fn:
    """The rule that changes the first result."""

    def rule(function: Fn) -> Fn:
        def mutated(*args: Any, **options: Any) -> Any:
            out = function(*args, **options)
            return (change(out[0]), *out[1:]) if isinstance(out, tuple) else change(out)

        return mutated

    return rule


def on_argument(place: int, change: Fn) -> Fn:
    """The rule that changes an argument beforehand."""

    def rule(function: Fn) -> Fn:
        def mutated(*args: Any, **options: Any) -> Any:
            given = list(args)
            given[place] = change(given[place])
            return function(*given, **options)

        return mutated

    return rule


def swapped(one: int, other: int) -> Fn:
    """Two arguments in each other's place."""

    def rule(function: Fn) -> Fn:
        def mutated(*args: Any, **options: Any) -> Any:
            given = list(args)
            given[one], given[other] = given[other], given[one]
            return function(*given, **options)

        return mutated

    return rule


def in_place(place: int) -> Fn:
    """An argument is changed by its last digit, after it was used."""

    def rule(function: Fn) -> Fn:
        def mutated(*args: Any, **options: Any) -> Any:
            out = function(*args, **options)
            if args[place].is_floating_point():
                args[place].detach().mul_(1 + torch.finfo(args[place].dtype).eps)
            return out

        return mutated

    return rule


def stale(function: Fn) -> Fn:
    """The result of the first call of each shape."""
    known: dict[Any, Any] = {}

    def mutated(*args: Any, **options: Any) -> Any:
        if any(getattr(a, "requires_grad", False) for a in args):
            return function(*args, **options)
        shapes = [(a.shape, a.dtype) if isinstance(a, Tensor) else a for a in args]
        key = str((shapes, options))
        if key not in known:
            known[key] = function(*args, **options)
        return known[key].clone()

    return mutated


def last_repeated(x: Tensor) -> Tensor:
    """Off by one at the border: the last row is the one before it."""
    return torch.cat([x[:-1], x[-2:-1]]) if len(x) > 1 else x


def last_column_lost(x: Tensor) -> Tensor:
    """The loop ends one early: the last element of each row is 0."""
    return torch.cat([x[..., :-1], torch.zeros_like(x[..., -1:])], -1) if x.ndim else x


def last_added_twice(x: Tensor) -> Tensor:
    """Off by one at the border, within rows."""
    return torch.cat([x[..., :-1], 2 * x[..., -1:]], -1) if x.ndim else x


def in_bfloat16(x: Tensor) -> Tensor:
    """A dropped `.float()`: the digits of bfloat16."""
    return x.bfloat16().to(x.dtype) if x.dtype == torch.float32 else x


def in_float32(x: Tensor) -> Tensor:
    """float64 by way of float32."""
    return x.float().to(x.dtype) if x.dtype == torch.float64 else x


def without_nan(x: Tensor) -> Tensor:
    """A mask that hides NaN and infinity."""
    return x.nan_to_num() if x.is_floating_point() else x


def wider(x: Tensor) -> Tensor:
    """The accumulator's type is returned."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def one_in_thousand(x: Tensor) -> Tensor:
    """One element of a thousand is off by a hundredth."""
    if not x.is_floating_point() or x.numel() < 1000:
        return x
    off = torch.arange(x.numel()).view(x.shape) % 1000 == 999
    return torch.where(off, x * 1.01, x)


def beyond(limit: int, change: Fn) -> Fn:
    """The change, for tensors of more elements than `limit` alone."""
    return lambda x: change(x) if x.numel() > limit else x


def shifted_by_one(x: Tensor) -> Tensor:
    """Indexes count from one."""
    return (x - 1).clamp(min=0)


def as_it_lies(x: Tensor) -> Tensor:
    """A wrong stride: the transposed of square matrices."""
    return x.mT if x.ndim > 1 and x.shape[-1] == x.shape[-2] else x


def detached(x: Tensor) -> Tensor:
    """No gradient."""
    return x.detach()
