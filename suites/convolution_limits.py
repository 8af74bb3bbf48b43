"""Limits of the contracts of convolution and pooling, and their compulsory work."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from opbench import Cost
from opbench.suites.convolution_inputs import Steps, area, grid, pair

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from opbench.suites.convolution_inputs import Size

# --- what is outside the contracts -----------------------------------------------------------


def validate_conv2d(
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    stride: Size,
    padding: Size,
    dilation: Size,
    groups: int,
) -> None:
    """Images, weights and a bias that fit each other."""
    _convolution("conv2d", x, w, groups, Steps(stride, padding, dilation))
    if b is not None:
        _like("conv2d", "b", b, [len(w)], x.dtype)


def validate_conv2d_backward(
    grad_out: Tensor,
    x: Tensor,
    w: Tensor,
    stride: Size,
    padding: Size,
    dilation: Size,
    groups: int,
) -> None:
    """Images and weights that fit each other, and a gradient of the shape of their output."""
    op, steps = "conv2d_backward", Steps(stride, padding, dilation)
    _convolution(op, x, w, groups, steps)
    shape = [len(x), len(w), *grid(area(x), area(w), steps)]
    _like(op, "grad_out", grad_out, shape, x.dtype)


def validate_max_pool2d(
    x: Tensor, kernel_size: Size, stride: Size, padding: Size, dilation: Size
) -> None:
    """Windows that fit, each with an element of the image among its taps."""
    _pooling("max_pool2d", x, kernel_size, Steps(stride, padding, dilation))


def validate_max_pool2d_backward(
    grad_out: Tensor, x: Tensor, kernel_size: Size, stride: Size, padding: Size, dilation: Size
) -> None:
    """As max_pool2d, and a gradient of the shape of its output."""
    op, steps = "max_pool2d_backward", Steps(stride, padding, dilation)
    _pooling(op, x, kernel_size, steps)
    shape = [*x.shape[:2], *grid(area(x), kernel_size, steps)]
    _like(op, "grad_out", grad_out, shape, x.dtype)


def validate_im2col(
    x: Tensor, kernel_size: Size, stride: Size, padding: Size, dilation: Size
) -> None:
    """Images on which at least one window fits."""
    _values("im2col", "x", x)
    _windows("im2col", area(x), kernel_size, Steps(stride, padding, dilation))


def validate_col2im(
    columns: Tensor,
    output_size: Size,
    kernel_size: Size,
    stride: Size,
    padding: Size,
    dilation: Size,
) -> None:
    """As many columns as windows fit, each of as many elements as the kernel has, by channels."""
    op, steps = "col2im", Steps(stride, padding, dilation)
    _values(op, "columns", columns, "N, C * Kh * Kw, Oh * Ow")
    _sizes(op, output_size=output_size)
    _windows(op, output_size, kernel_size, steps)
    taps, number = prod(pair(kernel_size)), prod(grid(output_size, kernel_size, steps))
    if columns.shape[1] % taps or columns.shape[2] != number:
        raise ValueError(
            f"{op}: columns: shape {list(columns.shape)}, only [N, C * {taps}, {number}] is allowed"
        )


def _convolution(op: str, x: Tensor, w: Tensor, groups: int, steps: Steps) -> None:
    _values(op, "x", x)
    _values(op, "w", w, "Co, Ci / groups, Kh, Kw")
    if w.dtype != x.dtype:
        raise TypeError(f"{op}: w: {w.dtype}, only {x.dtype} is allowed")
    if type(groups) is not int:
        raise TypeError(f"{op}: groups: {groups!r}, an int is allowed")
    if groups < 1 or x.shape[1] % groups or len(w) % groups:
        raise ValueError(
            f"{op}: groups: {groups}, a common divisor of the {x.shape[1]} channels of x and the "
            f"{len(w)} of w is allowed"
        )
    if w.shape[1] != x.shape[1] // groups or len(w) == 0:
        raise ValueError(
            f"{op}: w: shape {list(w.shape)}, only [Co, {x.shape[1] // groups}, Kh, Kw] is allowed"
        )
    _windows(op, area(x), area(w), steps)


def _pooling(op: str, x: Tensor, kernel: Size, steps: Steps) -> None:
    _values(op, "x", x)
    _windows(op, area(x), kernel, steps)
    if any(2 * p > k for p, k in zip(pair(steps.padding), pair(kernel), strict=True)):
        raise ValueError(
            f"{op}: padding: {steps.padding!r}, at most half of kernel_size {kernel!r} is allowed"
        )
    counts = grid(area(x), kernel, steps)
    for count, n, k, s, p, d in zip(counts, *map(pair, (area(x), kernel, *steps)), strict=True):
        for first in range(-p, count * s - p, s):
            if not any(0 <= first + tap * d < n for tap in range(k)):
                raise ValueError(
                    f"{op}: dilation: {steps.dilation!r} leaves a window that sees nothing but "
                    "padding; only windows with an element are allowed"
                )


def _windows(op: str, size: Size, kernel: Size, steps: Steps) -> None:
    """Options are in range, and at least one window fits on an image of `size`."""
    _sizes(op, kernel_size=kernel, stride=steps.stride, dilation=steps.dilation)
    _sizes(op, least=0, padding=steps.padding)
    if min(grid(size, kernel, steps)) < 1:
        raise ValueError(
            f"{op}: kernel_size: {kernel!r} with dilation {steps.dilation!r} is larger than the "
            f"image {list(pair(size))} with padding {steps.padding!r}; one window must fit at least"
        )


def _sizes(op: str, *, least: int = 1, **sizes: Size) -> None:
    """Each of `sizes` is an int, or a pair of them, of `least` and more."""
    for name, size in sizes.items():
        numbers = size if isinstance(size, tuple | list) else (size, size)
        if len(numbers) != 2 or any(type(number) is not int for number in numbers):
            raise TypeError(f"{op}: {name}: {size!r}, an int or a pair of ints is allowed")
        if min(numbers) < least:
            raise ValueError(f"{op}: {name}: {size!r}, {least} and more is allowed")


def _values(op: str, name: str, tensor: Tensor, axes: str = "N, C, H, W") -> None:
    """Floating-point values with those axes, of which only the first may be empty."""
    if tensor.ndim != axes.count(",") + 1:
        raise ValueError(f"{op}: {name}: shape {list(tensor.shape)}, only [{axes}] is allowed")
    if 0 in tensor.shape[1:]:
        raise ValueError(
            f"{op}: {name}: shape {list(tensor.shape)}, only the first axis is allowed to be empty"
        )
    if not tensor.is_floating_point():
        raise TypeError(f"{op}: {name}: {tensor.dtype}, only floating-point types are allowed")


def _like(op: str, name: str, tensor: Tensor, shape: list[int], dtype: torch.dtype) -> None:
    """`tensor` has that shape and dtype."""
    if list(tensor.shape) != shape:
        raise ValueError(f"{op}: {name}: shape {list(tensor.shape)}, only {shape} is allowed")
    if tensor.dtype != dtype:
        raise TypeError(f"{op}: {name}: {tensor.dtype}, only {dtype} is allowed")


# --- the work that cannot be avoided ---------------------------------------------------------


def cost_conv2d(
    x: Tensor, w: Tensor, stride: Size, padding: Size, dilation: Size, e: int, direction: str
) -> Cost:
    """Two operations for each tap of each output; the gradients are two such products."""
    size = grid(area(x), area(w), Steps(stride, padding, dilation))
    outputs = len(x) * len(w) * prod(size)
    flops, inputs = 2 * outputs * w[0].numel(), x.numel() + w.numel()
    forward = Cost(flops, e * (inputs + len(w) + outputs))
    backward = Cost(2 * flops + outputs, e * (outputs + 2 * inputs + len(w)))
    return Cost.of_pass(forward, backward, direction)


def cost_conv2d_backward(
    x: Tensor, w: Tensor, stride: Size, padding: Size, dilation: Size, e: int
) -> Cost:
    """The work of a backward pass."""
    return cost_conv2d(x, w, stride, padding, dilation, e, "backward")


def cost_max_pool2d(
    x: Tensor,
    kernel_size: Size,
    stride: Size,
    padding: Size,
    dilation: Size,
    e: int,
    direction: str,
) -> Cost:
    """A comparison for each tap; backward, an addition for each output."""
    size = grid(area(x), kernel_size, Steps(stride, padding, dilation))
    outputs = x.shape[0] * x.shape[1] * prod(size)
    forward = Cost(outputs * prod(pair(kernel_size)), e * (x.numel() + outputs))
    return Cost.of_pass(forward, Cost(outputs, e * (outputs + 2 * x.numel())), direction)


def cost_max_pool2d_backward(grad_out: Tensor, x: Tensor, e: int) -> Cost:
    """An addition for each output."""
    return Cost(grad_out.numel(), e * (grad_out.numel() + 2 * x.numel()))


def cost_im2col(
    x: Tensor,
    kernel_size: Size,
    stride: Size,
    padding: Size,
    dilation: Size,
    e: int,
    direction: str,
) -> Cost:
    """Each element is read once, and written for each window over it; or added back."""
    size = grid(area(x), kernel_size, Steps(stride, padding, dilation))
    elements = x.shape[0] * x.shape[1] * prod(pair(kernel_size)) * prod(size)
    moved = e * (x.numel() + elements)
    return Cost.of_pass(Cost(0, moved), Cost(elements, moved), direction)


def cost_col2im(
    columns: Tensor, output_size: Size, kernel_size: Size, e: int, direction: str
) -> Cost:
    """Each element of a column is read and added once; or written back."""
    taps = prod(pair(kernel_size))
    image = columns.shape[0] * columns.shape[1] // taps * prod(pair(output_size))
    moved = e * (columns.numel() + image)
    return Cost.of_pass(Cost(columns.numel(), moved), Cost(0, moved), direction)
