"""The contracts of convolution and pooling: their oracles."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import torch

from opbench.suites.convolution_inputs import Steps, area, grid, pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from opbench.suites.convolution_inputs import Size


def conv2d(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of images with kernels, as torch.nn.functional.conv2d.

    x[N, Ci, H, W], w[Co, Ci / groups, Kh, Kw], b[Co] or None -> [N, Co, Oh, Ow]. Padding counts as
    zero. Options are ints or pairs (height, width). Of the `groups`, each gives Co / groups of the
    outputs from Ci / groups of the inputs. Half precision is summed in float32. Groups that don't
    divide the channels, and an output without pixels, are errors. Without b, nothing is added.
    """
    steps = Steps(stride, padding, dilation)
    size, taps = grid(area(x), area(w), steps), w[0].numel()
    columns = _windows(x, area(w), steps).reshape(len(x), groups, taps, prod(size))
    products = torch.einsum("ngkl,gok->ngol", columns, w.reshape(groups, -1, taps))
    total = products.reshape(len(x), len(w), *size)
    return total if b is None else total + b[:, None, None]


def conv2d_backward(
    grad_out: Tensor,
    x: Tensor,
    w: Tensor,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Tensor, ...]:
    """The gradients of a convolution from the gradient of its output.

    grad_out[N, Co, Oh, Ow], x[N, Ci, H, W], w[Co, Ci / groups, Kh, Kw] -> grad_x, grad_w and
    grad_b[Co], shaped as x, w and a bias. Half precision is summed in float32.
    """
    steps: Any = Steps(stride, padding, dilation)._asdict()
    with torch.enable_grad():
        leaves = [t.detach().requires_grad_() for t in (x, w, x.new_zeros(len(w)))]
        return torch.autograd.grad(conv2d(*leaves, **steps, groups=groups), leaves, grad_out)


def max_pool2d(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """The maximum of each window of an image.

    x[N, C, H, W] -> [N, C, Oh, Ow]. Options are ints or pairs (height, width); the stride is 1
    where none is given. Padding counts as -inf. A window with a NaN gives NaN. The gradient goes to
    the first maximum of a window, row by row. Padding of more than half the kernel is an error,
    and so is a window that sees nothing but padding.
    """
    steps = Steps(stride, padding, dilation)
    first = _first_maximum(x, kernel_size, steps)
    return torch.where(first, _windows(x, kernel_size, steps), 0).sum(2)


def max_pool2d_backward(
    grad_out: Tensor,
    x: Tensor,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """The gradient of a maximum over windows from the gradient of its output.

    grad_out[N, C, Oh, Ow], x[N, C, H, W] -> [N, C, H, W]. Each window gives its gradient to its
    first maximum, row by row; one with NaN to its first NaN. Half precision is summed in float32.
    """
    first = _first_maximum(x, kernel_size, Steps(stride, padding, dilation))
    columns = torch.where(first, grad_out.unsqueeze(2), 0).flatten(3).flatten(1, 2)
    steps: Any = Steps(stride, padding, dilation)._asdict()
    return col2im(columns, area(x), kernel_size, **steps)


def im2col(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """Every window of an image as a column, as torch.nn.functional.unfold.

    x[N, C, H, W] -> [N, C * Kh * Kw, Oh * Ow]: the channels, then the places of the kernel row by
    row, by the windows row by row. Padding is zero.
    """
    return _windows(x, kernel_size, Steps(stride, padding, dilation)).flatten(3).flatten(1, 2)


def col2im(
    columns: Tensor,
    output_size: Size,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """Columns added up to the image that they are windows of, as torch.nn.functional.fold.

    columns[N, C * Kh * Kw, Oh * Ow] -> [N, C, H, W], of output_size (H, W). What lies on the
    padding is dropped. Half precision is summed in float32.
    """
    (h, w), (kh, kw), (ph, pw) = map(pair, (output_size, kernel_size, padding))
    size = grid(output_size, kernel_size, Steps(stride, padding, dilation))
    channels = columns.shape[1] // (kh * kw)
    taps = columns.reshape(len(columns), channels, kh * kw, *size)
    image = columns.new_zeros(len(columns), channels, h + 2 * ph, w + 2 * pw)
    steps = Steps(stride, 0, dilation)
    for tap, seen in zip(taps.unbind(2), _taps(image, kernel_size, steps), strict=True):
        seen += tap
    return image[:, :, ph : ph + h, pw : pw + w]


def _taps(x: Tensor, kernel: Size, steps: Steps) -> Iterator[Tensor]:
    """The elements of the zero-padded image under each tap of the windows: [N, C, Oh, Ow].

    Views of the image itself where there is no padding.
    """
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = map(pair, (kernel, *steps))
    image = torch.nn.functional.pad(x, (pw, pw, ph, ph)) if ph or pw else x
    rows, columns = image.shape[2] - dh * (kh - 1), image.shape[3] - dw * (kw - 1)
    for i, j in product(range(kh), range(kw)):
        yield image[:, :, i * dh : i * dh + rows : sh, j * dw : j * dw + columns : sw]


def _windows(x: Tensor, kernel: Size, steps: Steps) -> Tensor:
    """Every window, padded with zeros: [N, C, Kh * Kw, Oh, Ow]."""
    return torch.stack([*_taps(x, kernel, steps)], 2)


def _first_maximum(x: Tensor, kernel: Size, steps: Steps) -> Tensor:
    """Whether an element of a window is its first maximum, or its first NaN; never the padding."""
    real = _windows(x.new_ones(1, 1, *area(x)), kernel, steps) == 1
    values = _windows(x.detach(), kernel, steps).masked_fill(~real, -torch.inf)
    largest = real & ((values == values.amax(2, keepdim=True)) | values.isnan())
    return largest & (largest.cumsum(2, dtype=torch.int16) == 1)


def sum_of_windows(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """Zero, as a maximum is exact, with a gradient: an element's is a sum over its windows."""
    sums = _windows(x, kernel_size, Steps(stride, padding, dilation)).sum(2)
    return sums - sums.detach()


def sum_of_gradients(
    grad_out: Tensor,
    x: Tensor,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """What an element would get if every window over it gave it its gradient."""
    steps: Any = Steps(stride, padding, dilation)._asdict()
    each = grad_out.flatten(2).repeat_interleave(prod(pair(kernel_size)), 1)
    return col2im(each, area(x), kernel_size, **steps)
