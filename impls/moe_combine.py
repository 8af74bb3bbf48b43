"""Contenders for the weighted sum of what the experts of a token returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import einsum as einops_einsum

from opbench import cpu, floating, impl, supported, triton_device
from opbench.impls.dtypes import accumulator
from opbench.impls.segments import count_slots

if TYPE_CHECKING:
    from torch import Tensor


@supported("takes the same number of rows for each token only")
def equal_counts(token_index: Tensor, tokens: int) -> bool:
    """Whether each token has as many rows as the next."""
    counts = torch.bincount(token_index, minlength=tokens)
    return bool((counts == counts[:1]).all())


@supported("takes rows of at least one element only")
def has_width(y: Tensor) -> bool:
    """Whether a row is anything at all."""
    return y.shape[-1] > 0


# --- rows by token ----------------------------------------------------------------------------


@impl("moe_combine")
def loop(y: Tensor, weights: Tensor) -> Tensor:
    """One multiplication and addition per choice."""
    total = y.new_zeros(len(y), y.shape[2], dtype=accumulator(y.dtype))
    for rows, weight in zip(y.unbind(1), weights.unsqueeze(2).unbind(1), strict=True):
        total = torch.addcmul(total, rows, weight)
    return total.to(y.dtype)


@impl("moe_combine")
def einsum(y: Tensor, weights: Tensor) -> Tensor:
    """The sum as a formula."""
    return torch.einsum("tkd,tk->td", y, weights)


@impl("moe_combine", name="einops")
def einops_formula(y: Tensor, weights: Tensor) -> Tensor:
    """The same formula, in words."""
    total: Tensor = einops_einsum(y, weights, "tokens k width, tokens k -> tokens width")
    return total


@impl("moe_combine")
def bmm(y: Tensor, weights: Tensor) -> Tensor:
    """A row of weights times a matrix of results for each token."""
    return torch.bmm(weights.unsqueeze(1), y).squeeze(1)


@impl("moe_combine")
def mul_sum(y: Tensor, weights: Tensor) -> Tensor:
    """All products, then their sums."""
    return (y * weights.unsqueeze(2)).sum(1)


@impl("moe_combine", supports=has_width)
def embedding_bag(y: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum of consecutive rows of a table."""
    tokens, choices, width = y.shape
    number = tokens * choices
    rows = torch.arange(number, device=y.device)
    starts = torch.arange(tokens, device=y.device) * choices
    return torch.nn.functional.embedding_bag(
        rows, y.reshape(number, width), starts, mode="sum", per_sample_weights=weights.flatten()
    )


@impl(
    "moe_combine", supports=cpu & floating, target="opbench.impls.kernels.experts_cpp:moe_combine"
)
def cpp(y: Tensor, weights: Tensor) -> Tensor:
    """One pass over the rows, in C++."""
    raise NotImplementedError


@impl(
    "moe_combine",
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.experts_triton:moe_combine",
)
def triton(y: Tensor, weights: Tensor) -> Tensor:
    """One program per token and block of columns."""
    raise NotImplementedError


# --- rows by expert ---------------------------------------------------------------------------


@impl("moe_combine_sorted", name="loop")
def sorted_loop(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    """One sum per token."""
    order = token_index.argsort(stable=True)
    counts = count_slots(token_index.long(), tokens).tolist()
    rows = _weighted(y, weights)[order]
    # A piece without rows keeps the result tied to the rows where there is no token.
    sums = [rows[:0], *(part.sum(0, keepdim=True) for part in rows.split_with_sizes(counts))]
    return torch.cat(sums).to(y.dtype)


@impl("moe_combine_sorted")
def index_add(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    """Weighted rows added one by one to those of their tokens."""
    rows = _weighted(y, weights)
    return rows.new_zeros(tokens, y.shape[1]).index_add_(0, token_index, rows).to(y.dtype)


@impl("moe_combine_sorted")
def scatter_add(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    """As index_add, through an index that is expanded over the width."""
    rows = _weighted(y, weights)
    index = token_index.long()[:, None].expand(-1, y.shape[1])
    return rows.new_zeros(tokens, y.shape[1]).scatter_add_(0, index, rows).to(y.dtype)


@impl("moe_combine_sorted", supports=equal_counts)
def inverse_permutation(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    """The rows brought back into the order of tokens, then one product per token."""
    order = token_index.argsort(stable=True)
    rows, factors = y.index_select(0, order), weights.index_select(0, order)
    rows.masked_fill_((factors == 0).unsqueeze(1), 0)  # a product alone would keep their NaN
    choices = len(order) // max(tokens, 1)
    by_token = rows.view(tokens, choices, y.shape[1])
    return torch.bmm(factors.view(tokens, 1, choices), by_token).squeeze(1)


@impl(
    "moe_combine_sorted",
    name="embedding_bag",
    supports=has_width,
    caveats={
        "zero_weights": "a weight of 0 gets the gradient of a row that takes part",
        "silenced": "0 * NaN and 0 * inf are NaN",
    },
)
def sorted_embedding_bag(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    """The weighted sums of rows of a table, each token's listed by a stable sort."""
    order = token_index.argsort(stable=True)
    counts = count_slots(token_index.long(), tokens)
    return torch.nn.functional.embedding_bag(
        order, y, counts.cumsum(0) - counts, mode="sum", per_sample_weights=weights[order]
    )


@impl(
    "moe_combine_sorted",
    name="cpp",
    supports=cpu & floating,
    target="opbench.impls.kernels.experts_cpp:moe_combine_sorted",
)
def sorted_cpp(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    """A counting sort, then one pass over the rows, in C++."""
    raise NotImplementedError


@impl(
    "moe_combine_sorted",
    name="triton",
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.experts_triton:moe_combine_sorted",
)
def sorted_triton(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    """One program per token and block of columns."""
    raise NotImplementedError


def _weighted(y: Tensor, weights: Tensor) -> Tensor:
    """The rows times their weights, in the type to sum in; zero where the weight is."""
    wide = accumulator(y.dtype)
    # Before the product, which would keep the NaN of a silenced row, as would its gradient.
    rows = y.masked_fill((weights == 0).unsqueeze(1), 0)
    return rows.to(wide) * weights.to(wide).unsqueeze(1)
