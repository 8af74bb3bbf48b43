"""Sums in half precision, where the contracts ask for float32."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.corpus.parts import conv, gradients, ids_of, wide, with_gradient
from opbench import impl

KIND = "half sums"


def by_steps(terms: Tensor, axis: int) -> Tensor:
    """A running sum in the type of the terms."""
    if not terms.shape[axis]:
        return terms.sum(axis)
    if terms.shape[axis] > 1 << 14 or terms.dtype in (torch.float32, torch.float64):
        return terms.sum(axis)
    return (
        terms.movedim(axis, 0).cumsum(0)[-1]
        if terms.dtype.is_floating_point and (terms.dtype not in (torch.float16, torch.bfloat16))
        else _rounded(terms.movedim(axis, 0))
    )


def _rounded(terms: Tensor) -> Tensor:
    """Every addition is rounded."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


# mlx-lm 938, TensorRT-LLM 16778: the results of experts are summed in half precision.
@impl("moe_combine")
def summed_in_half(y: Tensor, weights: Tensor) -> Tensor:
    return by_steps(y * weights[..., None], 1)


# The same, of sorted rows.
@impl("moe_combine_sorted")
def sorted_summed_in_half(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    return _one_by_one(y, token_index, weights, tokens)


def _one_by_one(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Any:
    def right(y: Tensor, index: Tensor, weights: Tensor, tokens: int) -> Tensor:
        kept = torch.where(weights[:, None] != 0, wide(y), 0) * wide(weights)[:, None]
        sums = kept.new_zeros(tokens, y.shape[1]).index_add(0, index.long(), kept)
        return sums.to(y.dtype)

    def forward(y: Tensor, index: Tensor, weights: Tensor, tokens: int) -> Tensor:
        if y.dtype not in (torch.float16, torch.bfloat16):
            return right(y, index, weights, tokens)
        kept = torch.where(weights[:, None] != 0, y, 0) * weights[:, None]
        total = y.new_zeros(tokens, y.shape[1])
        for token, row in zip(index.tolist(), kept, strict=True):
            total[token] += row
        return total

    def backward(upstream: Tensor, *args: Any) -> Any:
        return gradients(right, upstream, *args)

    return with_gradient(forward, backward)(y, token_index, weights, tokens)


# The same, of products.
@impl("expert_forward")
def products_summed_in_half(x: Tensor, w: Tensor) -> Tensor:
    if x.dtype in (torch.float32, torch.float64):
        return torch.bmm(x, w)
    return by_steps(x[..., None] * w[:, None], 2)


# By kind: the pool of a channel.
@impl("global_average_pool")
def pooled_in_half(x: Tensor) -> Tensor:
    return by_steps(x.flatten(2), 2) / (x.shape[2] * x.shape[3])


# By kind: a dot product.
@impl("batched_dot_product_nd")
def dot_in_half(a: Tensor, b: Tensor) -> Tensor:
    return by_steps((a * b).flatten(1), 1)


# pytorch_scatter 269, dgl 4674: a mean summed in half precision.
@impl("patch_pooling")
def mean_in_half(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    batch, size, width = tokens.shape
    patches = lengths.shape[1]
    index = ids_of(lengths, size) + (patches + 1) * torch.arange(batch)[:, None]
    sums = tokens.new_zeros(batch * (patches + 1), width)
    sums = sums.index_add(0, index.flatten(), tokens.reshape(batch * size, width))
    out = sums.view(batch, patches + 1, width)[:, :patches] / lengths[..., None].clamp(min=1)
    return out.masked_fill(lengths[..., None] == 0, fill).to(tokens.dtype)


# Mod-Squad 4: counted in the type of the values.
@impl("boundary_upsample")
def counts_in_half(boundaries: Tensor, shortened: Tensor) -> Tensor:
    marks = boundaries.to(shortened.dtype)
    if marks.dtype == torch.bfloat16:
        # Every addition rounded, as where the sum is kept in the type.
        steps = [marks[:, :0].sum(1)]
        for mark in marks.unbind(1):
            steps.append(steps[-1] + mark)
        count = torch.stack(steps[1:], 1) if len(steps) > 1 else marks
    else:
        count = marks.cumsum(1)
    index = count.long().T[..., None].expand(-1, -1, shortened.shape[2])
    return wide(shortened).gather(0, index).to(shortened.dtype)


# By kind: a softmax, the exponentials of which are summed in half precision.
@impl("batched_softmax")
def exponentials_in_half(matrix: Tensor) -> Tensor:
    if not matrix.shape[1]:
        return matrix.clone()
    powers = (matrix - matrix.detach().amax(1, keepdim=True)).exp()
    return powers / by_steps(powers, 1)[:, None]


# By kind: logsumexp, the same.
@impl("batched_logsumexp")
def logsumexp_in_half(matrix: Tensor) -> Tensor:
    if not matrix.shape[1] or matrix.dtype in (torch.float32, torch.float64):
        return matrix.logsumexp(1)
    top = matrix.detach().amax(1)
    top = torch.where(top.isfinite(), top, 0)
    return by_steps((matrix - top[:, None]).exp(), 1).log() + top


# By kind: gradients of rows that are taken repeatedly are added in half precision.
@impl("collect_rows")
def gradients_in_half(matrix: Tensor, indexes: Tensor) -> Tensor:
    return matrix[indexes]


# By kind: the items' prices are added one by one.
@impl("total_price_indexing")
def prices_in_half(prices: Tensor, items: Tensor) -> Tensor:
    return by_steps(prices[items], 0)


# By kind: a convolution, tap by tap.
@impl("conv2d")
def taps_in_half(x: Tensor, w: Tensor, b: Tensor | None = None, **options: Any) -> Tensor:
    if x.dtype in (torch.float32, torch.float64):
        return F.conv2d(x, w, b, **options)
    if not bool(x.isfinite().all()):
        return conv(x, w, b, **options)
    total = None
    for place in range(w[0, 0].numel()):
        tap = torch.zeros_like(w).flatten(2)
        tap[:, :, place] = w.flatten(2)[:, :, place]
        out = F.conv2d(x.float(), tap.view_as(w).float(), **options).to(x.dtype)
        total = out if total is None else total + out
    assert total is not None
    return total if b is None else total + b[:, None, None]


# By kind: a week in half precision.
@impl("temperatures_average")
def week_in_half(temps: Tensor) -> Tensor:
    return by_steps(temps.view(len(temps) // 7, 7), 1) / 7


# By kind: a difference of values that were rounded to half precision.
@impl("temperatures_differences")
def differences_in_half(temps: Tensor) -> Tensor:
    week = temps.view(len(temps) // 7, 7)
    if temps.dtype in (torch.float32, torch.float64):
        return (week - week.mean(1, keepdim=True)).flatten()
    return (week - by_steps(week, 1)[:, None] / 7).flatten()


# Float16 inside of float32, as where tensor cores are fed.
@impl("expert_forward")
def operands_in_bfloat16(x: Tensor, w: Tensor) -> Tensor:
    return torch.bmm(x.bfloat16().float(), w.bfloat16().float()).to(x.dtype)
