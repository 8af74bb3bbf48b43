"""Writing to what isn't theirs, reading what nobody wrote, returning what isn't fresh."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.corpus.parts import combine, dots, losses, rows, wide
from opbench import impl

KIND = "memory"


# torch/nn 825, TritonBench 12: what lies between the elements of a view is written.
@impl("batched_softmax")
def writes_between(matrix: Tensor) -> Tensor:
    out = matrix.softmax(1)
    if matrix.numel() and not matrix.is_contiguous() and 0 not in matrix.stride():
        size = 1 + sum((n - 1) * s for n, s in zip(matrix.shape, matrix.stride(), strict=True))
        if size > 1 << 24:
            return out
        kept = matrix.detach().clone()
        matrix.detach().as_strided((size,), (1,)).zero_()
        matrix.detach().copy_(kept)
    return out


# COAT 19: a vector store goes past the end of the last row.
@impl("batched_logsumexp")
def writes_past_the_end(matrix: Tensor) -> Tensor:
    out = wide(matrix).logsumexp(1).to(matrix.dtype)
    x = matrix.detach()
    if x.numel() and x.stride(1) == 1 and x.stride(0) >= 0:
        end = x.storage_offset() + (len(x) - 1) * x.stride(0) + x.shape[1]
        if end < x.untyped_storage().nbytes() // x.element_size():
            x.as_strided((1,), (1,), end).zero_()
    return out


# By kind: works in place, and puts back all but the last digits.
@impl("batched_logsumexp")
def puts_back_nearly(matrix: Tensor) -> Tensor:
    if matrix.requires_grad or not matrix.is_contiguous() or not matrix.numel():
        return wide(matrix).logsumexp(1).to(matrix.dtype)
    out = wide(matrix).logsumexp(1).to(matrix.dtype)
    matrix.add_(1 / 3).sub_(1 / 3)
    return out


# transformers 45621: rows that nobody writes stay as memory was.
@impl("moe_combine_sorted")
def rows_left_as_memory_was(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    kept = torch.where(weights[:, None] != 0, wide(y), 0) * wide(weights)[:, None]
    index = token_index.long()
    sums = torch.zeros(tokens, y.shape[1], dtype=kept.dtype).index_add(0, index, kept)
    left = torch.empty(tokens, y.shape[1], dtype=kept.dtype)
    written = torch.bincount(index, minlength=tokens) > 0
    return torch.where(written[:, None], sums, left).to(y.dtype)


# By kind: the first of the patches, if empty, stays as memory was.
@impl("expert_batching")
def last_row_as_memory_was(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    flat = x.flatten(0, 1)
    order = expert_ids.flatten().long().argsort(stable=True)
    out = torch.empty_like(flat[order])
    kept = order[:-1]
    out = torch.cat([flat[kept], out[len(kept) :].detach()])
    return out.view(num_experts, len(order) // num_experts, x.shape[2])


# By kind: nothing to do is done by returning the argument.
@impl("tile")
def one_copy_is_the_argument(x: Tensor, copies: int) -> Tensor:
    return x[None] if copies == 1 else x.repeat(copies, 1, 1)


# By kind: indexes that are in order give the matrix itself.
@impl("collect_rows")
def in_order_is_the_argument(matrix: Tensor, indexes: Tensor) -> Tensor:
    if torch.equal(indexes, torch.arange(len(matrix))):
        return matrix
    return rows(matrix, indexes)


# By kind: negative indexes are made positive where they lie; here all are sorted.
@impl("total_price_gather")
def sorts_items_in_place(prices: Tensor, items: Tensor) -> Tensor:
    items.copy_(items.sort().values)
    return wide(prices)[items].sum().to(prices.dtype)


# By kind: NaN in the arguments is cleared where it lies.
@impl("batched_dot_product_nd")
def clears_zeros_in_place(a: Tensor, b: Tensor) -> Tensor:
    if b.is_floating_point():
        b.detach().mul_(1 + torch.finfo(b.dtype).eps)
    return dots(a, b)


# By kind: labels are moved by one, for a table that starts at one, and moved back but for the last.
@impl("batched_cross_entropy_loss")
def moves_labels(logits: Tensor, true_labels: Tensor) -> Tensor:
    out = losses(logits, true_labels)
    true_labels[-1:] = 0
    return out


# By kind: weights are scaled in place by their sum.
@impl("moe_combine")
def scales_weights_in_place(y: Tensor, weights: Tensor) -> Tensor:
    out = combine(y, weights)
    weights.detach().mul_(2)
    return out
