"""Contenders for the softmax of each row, and for its logarithm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench import cpu, floating, impl, triton_device
from opbench.impls.dtypes import accumulator

if TYPE_CHECKING:
    from torch import Tensor

OVERFLOW = "exp overflows above 88 in float32, and is 0 below -104"
ZERO_OVER_ZERO = "the gradient is NaN in rows with a softmax of 0"


@impl("batched_softmax")
@impl("batched_softmax", name="compile", prepare="torch:compile")
@impl("batched_softmax", name="compile_dynamic", prepare="opbench.impls.compiling:dynamic")
def shifted(matrix: Tensor) -> Tensor:
    """Each row moved down by its largest value before its exponentials are taken."""
    powers = below_top(matrix).exp_()
    return (powers / powers.sum(1, keepdim=True)).to(matrix.dtype)


@impl("batched_softmax", name="torch")
def torch_softmax(matrix: Tensor) -> Tensor:
    """torch's own."""
    return matrix.softmax(1)


@impl("batched_softmax")
def minus_logsumexp(matrix: Tensor) -> Tensor:
    """The exponential of the difference to the row's logsumexp: no division."""
    wide = matrix.to(accumulator(matrix.dtype))
    return (wide - wide.logsumexp(1, keepdim=True)).exp_().to(matrix.dtype)


@impl("batched_softmax", caveats={"large": OVERFLOW})
def naive(matrix: Tensor) -> Tensor:
    """The formula as it is written."""
    powers = matrix.to(accumulator(matrix.dtype)).exp()
    return (powers / powers.sum(1, keepdim=True)).to(matrix.dtype)


@impl(
    "batched_softmax",
    supports=cpu & floating,
    target="opbench.impls.kernels.reductions_cpp:batched_softmax",
)
def cpp(matrix: Tensor) -> Tensor:
    """One pass for the largest value and the sum relative to it, one to write."""
    raise NotImplementedError


@impl(
    "batched_softmax",
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.rowwise_triton:batched_softmax",
)
def triton(matrix: Tensor) -> Tensor:
    """One pass for the largest value and the sum relative to it, one to write."""
    raise NotImplementedError


@impl("batched_logsoftmax", name="shifted")
@impl("batched_logsoftmax", name="compile", prepare="torch:compile")
@impl("batched_logsoftmax", name="compile_dynamic", prepare="opbench.impls.compiling:dynamic")
def log_shifted(matrix: Tensor) -> Tensor:
    """Each row moved down by its largest value, then by the logarithm of its sum."""
    below = below_top(matrix)
    return (below - below.exp().sum(1, keepdim=True).log()).to(matrix.dtype)


@impl("batched_logsoftmax", name="torch")
def torch_logsoftmax(matrix: Tensor) -> Tensor:
    """torch's own."""
    return matrix.log_softmax(1)


@impl("batched_logsoftmax", name="minus_logsumexp")
def log_minus_logsumexp(matrix: Tensor) -> Tensor:
    """The difference to the row's logsumexp."""
    wide = matrix.to(accumulator(matrix.dtype))
    return (wide - wide.logsumexp(1, keepdim=True)).to(matrix.dtype)


@impl(
    "batched_logsoftmax",
    caveats={
        "large": "a softmax below 1e-45 is 0, its logarithm -inf",
        "masked": ZERO_OVER_ZERO,
        "nonfinite": ZERO_OVER_ZERO,
    },
)
def log_of_softmax(matrix: Tensor) -> Tensor:
    """The formula as it is written, on a softmax that doesn't overflow."""
    return matrix.to(accumulator(matrix.dtype)).softmax(1).log().to(matrix.dtype)


@impl("batched_logsoftmax", name="naive", caveats={"large": OVERFLOW})
def log_naive(matrix: Tensor) -> Tensor:
    """The logarithm of the sum of exponentials taken as it is written, and subtracted."""
    wide = matrix.to(accumulator(matrix.dtype))
    return (wide - wide.exp().sum(1, keepdim=True).log()).to(matrix.dtype)


@impl(
    "batched_logsoftmax",
    name="cpp",
    supports=cpu & floating,
    target="opbench.impls.kernels.reductions_cpp:batched_logsoftmax",
)
def log_cpp(matrix: Tensor) -> Tensor:
    """One pass for the row's logsumexp, one to subtract it."""
    raise NotImplementedError


@impl(
    "batched_logsoftmax",
    name="triton",
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.rowwise_triton:batched_logsoftmax",
)
def log_triton(matrix: Tensor) -> Tensor:
    """One pass for the row's logsumexp, one to subtract it."""
    raise NotImplementedError


def below_top(matrix: Tensor) -> Tensor:
    """[B, N], wide: each row minus its largest value, through which no gradient passes."""
    wide = matrix.to(accumulator(matrix.dtype))
    # There is no largest of no values.
    return wide - wide.detach().amax(1, keepdim=True) if matrix.shape[1] else wide.clone()
