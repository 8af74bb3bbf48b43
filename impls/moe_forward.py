"""Contenders for tokens through their experts and back, in one function each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import impl
from opbench.impls.dtypes import accumulator
from opbench.impls.grouped import aligned, few_matrices, has_grouped_mm

if TYPE_CHECKING:
    from torch import Tensor

#: Of x, or of the gradient of the result.
LEAKS = "0 * NaN leaks into the gradients of experts that weren't chosen"


@impl("moe_forward")
def loop(x: Tensor, logits: Tensor, w: Tensor, k: int, *, renormalise: bool = True) -> Tensor:
    """Expert by expert: its tokens are picked, multiplied, weighed and added, as in Mixtral."""
    weights, experts = _gated(logits, k, renormalise=renormalise)
    total = x.new_zeros(len(x), w.shape[2], dtype=accumulator(x.dtype))
    for number, matrix in enumerate(w):
        tokens, places = (experts == number).nonzero(as_tuple=True)
        rows = (x[tokens] @ matrix) * weights[tokens, places, None]
        total = total.index_add(0, tokens, rows.to(total.dtype))
    return total.to(x.dtype)


@impl("moe_forward", name="sorted")
def by_sorting(x: Tensor, logits: Tensor, w: Tensor, k: int, *, renormalise: bool = True) -> Tensor:
    """One sort of all choices; tokens are picked from x itself, which isn't repeated before."""
    weights, experts = _gated(logits, k, renormalise=renormalise)
    order = experts.flatten().argsort(stable=True)
    token = order // k
    loads = torch.bincount(experts.flatten(), minlength=len(w)).tolist()
    parts = x.index_select(0, token).split_with_sizes(loads)
    rows = torch.cat([part @ matrix for part, matrix in zip(parts, w, strict=True)])
    return _added(rows, weights, order, token)


@impl("moe_forward", supports=has_grouped_mm & aligned)
def grouped_mm(x: Tensor, logits: Tensor, w: Tensor, k: int, *, renormalise: bool = True) -> Tensor:
    """As sorted, by torch's product of groups of rows."""
    weights, experts = _gated(logits, k, renormalise=renormalise)
    order = experts.flatten().argsort(stable=True)
    token = order // k
    ends = torch.bincount(experts.flatten(), minlength=len(w)).cumsum(0).to(torch.int32)
    rows = torch.nn.functional.grouped_mm(x.index_select(0, token), w.contiguous(), offs=ends)
    return _added(rows, weights, order, token)


@impl("moe_forward", supports=few_matrices)
def gathered(x: Tensor, logits: Tensor, w: Tensor, k: int, *, renormalise: bool = True) -> Tensor:
    """No sort: a copy of the matrices of each token, and two batched products."""
    weights, experts = _gated(logits, k, renormalise=renormalise)
    matrices = w.index_select(0, experts.flatten())
    rows = torch.bmm(x.repeat_interleave(k, 0).unsqueeze(1), matrices)
    by_token = rows.view(len(x), k, w.shape[2])
    return torch.bmm(weights.unsqueeze(1), by_token).squeeze(1)


@impl(
    "moe_forward",
    caveats={"nan": LEAKS, "masked": LEAKS, "masked_of_all": LEAKS},
)
def dense(x: Tensor, logits: Tensor, w: Tensor, k: int, *, renormalise: bool = True) -> Tensor:
    """Every token through every expert, those that it hasn't chosen weighing 0."""
    weights, experts = _gated(logits, k, renormalise=renormalise)
    shares = torch.zeros_like(logits).scatter(1, experts, weights)
    every = (x @ w.transpose(0, 1).flatten(1)).view(len(x), len(w), w.shape[2])
    return torch.bmm(shares.unsqueeze(1), every).squeeze(1)


def _gated(logits: Tensor, k: int, *, renormalise: bool) -> tuple[Tensor, Tensor]:
    """The weights [T, k] and the experts [T, k] of each token."""
    values, experts = logits.topk(k, 1)
    weights = values.softmax(1) if renormalise else logits.softmax(1).gather(1, experts)
    return weights, experts


def _added(rows: Tensor, weights: Tensor, order: Tensor, token: Tensor) -> Tensor:
    """The rows in the order of experts, weighed and added up by their tokens."""
    wide = accumulator(rows.dtype)
    weighed = rows.to(wide) * weights.flatten()[order].to(wide).unsqueeze(1)
    total = weighed.new_zeros(len(weights), rows.shape[1])
    return total.index_add_(0, token, weighed).to(rows.dtype)
