"""Contenders for the gradients of a convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import impl, supported
from opbench.impls.windows2d import convolved_back, pair, windows

if TYPE_CHECKING:
    from torch import Tensor

    from opbench.impls.windows2d import Size

images = supported("torch has no convolution of no channels, which an empty batch turns into")(
    lambda x: len(x) > 0
)


@impl("conv2d_backward")
def unfold_fold(
    grad_out: Tensor,
    x: Tensor,
    w: Tensor,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Tensor, ...]:
    """A product with the windows as columns, and one whose columns are folded, by hand."""
    where = windows((w.shape[2], w.shape[3]), stride, padding, dilation)
    return convolved_back(grad_out, x, w, where, groups=groups)


@impl("conv2d_backward", supports=images)
def transposed(
    grad_out: Tensor,
    x: Tensor,
    w: Tensor,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Tensor, ...]:
    """A transposed convolution for the images; for the weights, one with gradients as kernels."""
    where = windows((w.shape[2], w.shape[3]), stride, padding, dilation)
    (kh, kw), (rh, rw), (sh, sw), (ph, pw) = where.kernel, where.reach, where.stride, where.padding
    number, _, height, width = x.shape
    # The rows and columns that no window reaches.
    rest = (height + 2 * ph - rh) % sh, (width + 2 * pw - rw) % sw
    grad_x = torch.nn.functional.conv_transpose2d(
        grad_out, w, None, stride, padding, rest, groups, dilation
    )
    # Images and channels change places, and so do stride and dilation.
    images = x.reshape(number, groups, w.shape[1], height, width)
    images = images.permute(2, 1, 0, 3, 4).flatten(1, 2)
    taps = torch.nn.functional.conv2d(
        images, grad_out.transpose(0, 1), None, dilation, padding, stride, groups
    )
    return grad_x, taps[:, :, :kh, :kw].transpose(0, 1), grad_out.sum((0, 2, 3))


@impl("conv2d_backward")
def autograd(
    grad_out: Tensor,
    x: Tensor,
    w: Tensor,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Tensor, ...]:
    """PyTorch's own convolution and its gradients: a forward pass and a backward one."""
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in (x, w, w.new_zeros(len(w)))]
        image, weights, bias = leaves
        out = torch.nn.functional.conv2d(image, weights, bias, stride, padding, dilation, groups)
        return torch.autograd.grad(out, leaves, grad_out)


@impl("conv2d_backward")
def nn_grad(
    grad_out: Tensor,
    x: Tensor,
    w: Tensor,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Tensor, ...]:
    """torch.nn.grad: one call for the images and one for the weights."""
    from torch.nn import grad  # torch.nn doesn't say that it has it

    options = (stride, padding, dilation, groups)
    return (
        grad.conv2d_input(x.shape, w, grad_out, *options),  # type: ignore[no-untyped-call]
        grad.conv2d_weight(x, w.shape, grad_out, *options),  # type: ignore[no-untyped-call]
        grad_out.sum((0, 2, 3)),
    )


@impl("conv2d_backward")
def aten(
    grad_out: Tensor,
    x: Tensor,
    w: Tensor,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Tensor, ...]:
    """The one call that autograd itself makes."""
    gradients: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
        *(grad_out, x, w, [len(w)]),
        *(pair(stride), pair(padding), pair(dilation)),
        *(False, (0, 0), groups, (True, True, True)),
    )
    return gradients
