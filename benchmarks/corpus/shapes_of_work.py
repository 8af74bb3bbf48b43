"""Right: work that is cut, turned or shared in unusual ways, by rule, and results laid out so."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus.parts import (
    Fn,
    columns_of,
    combine,
    conv,
    dots,
    gates,
    gradients,
    losses,
    pooled,
    ragged,
    rows,
    unfold,
    wide,
    windows,
    with_gradient,
)
from opbench import impl
from opbench.impls import (
    boundary_downsample,
    boundary_gradients,
    boundary_upsample,
    columns,
    expert_forward,
    lookups,
    max_pool2d,
    pooled_channels,
    pooling_matrix,
    sliding_windows,
    softmax,
    temperatures,
    transposes,
)

KIND = "right"


def in_float64(function: Fn) -> Fn:
    """Everything of a floating-point type in float64."""

    def call(*args: Any, **options: Any) -> Any:
        floats = [a for a in args if isinstance(a, Tensor) and a.is_floating_point()]
        given = [a.double() if isinstance(a, Tensor) and a.is_floating_point() else a for a in args]
        out = function(*given, **options)
        return out.to(floats[-1].dtype) if floats else out

    return call


def halves(function: Fn, number: int) -> Fn:
    """The first axis of the first arguments in two parts, one after the other."""

    def call(*args: Any, **options: Any) -> Any:
        cut = [a.tensor_split(2) for a in args[:number]]
        parts = [function(*given, *args[number:], **options) for given in zip(*cut, strict=True)]
        return torch.cat(parts)

    return call


def flipped(function: Fn, number: int) -> Fn:
    """The last example first."""

    def call(*args: Any, **options: Any) -> Any:
        turned = [a.flip(0) for a in args[:number]]
        return function(*turned, *args[number:], **options).flip(0)

    return call


def laid_apart(function: Fn) -> Fn:
    """The result lies transposed in memory."""
    return lambda *args, **options: function(*args, **options).mT.contiguous().mT


def gradients_apart(function: Fn) -> Fn:
    """The gradients lie transposed in memory."""

    def backward(upstream: Tensor, *args: Any) -> Any:
        found = gradients(function, upstream, *args)
        return tuple(g if g is None or g.ndim < 2 else g.mT.contiguous().mT for g in found)

    return with_gradient(function, backward)


_POOL: list[ThreadPoolExecutor] = []


def in_two_threads(function: Fn) -> Fn:
    """Two threads that stay, each with a half of the first axis."""

    def call(*args: Any) -> Any:
        if not _POOL:
            _POOL.append(ThreadPoolExecutor(2))
        cut = zip(*(a.tensor_split(2) for a in args), strict=True)
        return torch.cat(list(_POOL[0].map(lambda given: function(*given), cut)))

    return call


def linear(x: Tensor, w: Tensor) -> Tensor:
    """Each expert's matrix applied to its tokens."""
    return torch.bmm(wide(x), wide(w)).to(x.dtype)


def logsumexp(matrix: Tensor) -> Tensor:
    """Of each row."""
    return wide(matrix).logsumexp(1).to(matrix.dtype)


def softmax_of(matrix: Tensor) -> Tensor:
    """Of each row."""
    return matrix.softmax(1)


def channel_means(x: Tensor) -> Tensor:
    """Of each channel."""
    return wide(x).mean((2, 3)).to(x.dtype)


def of_week(temps: Tensor) -> Tensor:
    """The mean, whose gradient is one number that is repeated."""
    return wide(temps).view(len(temps) // 7, 7).mean(1).to(temps.dtype)


def expanded(upstream: Tensor, x: Tensor) -> Tensor:
    """The gradient of a channel's mean, without memory for it."""
    return (upstream / (x.shape[2] * x.shape[3]))[..., None, None].expand_as(x)


CONTENDERS = (
    # What the wrong ones are made of.
    *(
        impl(op, name="right_as_it_is")(lambda *args, f=function, **options: f(*args, **options))
        for op, function in (
            ("batched_cross_entropy_loss", losses),
            ("batched_dot_product_nd", dots),
            ("collect_columns", columns_of),
            ("collect_rows", rows),
            ("conv2d", conv),
            ("expert_batching_ragged", ragged),
            ("im2col", unfold),
            ("moe_combine", combine),
            ("patch_pooling", pooled),
            ("sliding_windows", windows),
            ("topk_gating", gates),
        )
    ),
    *(
        impl(op, name="right_in_float64")(in_float64(function))
        for op, function in (
            ("batched_softmax", softmax_of),
            ("batched_logsoftmax", softmax.torch_logsoftmax),
            ("batched_logsumexp", logsumexp),
            ("global_average_pool", pooled_channels.mean),
            ("temperatures_average", temperatures.mean),
            ("temperatures_differences", temperatures.subtract_broadcast),
            ("expert_forward", expert_forward.bmm),
            ("col2im", columns.fold),
            ("im2col", columns.unfold),
            ("max_pool2d", max_pool2d.library),
            ("pooling_matrix", pooling_matrix.broadcast),
            ("boundary_vjp", boundary_gradients.index_select),
            ("boundary_downsample", boundary_downsample.index_add),
            ("window_attention_scores", sliding_windows.unfold_einsum),
            ("gather_2d", lookups.gather),
            ("batch_transpose", transposes.batch_by_copy),
        )
    ),
    *(
        impl(op, name="right_in_halves")(halves(function, number))
        for op, function, number in (
            ("batched_softmax", softmax_of, 1),
            ("batched_logsumexp", logsumexp, 1),
            ("batched_cross_entropy_loss", losses, 2),
            ("moe_combine", combine, 2),
            ("batched_dot_product_nd", dots, 2),
            ("expert_forward", linear, 2),
            ("patch_pooling", pooled, 2),
        )
    ),
    *(
        impl(op, name="right_from_the_last")(flipped(function, number))
        for op, function, number in (
            ("batched_logsoftmax", softmax.torch_logsoftmax, 1),
            ("batched_cross_entropy_loss", losses, 2),
            ("global_average_pool", channel_means, 1),
            ("im2col", unfold, 1),
            ("max_pool2d", max_pool2d.library, 1),
        )
    ),
    *(
        impl(op, name="right_laid_apart")(laid_apart(function))
        for op, function in (
            ("batched_softmax", softmax_of),
            ("moe_combine", combine),
            ("expert_forward", linear),
            ("im2col", unfold),
            ("boundary_upsample", boundary_upsample.gather),
        )
    ),
    *(
        impl(op, name="right_gradients_apart")(gradients_apart(function))
        for op, function in (
            ("batched_softmax", softmax_of),
            ("moe_combine", combine),
            ("expert_forward", linear),
        )
    ),
    *(
        impl(op, name="right_in_two_threads")(in_two_threads(function))
        for op, function in (
            ("global_average_pool", channel_means),
            ("batched_logsumexp", logsumexp),
            ("moe_combine", combine),
        )
    ),
    impl("global_average_pool", name="right_gradient_expanded")(
        with_gradient(channel_means, expanded)
    ),
    impl("temperatures_average", name="right_gradient_repeated")(
        with_gradient(
            of_week,
            lambda upstream, temps: (upstream / 7)[:, None].expand(-1, 7).reshape(len(temps)),
        )
    ),
)


@functools.cache
def _numbers(size: int) -> Tensor:
    return torch.arange(size)


@impl("boundary_upsample")
def with_a_table_of_constants(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """A table by size, made once."""
    count = boundaries.long().cumsum(1)
    batch = _numbers(len(boundaries))
    return wide(shortened)[count.T, batch[None]].to(shortened.dtype)


@impl("boundary_upsample")
def with_a_table_by_value(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """The same, by a size that depends on values."""
    count = boundaries.long().cumsum(1)
    most = int(count.max()) + 1 if count.numel() else 1
    index = _numbers(most)[count.T] if count.numel() else count.T
    batch = torch.arange(len(boundaries))[None]
    return wide(shortened)[index, batch].to(shortened.dtype)


@impl("collect_rows")
def in_ascending_order(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Rows by sorted indexes, then in the order that is due."""
    values, order = indexes.sort()
    return rows(matrix, values)[order.argsort()]


@impl("gather_2d")
def by_places(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Places in one long row."""
    places = indexes + torch.arange(len(matrix))[:, None] * matrix.shape[1]
    return wide(matrix).reshape(-1)[places].to(matrix.dtype).contiguous()


@impl("expert_batching_ragged")
def expert_by_expert(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """By one number for expert and place."""
    ids = expert_ids.flatten().long()
    places = (ids * max(len(ids), 1) + torch.arange(len(ids))).sort().indices
    return x.flatten(0, 1)[places], ragged(x, expert_ids, num_experts)[1]


@impl("sliding_windows")
def tokens_by_their_numbers(x: Tensor, window: int, step: int) -> Tensor:
    """One index for all windows."""
    starts = torch.arange((x.shape[1] - window) // step + 1) * step
    index = (starts[:, None] + torch.arange(window)).flatten()
    out = wide(x)[:, index].to(x.dtype)
    return out.unflatten(1, (len(starts), window)).flatten(0, 1)
