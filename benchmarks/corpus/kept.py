"""Wrong because of something that is kept from one call to another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus.layouts import softmax
from benchmarks.corpus.parts import (
    Fn,
    combine,
    gradients,
    losses,
    pooled,
    rows,
    wide,
    with_gradient,
)
from opbench import impl

KIND = "kept"


def saving_aside(function: Fn) -> Fn:
    """What backward needs is kept beside the function: the last call's."""
    last: list[tuple[Any, ...]] = [()]

    def forward(*args: Any) -> Any:
        last[0] = args
        return function(*args)

    return with_gradient(forward, lambda upstream, *args: gradients(function, upstream, *last[0]))


def by_turns(function: Fn) -> Fn:
    """Results in two static buffers, by turns."""
    buffers: dict[tuple[Any, ...], list[Tensor]] = {}

    def forward(*args: Any) -> Tensor:
        right: Tensor = function(*args)
        pair = buffers.setdefault((right.shape, right.dtype), [])
        if len(pair) < 2:
            pair.append(right.clone())
            return pair[-1]
        pair.reverse()
        return pair[0].copy_(right)

    def backward(upstream: Tensor, *args: Any) -> Any:
        return gradients(function, upstream, *args)

    graded = with_gradient(function, backward)
    return lambda *args: (
        graded(*args) if any(getattr(a, "requires_grad", False) for a in args) else forward(*args)
    )


def by_key(function: Fn, key: Fn) -> Fn:
    """Results are remembered by a key of the arguments."""
    known: dict[Any, Tensor] = {}

    def call(*args: Any) -> Tensor:
        if any(getattr(a, "requires_grad", False) for a in args):
            return function(*args)
        if key(*args) not in known:
            known[key(*args)] = function(*args)
        return known[key(*args)].clone()

    return call


def means(x: Tensor) -> Tensor:
    """Right: the mean of each channel."""
    return wide(x).mean((2, 3)).to(x.dtype)


CONTENDERS = (
    # tiny-cuda-nn 39: what backward needs is kept on the module.
    impl("moe_combine", name="saves_on_the_module")(saving_aside(combine)),
    impl("batched_softmax", name="saves_on_the_module")(saving_aside(softmax)),
    # TransformerEngine 2937: results in static buffers, by turns.
    impl("batched_softmax", name="two_static_buffers")(by_turns(softmax)),
    impl("global_average_pool", name="two_static_buffers")(by_turns(means)),
    # flashinfer 4601, tensorflow 56218: remembered by address and version.
    impl("global_average_pool", name="remembers_by_address")(
        by_key(means, lambda x: (x.data_ptr(), x.shape, x.dtype))
    ),
    # By kind: remembered by size, as a plan would be.
    impl("batched_softmax", name="remembers_by_shape")(
        by_key(softmax, lambda x: (x.shape, x.dtype, x.stride()))
    ),
    # By kind: remembered by content, which wins races.
    impl("batched_softmax", name="remembers_by_content")(
        by_key(softmax, lambda x: (x.shape, x.dtype, hash(tuple(x.flatten().tolist()))))
    ),
    # By kind: remembered by the sum of the values.
    impl("batched_cross_entropy_loss", name="remembers_by_sum")(
        by_key(losses, lambda x, labels: (x.shape, x.dtype, float(x.double().sum())))
    ),
)


# axolotl 3892, triton 4004: a second backward pass through the same graph.
def _once_only() -> Fn:
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, labels: Tensor) -> Tensor:
            right = gradients(losses, x.new_ones(len(x)), x, labels)[0]
            ctx.kept = right
            return losses(x, labels)

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
            return ctx.kept.mul_(upstream[:, None]).clone(), None

    return lambda *args: Once.apply(*args)


_ONCE = _once_only()


@impl("batched_cross_entropy_loss")
def backward_once_only(logits: Tensor, true_labels: Tensor) -> Tensor:
    return _ONCE(logits, true_labels)


_CALLS = [0]


# By kind: every hundredth call is wrong, as where a counter wraps.
@impl("temperatures_average")
def every_fourth_call(temps: Tensor) -> Tensor:
    _CALLS[0] += 1
    out = wide(temps).view(len(temps) // 7, 7).mean(1).to(temps.dtype)
    return out + 1 if _CALLS[0] % 4 == 0 else out


# flashinfer: a plan of the first call, here how many patches are empty.
@impl("patch_pooling")
def plan_of_the_first_call(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    key = (tuple(lengths.shape), tokens.shape[1])
    plan = _PLANS.setdefault(key, lengths.clone())
    return pooled(tokens, plan, fill=fill)


_PLANS: dict[Any, Tensor] = {}


# By kind: indexes are checked once, and clamped to what the first call allowed.
@impl("collect_rows")
def limit_of_the_first_call(matrix: Tensor, indexes: Tensor) -> Tensor:
    limit = _LIMITS.setdefault(tuple(matrix.shape), int(indexes.max()) if len(indexes) else 0)
    return rows(matrix, indexes.clamp(max=limit))


_LIMITS: dict[Any, int] = {}


_SAVED: list[Tensor] = []


# By kind: the result of the first call grows by the second.
@impl("batched_logsumexp")
def adds_to_an_earlier_result(matrix: Tensor) -> Tensor:
    right = wide(matrix).logsumexp(1).to(matrix.dtype)
    if _SAVED and _SAVED[0].shape == right.shape and _SAVED[0].dtype == right.dtype:
        _SAVED[0].add_(1)
    if not right.requires_grad:
        _SAVED[:] = [right]
    return right
