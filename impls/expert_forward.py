"""Contenders for each expert's matrix applied to its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import einsum as einops_einsum

from opbench import floating, impl, triton_device
from opbench.impls.grouped import aligned, has_grouped_mm

if TYPE_CHECKING:
    from torch import Tensor


@impl("expert_forward")
def loop(x: Tensor, w: Tensor) -> Tensor:
    """One product per expert."""
    if len(x) == 0:
        return x @ w
    return torch.stack([tokens @ matrix for tokens, matrix in zip(x, w, strict=True)])


@impl("expert_forward")
def bmm(x: Tensor, w: Tensor) -> Tensor:
    """One batched product."""
    return torch.bmm(x, w)


@impl("expert_forward")
def einsum(x: Tensor, w: Tensor) -> Tensor:
    """The product as a formula."""
    return torch.einsum("etd,edf->etf", x, w)


@impl("expert_forward")
def einops(x: Tensor, w: Tensor) -> Tensor:
    """The same formula, in words."""
    result: Tensor = einops_einsum(
        x, w, "expert token width, expert width result -> expert token result"
    )
    return result


@impl("expert_forward", supports=has_grouped_mm & aligned)
def grouped_mm(x: Tensor, w: Tensor) -> Tensor:
    """One product of groups of rows, which could be of any sizes; here all are equal."""
    experts, tokens, _ = x.shape
    ends = torch.arange(1, experts + 1, dtype=torch.int32, device=x.device) * tokens
    rows = x.flatten(0, 1).contiguous()
    result = torch.nn.functional.grouped_mm(rows, w.contiguous(), offs=ends)
    return result.view(experts, tokens, w.shape[2])


@impl(
    "expert_forward",
    caveats={"nan": "0 * NaN leaks into the gradients of other experts"},
)
def dense_all(x: Tensor, w: Tensor) -> Tensor:
    """Every token through every expert, of which one result is kept."""
    experts, tokens, width = x.shape
    every = x.reshape(experts * tokens, width) @ w.transpose(0, 1).flatten(1)
    results = every.view(experts, tokens, experts, w.shape[2])
    return results.diagonal(dim1=0, dim2=2).movedim(2, 0).contiguous()


@impl(
    "expert_forward",
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.experts_triton:expert_forward",
)
def triton(x: Tensor, w: Tensor) -> Tensor:
    """One program per expert and block of the result."""
    raise NotImplementedError
