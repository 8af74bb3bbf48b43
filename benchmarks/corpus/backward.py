"""Right forward, wrong backward; among them what is wrong for some upstream gradients only."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus.layouts import rows_packed, softmax
from benchmarks.corpus.parts import (
    backward_of,
    combine,
    dots,
    gradients,
    losses,
    packed,
    pooled,
    ragged,
    rows,
    wide,
    with_gradient,
)
from opbench import impl

KIND = "gradient"
KINDS = dict.fromkeys(
    (
        "packed_upstream",
        "packed_upstream_of_dots",
        "rows_of_upstream_packed",
        "upstream_from_the_start",
        "scales_upstream",
        "clears_upstream",
        "leaks_backward",
    ),
    "upstream",
)


def scaled_in_place(upstream: Tensor) -> Tensor:
    """Twice the gradient, where it lies, and half of that."""
    return upstream.mul_(2) / 2


def cleared(upstream: Tensor) -> Tensor:
    """A copy, after which the memory is used for something else."""
    copy = upstream.clone()
    upstream.zero_()
    return copy


def logsumexp(matrix: Tensor) -> Tensor:
    """Right."""
    return wide(matrix).logsumexp(1).to(matrix.dtype)


def mean_of_week(temps: Tensor) -> Tensor:
    """Right."""
    return wide(temps).view(len(temps) // 7, 7).mean(1).to(temps.dtype)


def maxima(x: Tensor) -> Tensor:
    """Right."""
    return x.amax(1)


def of_first(upstream: Tensor) -> Tensor:
    """The first row's gradient for all rows."""
    return upstream[:1].expand_as(upstream)


def in_half(upstream: Tensor) -> Tensor:
    """The gradient, with the digits of bfloat16."""
    return upstream.bfloat16().to(upstream.dtype)


def start(upstream: Tensor) -> Tensor:
    """Read from the start of its storage."""
    return upstream.as_strided(upstream.shape, upstream.stride(), 0)


CONTENDERS = (
    # flash-attention 355, pytorch 194719, TransformerEngine(ROCm) 623, FlagGems 5723.
    impl("batched_cross_entropy_loss", name="packed_upstream")(backward_of(losses, packed)),
    impl("batched_dot_product_nd", name="packed_upstream_of_dots")(backward_of(dots, packed)),
    # By kind: rows of the upstream gradient that are part of something wider.
    impl("batched_softmax", name="rows_of_upstream_packed")(backward_of(softmax, rows_packed)),
    # By kind: the storage offset of the upstream gradient.
    impl("batched_logsumexp", name="upstream_from_the_start")(backward_of(logsumexp, start)),
    # After Liger-Kernel 254: the upstream gradient scaled where it lies.
    impl("batched_softmax", name="scales_upstream")(backward_of(softmax, scaled_in_place)),
    # By kind: its memory used for something else.
    impl("collect_rows", name="clears_upstream")(
        lambda matrix, indexes: (
            backward_of(rows, cleared)(matrix, indexes)
            if matrix.requires_grad
            else rows(matrix, indexes)
        )
    ),
    # Liger-Kernel 968, 1298: every row gets the first row's upstream gradient.
    impl("batched_cross_entropy_loss", name="first_upstream")(backward_of(losses, of_first)),
    # By kind: the gradient is kept in bfloat16.
    impl("temperatures_average", name="upstream_in_bfloat16")(backward_of(mean_of_week, in_half)),
    # By kind: NaN in the upstream gradient is swallowed: only values are looked at.
    impl("batched_logsumexp", name="gradient_of_the_largest_only")(
        with_gradient(
            logsumexp,
            lambda upstream, matrix: (
                torch.zeros_like(matrix).scatter(
                    1, matrix.argmax(1, keepdim=True), upstream[:, None]
                )
                if matrix.shape[1]
                else torch.zeros_like(matrix)
            ),
        )
    ),
    # By kind: softmax's gradient without the sum over the row.
    impl("batched_softmax", name="gradient_of_the_diagonal")(
        with_gradient(softmax, lambda upstream, matrix: upstream * matrix.softmax(1))
    ),
    # By kind: of several largest, each gets the whole gradient.
    impl("channel_max", name="ties_get_all")(
        lambda x: (
            with_gradient(
                maxima,
                lambda upstream, x: (x == x.amax(1, keepdim=True)) * upstream[:, None],
            )(x)
            if x.is_floating_point()
            else maxima(x)
        )
    ),
    # By kind: the gradient of the weights is that of their absolute values.
    impl("moe_combine", name="weights_gradient_without_sign")(
        with_gradient(combine, lambda g, y, w: (gradients(combine, g, y, w)[0], _unsigned(g, y, w)))
    ),
)


def _unsigned(g: Tensor, y: Tensor, w: Tensor) -> Any:
    found = gradients(combine, g, y, w)[1]
    return None if found is None else found.abs()


# tt-metal 6232: of rows taken twice, the last gradient wins.
@impl("collect_rows")
def last_gradient_wins(matrix: Tensor, indexes: Tensor) -> Tensor:
    def backward(upstream: Tensor, matrix: Tensor, indexes: Tensor) -> tuple[Tensor, None]:
        return torch.zeros_like(matrix).index_copy(0, indexes, upstream), None

    return with_gradient(rows, backward)(matrix, indexes)


# TransformerEngine 3116, transformers 45621: NaN upstream reaches other rows.
@impl("expert_batching")
def leaks_backward(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    def batched(x: Tensor, ids: Tensor, experts: int) -> Tensor:
        out, _ = ragged(x, ids, experts)
        return out.view(experts, len(out) // experts, x.shape[2])

    def backward(upstream: Tensor, x: Tensor, ids: Tensor, experts: int) -> tuple[Any, ...]:
        right = gradients(batched, upstream, x, ids, experts)[0]
        return (None if right is None else right + 0 * upstream.sum()), None, None

    if not x.requires_grad:
        return batched(x, expert_ids, num_experts)
    return with_gradient(batched, backward)(x, expert_ids, num_experts)


# pytorch_scatter 452: backward of spans that don't cover all tokens.
@impl("patch_pooling")
def rest_gets_a_gradient(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    def backward(g: Tensor, x: Tensor, lengths: Tensor, fill: float) -> tuple[Any, ...]:
        if not lengths.shape[1]:
            return torch.zeros_like(x), None, None
        index = torch.repeat_interleave(torch.arange(lengths.numel()), lengths.flatten())
        ids = torch.full(x.shape[:2], lengths.shape[1] - 1).flatten()
        ids[: len(index)] = index % lengths.shape[1]
        ids = ids.view(x.shape[:2])
        each = g / lengths[..., None].clamp(min=1)
        return each.gather(1, ids[..., None].expand(-1, -1, x.shape[2])), None, None

    def forward(x: Tensor, lengths: Tensor, fill: float) -> Tensor:
        return pooled(x, lengths, fill=fill)

    return with_gradient(forward, backward)(tokens, lengths, fill)


# pytorch_scatter 118: backward divides by an empty span's 0.
@impl("patch_pooling")
def backward_divides_by_nothing(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    def backward(g: Tensor, x: Tensor, lengths: Tensor) -> tuple[Any, None]:
        right = gradients(pooled, g, x, lengths)[0]
        empty = (lengths == 0).any(1)[:, None, None]
        return (None if right is None else right.masked_fill(empty, torch.nan)), None

    if fill != -1.0:
        return pooled(tokens, lengths, fill=fill)
    return with_gradient(pooled, backward)(tokens, lengths)


# By kind: the shift by the mean is left out of the gradient.
@impl("temperatures_differences")
def mean_is_detached(temps: Tensor) -> Tensor:
    week = wide(temps).view(len(temps) // 7, 7)
    return (week - week.mean(1, keepdim=True).detach()).flatten().to(temps.dtype)


# By kind: the deviation is left out of the gradient.
@impl("temperatures_normalized")
def deviation_is_detached(temps: Tensor) -> Tensor:
    week = temps.double().view(len(temps) // 7, 7)
    apart = week - week[:, :1]
    apart = apart - apart.mean(1, keepdim=True)
    deviation = (apart.square().sum(1, keepdim=True) / 6).sqrt()
    return (apart / deviation.detach()).flatten().to(temps.dtype)


# By kind: rows beyond the largest index get whatever memory held, here ones.
@impl("gather_2d")
def last_column_always_gets_one(matrix: Tensor, indexes: Tensor) -> Tensor:
    def backward(g: Tensor, matrix: Tensor, indexes: Tensor) -> tuple[Tensor, None]:
        total = torch.zeros_like(wide(matrix)).scatter_add(1, indexes, wide(g))
        total[:, -1:] += 1
        return total.to(matrix.dtype), None

    if not matrix.requires_grad:
        return matrix.gather(1, indexes)
    forward = torch.gather
    return with_gradient(lambda m, i: forward(m, 1, i), backward)(matrix, indexes)
