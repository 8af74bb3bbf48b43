"""The races of convolution and pooling by windows, forward and backward."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import torch

from opbench import Op
from opbench.suites import convolution_inputs as given
from opbench.suites import convolution_limits as limits
from opbench.suites.convolution_inputs import Steps, area, grid, pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from opbench.suites.convolution_inputs import Size

# --- the contracts ---------------------------------------------------------------------------


def _conv2d(
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


def _conv2d_backward(
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
        return torch.autograd.grad(_conv2d(*leaves, **steps, groups=groups), leaves, grad_out)


def _max_pool2d(
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


def _max_pool2d_backward(
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
    return _col2im(columns, area(x), kernel_size, **steps)


def _im2col(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """Every window of an image as a column, as torch.nn.functional.unfold.

    x[N, C, H, W] -> [N, C * Kh * Kw, Oh * Ow]: the channels, then the places of the kernel row by
    row, by the windows row by row. Padding is zero.
    """
    return _windows(x, kernel_size, Steps(stride, padding, dilation)).flatten(3).flatten(1, 2)


def _col2im(
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


def _sum_of_windows(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """Zero, as a maximum is exact, with a gradient: an element's is a sum over its windows."""
    sums = _windows(x, kernel_size, Steps(stride, padding, dilation)).sum(2)
    return sums - sums.detach()


def _sum_of_gradients(
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
    return _col2im(each, area(x), kernel_size, **steps)


# --- the races -------------------------------------------------------------------------------

_DTYPES = ("float32", "float64", "float16", "bfloat16")
_SOURCE = "convolution and pooling by unfolding, as courses on deep learning build them by hand"

conv2d = Op(
    name="conv2d",
    oracle=_conv2d,
    axes=given.CONVOLUTION,
    inputs={
        "normal": given.convolution(),
        "no_bias": given.convolution(bias=False),
        "pairs": given.unlike_convolution,
        "channels_last": given.convolution(given.channels_last),
        "nonfinite": given.convolution(given.nonfinite),
        "scales": given.convolution(given.scales),
        "deep_sum": given.deep_sum,
    },
    quick=given.CONVOLUTIONS["quick"],
    full=given.CONVOLUTIONS["full"],
    edge=given.CONVOLUTIONS["edge"],
    dtypes=_DTYPES,
    cost=limits.cost_conv2d,
    validate=limits.validate_conv2d,
    grad=("x", "w", "b"),
    source=_SOURCE,
)

conv2d_backward = Op(
    name="conv2d_backward",
    oracle=_conv2d_backward,
    axes=given.CONVOLUTION,
    inputs={
        "normal": given.convolution_gradient(given.convolution()),
        "pairs": given.convolution_gradient(given.unlike_convolution),
        "channels_last": given.convolution_gradient(given.convolution(given.channels_last)),
        "nonfinite": given.convolution_gradient(given.convolution(given.nonfinite)),
        "long_sum": given.convolution_gradient(given.convolution(), ones=True),
    },
    quick=given.CONVOLUTIONS["quick"],
    full=given.CONVOLUTIONS["full"],
    edge=given.CONVOLUTIONS["edge"],
    dtypes=_DTYPES,
    cost=limits.cost_conv2d_backward,
    validate=limits.validate_conv2d_backward,
    source=_SOURCE,
)

max_pool2d = Op(
    name="max_pool2d",
    oracle=_max_pool2d,
    axes=given.POOLING,
    inputs={
        "distinct": given.images(given.distinct),
        "ties": given.images(given.tied),
        "negative": given.images(given.negative),
        "masked": given.images(given.masked),
        "pairs": given.unlike_images(given.distinct),
        "channels_last": given.images(given.distinct_channels_last),
        "nonfinite": given.images(given.distinct_nonfinite),
    },
    quick=given.POOLINGS["quick"],
    full=given.POOLINGS["full"],
    edge=given.POOLINGS["edge"],
    dtypes=_DTYPES,
    magnitude=_sum_of_windows,
    cost=limits.cost_max_pool2d,
    validate=limits.validate_max_pool2d,
    grad=("x",),
    # torch's own gives the gradient of a window to its last NaN; what is written by hand, often
    # to its first.
    ungraded=("nonfinite",),
    source=_SOURCE,
)

max_pool2d_backward = Op(
    name="max_pool2d_backward",
    oracle=_max_pool2d_backward,
    axes=given.POOLING,
    inputs={
        "distinct": given.pooling_gradient(given.images(given.distinct)),
        "ties": given.pooling_gradient(given.images(given.tied)),
        "negative": given.pooling_gradient(given.images(given.negative)),
        "masked": given.pooling_gradient(given.images(given.masked)),
        "pairs": given.pooling_gradient(given.unlike_images(given.distinct)),
        "channels_last": given.pooling_gradient(given.images(given.distinct_channels_last)),
        "nonfinite": given.pooling_gradient(given.images(given.distinct_nonfinite)),
        "peaks": given.pooling_gradient(given.peaks, positive=True),
    },
    quick=given.POOLINGS["quick"],
    full=given.POOLINGS["full"],
    edge=given.POOLINGS["edge"],
    dtypes=_DTYPES,
    magnitude=_sum_of_gradients,
    cost=limits.cost_max_pool2d_backward,
    validate=limits.validate_max_pool2d_backward,
    source=_SOURCE,
)

im2col = Op(
    name="im2col",
    oracle=_im2col,
    axes=given.POOLING,
    inputs={
        "normal": given.images(given.normal),
        "pairs": given.unlike_images(given.normal),
        "channels_last": given.images(given.distinct_channels_last),
        "nonfinite": given.images(given.distinct_nonfinite),
    },
    quick=given.POOLINGS["quick"],
    full=given.POOLINGS["full"],
    edge=given.POOLINGS["edge"],
    dtypes=_DTYPES,
    cost=limits.cost_im2col,
    validate=limits.validate_im2col,
    grad=("x",),
    source=_SOURCE,
)

col2im = Op(
    name="col2im",
    oracle=_col2im,
    axes=given.POOLING,
    inputs={
        "normal": given.columns(given.images(given.normal)),
        "pairs": given.columns(given.unlike_images(given.normal)),
        "nonfinite": given.columns(given.images(given.normal), given.nonfinite),
        "peaks": given.columns(given.peaks, positive=True),
    },
    quick=given.POOLINGS["quick"],
    full=given.POOLINGS["full"],
    edge=given.POOLINGS["edge"],
    dtypes=_DTYPES,
    cost=limits.cost_col2im,
    validate=limits.validate_col2im,
    grad=("columns",),
    source=_SOURCE,
)
