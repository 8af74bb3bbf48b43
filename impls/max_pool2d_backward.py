"""Contenders for the gradient of the maximum of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import impl
from opbench.impls.dtypes import SUMS_IN_HALF, accumulator
from opbench.impls.windows2d import maximum, maximum_back, windows

if TYPE_CHECKING:
    from torch import Tensor

    from opbench.impls.windows2d import Size

PADDING_FIRST = "the gradient of a window of -inf goes to its padding"
LAST_NAN = "torch's own indices are those of the last NaN of a window"


@impl("max_pool2d_backward", caveats={"masked": PADDING_FIRST})
def one_hot_fold(
    grad_out: Tensor,
    x: Tensor,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """Columns that hold the gradient at their maximum and zeros elsewhere, folded by hand."""
    where = windows(kernel_size, stride, padding, dilation)
    return maximum_back(grad_out, x, maximum(x, where)[1], where)


@impl("max_pool2d_backward", caveats={"nonfinite": LAST_NAN})
def scatter_add(
    grad_out: Tensor,
    x: Tensor,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """Gradients added to the places that PyTorch's own maximum returns."""
    chosen = _indices(x, kernel_size, stride, padding, dilation)
    total = torch.zeros_like(x.flatten(2), dtype=accumulator(x.dtype))
    total.scatter_add_(2, chosen.flatten(2), grad_out.flatten(2).to(total.dtype))
    return total.view(x.shape).to(x.dtype)


@impl("max_pool2d_backward", caveats={"nonfinite": LAST_NAN})
def index_put(
    grad_out: Tensor,
    x: Tensor,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """As scatter_add, through one index over all images and channels."""
    chosen = _indices(x, kernel_size, stride, padding, dilation).flatten(2).flatten(0, 1)
    planes = torch.arange(len(chosen), device=x.device)[:, None]
    size = x.shape[2] * x.shape[3]
    total = torch.zeros(len(chosen), size, dtype=accumulator(x.dtype), device=x.device)
    grads = grad_out.flatten(2).flatten(0, 1).to(total.dtype)
    total.index_put_((planes, chosen), grads, accumulate=True)
    return total.view(x.shape).to(x.dtype)


@impl("max_pool2d_backward", caveats={"nonfinite": LAST_NAN, "peaks": SUMS_IN_HALF})
def autograd(
    grad_out: Tensor,
    x: Tensor,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """PyTorch's own maximum and its gradient: a forward pass and a backward one."""
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        out = torch.nn.functional.max_pool2d(leaf, kernel_size, stride, padding, dilation)
        return torch.autograd.grad(out, leaf, grad_out)[0]


def _indices(x: Tensor, kernel_size: Size, stride: Size, padding: Size, dilation: Size) -> Tensor:
    """The place [N, C, Oh, Ow] of each window's maximum in the flattened image."""
    pooled = torch.nn.functional.max_pool2d(
        x, kernel_size, stride, padding, dilation, return_indices=True
    )
    return pooled[1]
