"""Contenders for the logarithm of the sum of the exponentials of each row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl, triton_device
from opbench.impls.dtypes import accumulator

if TYPE_CHECKING:
    from torch import Tensor

OP = "batched_logsumexp"


@impl(OP)
@impl(OP, name="compile", prepare="torch:compile")
@impl(OP, name="compile_dynamic", prepare="opbench.impls.compiling:dynamic")
def shifted(matrix: Tensor) -> Tensor:
    """Each row moved down by its largest value, and up again in the end."""
    if matrix.shape[1] == 0:
        return of_nothing(matrix)
    wide = matrix.to(accumulator(matrix.dtype))
    # An infinite shift would turn infinities into NaN.
    top = wide.detach().amax(1, keepdim=True).nan_to_num_(0.0, 0.0, 0.0)
    total = (wide - top).exp_().sum(1)
    return total.log().add(top[:, 0]).to(matrix.dtype)


@impl(OP, name="torch")
def torch_logsumexp(matrix: Tensor) -> Tensor:
    """torch's own, in the type that it is given: a sum of 65520 ones overflows float16."""
    return torch.logsumexp(matrix.to(accumulator(matrix.dtype)), 1).to(matrix.dtype)


@impl(OP, caveats={"masked": "the gradient is NaN where two -inf meet in the tree"})
def logaddexp(matrix: Tensor) -> Tensor:
    """A tree: one half of the row is added to the other, until one value is left."""
    if matrix.shape[1] == 0:
        return of_nothing(matrix)
    rows = matrix.to(accumulator(matrix.dtype))
    while (size := rows.shape[1]) > 1:
        pairs = size // 2
        added = torch.logaddexp(rows[:, :pairs], rows[:, pairs : 2 * pairs])
        rows = torch.cat([added, rows[:, 2 * pairs :]], 1) if size % 2 else added
    return rows.squeeze(1).to(matrix.dtype, copy=matrix.shape[1] == 1)


@impl(OP, caveats={"large": "exp overflows above 88 in float32, and is 0 below -104"})
def naive(matrix: Tensor) -> Tensor:
    """The formula as it is written."""
    return matrix.to(accumulator(matrix.dtype)).exp().sum(1).log().to(matrix.dtype)


@impl(OP, supports=cpu & floating, target="opbench.impls.kernels.reductions_cpp:batched_logsumexp")
def cpp(matrix: Tensor) -> Tensor:
    """One pass that keeps the largest value so far and the sum relative to it."""
    raise NotImplementedError


@impl(
    OP,
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.rowwise_triton:batched_logsumexp",
)
def triton(matrix: Tensor) -> Tensor:
    """One pass that keeps the largest value so far and the sum relative to it."""
    raise NotImplementedError


def of_nothing(matrix: Tensor) -> Tensor:
    """-inf for every row of a matrix without columns."""
    return matrix.sum(1) - math.inf
