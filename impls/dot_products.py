"""Contenders for the dot product of each pair of examples, whatever their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl
from opbench.impls.dtypes import accumulator

if TYPE_CHECKING:
    from torch import Tensor

OP = "batched_dot_product_nd"


@impl(OP)
def einsum(a: Tensor, b: Tensor) -> Tensor:
    """All axes but the first summed by an ellipsis; half products accumulate in float32."""
    return torch.einsum("b...,b...->b", a, b)


@impl(OP)
def mul_sum(a: Tensor, b: Tensor) -> Tensor:
    """The products, then their sum. Half types are widened: their products would overflow."""
    wide = accumulator(a.dtype)
    return (a.to(wide) * b.to(wide)).flatten(1).sum(1, dtype=wide).to(a.dtype)


@impl(OP)
def bmm(a: Tensor, b: Tensor) -> Tensor:
    """A row times a column per example."""
    return torch.bmm(a.flatten(1)[:, None], b.flatten(1)[:, :, None])[:, 0, 0]


@impl(OP, supports=floating)
def vecdot(a: Tensor, b: Tensor) -> Tensor:
    """torch's own, in the type that it is given: half types are widened first."""
    wide = accumulator(a.dtype)
    rows: Tensor = torch.linalg.vecdot(a.flatten(1).to(wide), b.flatten(1).to(wide))
    return rows.to(a.dtype)


@impl(OP, supports=cpu, target="opbench.impls.kernels.reductions_cpp:batched_dot_product_nd")
def cpp(a: Tensor, b: Tensor) -> Tensor:
    """One pass over both; one more, over both and their gradients, backward."""
    raise NotImplementedError
