"""Convolution, maximum pooling and columns in C++ on the CPU, over `convolution.cpp`."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from opbench.impls.kernels import cpp_ops
from opbench.impls.kernels.cpp_ops import Kernel

SOURCE = Path(__file__).with_name("convolution.cpp")

#: An option: one number for both axes, or one for the height and one for the width.
Size = int | tuple[int, int]


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
    """x[N, Ci, H, W], w[Co, Ci / groups, Kh, Kw], b[Co] or None -> [N, Co, Oh, Ow]."""
    result: Tensor = _ops().conv2d(x, w, b, *_flat(stride, padding, dilation), groups)
    return result


def max_pool2d(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """The maximum of each window: x[N, C, H, W] -> [N, C, Oh, Ow]."""
    windows = _flat(kernel_size, stride, padding, dilation)
    if x.requires_grad and torch.is_grad_enabled():
        # Where the maxima lie is looked up for the gradient's sake alone.
        result: Tensor = _ops().max_pool2d_with_places(x, *windows)[0]
        return result
    result = _ops().max_pool2d(x, *windows)
    return result


def im2col(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """Each window as a column: x[N, C, H, W] -> [N, C * Kh * Kw, Oh * Ow]."""
    result: Tensor = _ops().im2col(x, *_flat(kernel_size, stride, padding, dilation))
    return result


def col2im(
    columns: Tensor,
    output_size: Size,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """Columns [N, C * Kh * Kw, Oh * Ow] added up to the images [N, C, H, W] of `output_size`."""
    windows = _flat(kernel_size, stride, padding, dilation)
    result: Tensor = _ops().col2im(columns, *_flat(output_size), *windows)
    return result


def load_ops(source: Path) -> SimpleNamespace:
    """Compile and load `source`, a version of this module's; its ops."""
    return cpp_ops.load(source, _KERNELS)


@functools.cache
def _ops() -> SimpleNamespace:
    quick: SimpleNamespace = load_ops(SOURCE).quick
    return quick


def _flat(*sizes: Size) -> list[int]:
    """Height and width of every option, one after the other."""
    return [n for size in sizes for n in ((size, size) if isinstance(size, int) else size)]


# --- registration with torch -----------------------------------------------------------------


def _grid(height: int, width: int, options: tuple[int, ...]) -> tuple[int, int]:
    """How many windows there are down and across an image."""
    kh, kw, sh, sw, ph, pw, dh, dw = options
    down = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    return down, (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1


def _conv2d_shape(x: Tensor, w: Tensor, b: Tensor | None, *rest: int) -> Tensor:
    grid = _grid(x.shape[2], x.shape[3], (w.shape[2], w.shape[3], *rest[:-1]))
    return x.new_empty((len(x), len(w), *grid))


def _conv2d_keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, w, _, *ctx.rest = inputs
    ctx.save_for_backward(x, w)


def _conv2d_backward(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    x, w = ctx.saved_tensors
    wants_x, wants_w, wants_b, *_ = ctx.needs_input_grad
    size, kernel = x.shape[2:], w.shape[2:]
    grad_x = ops.conv2d_grad_x(grad, w, *size, *ctx.rest) if wants_x else None
    grad_w = ops.conv2d_grad_w(grad, x, *kernel, *ctx.rest) if wants_w else None
    grad_b = grad.sum((0, 2, 3)) if wants_b else None
    return grad_x, grad_w, grad_b, *(None for _ in ctx.rest)


def _pool_shape(x: Tensor, *options: int) -> Tensor:
    return x.new_empty((*x.shape[:2], *_grid(x.shape[2], x.shape[3], options)))


def _places_shape(x: Tensor, *options: int) -> tuple[Tensor, Tensor]:
    values = _pool_shape(x, *options)
    return values, values.new_empty(values.shape, dtype=torch.int32)


def _places_keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.size, ctx.options = inputs[0].shape[2:], len(inputs) - 1
    ctx.save_for_backward(output[1])


def _places_backward(ops: SimpleNamespace, ctx: Any, grad: Tensor, _: Any) -> tuple[Any, ...]:
    (places,) = ctx.saved_tensors
    return ops.max_pool2d_backward(grad, places, *ctx.size), *(None for _ in range(ctx.options))


def _im2col_shape(x: Tensor, *options: int) -> Tensor:
    down, across = _grid(x.shape[2], x.shape[3], options)
    return x.new_empty((len(x), x.shape[1] * options[0] * options[1], down * across))


def _im2col_keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, *ctx.rest = inputs
    ctx.size = x.shape[2:]


def _im2col_backward(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    return ops.col2im(grad, *ctx.size, *ctx.rest), *(None for _ in ctx.rest)


def _col2im_shape(columns: Tensor, height: int, width: int, kh: int, kw: int, *_: int) -> Tensor:
    return columns.new_empty((len(columns), columns.shape[1] // (kh * kw), height, width))


def _col2im_keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.rest = inputs[3:]


def _col2im_backward(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    return ops.im2col(grad, *ctx.rest), None, None, *(None for _ in ctx.rest)


_KERNELS = {
    "conv2d": Kernel(_conv2d_shape, _conv2d_backward, _conv2d_keep),
    "conv2d_grad_x": Kernel(
        lambda grad, w, height, width, *rest: grad.new_empty(
            (len(grad), w.shape[1] * rest[-1], height, width)
        )
    ),
    "conv2d_grad_w": Kernel(
        lambda grad, x, kh, kw, *rest: grad.new_empty(
            (grad.shape[1], x.shape[1] // rest[-1], kh, kw)
        )
    ),
    "max_pool2d": Kernel(_pool_shape),
    "max_pool2d_with_places": Kernel(_places_shape, _places_backward, _places_keep),
    "max_pool2d_backward": Kernel(
        lambda grad, places, height, width: grad.new_empty((*grad.shape[:2], height, width))
    ),
    "im2col": Kernel(_im2col_shape, _im2col_backward, _im2col_keep),
    "col2im": Kernel(_col2im_shape, _col2im_backward, _col2im_keep),
}
