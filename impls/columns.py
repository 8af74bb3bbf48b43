"""Contenders for the windows of an image as columns, and for columns added up to an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl
from opbench.impls.dtypes import ADDS_IN_HALF, SUMS_IN_HALF, accumulator
from opbench.impls.windows2d import Windows, at_tap, padded, pair, strided, tap_rows, windows

if TYPE_CHECKING:
    from torch import Tensor

    from opbench.impls.windows2d import Size

# --- im2col ----------------------------------------------------------------------------------


@impl("im2col", name="torch", caveats=ADDS_IN_HALF)
def unfold(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """PyTorch's own unfold."""
    return torch.nn.functional.unfold(x, kernel_size, dilation, padding, stride)


@impl("im2col", caveats=ADDS_IN_HALF)
def as_strided(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """A view of the windows made of strides, copied."""
    where = windows(kernel_size, stride, padding, dilation)
    # Not reshape, which gives a view where the kernel is one pixel.
    seen = strided(padded(x, where), where).clone(memory_format=torch.contiguous_format)
    return seen.flatten(4).flatten(1, 3)


@impl("im2col")
def gather(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """Pixels picked by their place in the flattened image."""
    where = windows(kernel_size, stride, padding, dilation)
    rows = tap_rows(where, (x.shape[2], x.shape[3]), x.device)
    taps = padded(x, where).flatten(2).gather(2, rows.flatten().expand(*x.shape[:2], -1))
    return taps.view(x.shape[0], x.shape[1] * len(rows), rows.shape[1])


@impl("im2col", caveats=ADDS_IN_HALF)
def loop(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """One shifted view of the image for each tap, stacked."""
    where = windows(kernel_size, stride, padding, dilation)
    image = padded(x, where)
    seen = torch.stack([at_tap(image, where, tap) for tap in where.taps()], 2)
    return seen.flatten(3).flatten(1, 2)


@impl("im2col", supports=cpu & floating, target="opbench.impls.kernels.convolution_cpp:im2col")
def cpp(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """The rows of columns written side by side, in C++."""
    raise NotImplementedError


# --- col2im ----------------------------------------------------------------------------------


@impl("col2im", name="torch", caveats={"peaks": SUMS_IN_HALF})
def fold(
    columns: Tensor,
    output_size: Size,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """PyTorch's own fold."""
    return torch.nn.functional.fold(columns, output_size, kernel_size, dilation, padding, stride)


@impl("col2im", name="loop")
def tap_loop(
    columns: Tensor,
    output_size: Size,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """Each tap's row of the columns added to a shifted view of the image."""
    where = windows(kernel_size, stride, padding, dilation)
    size, (ph, pw) = pair(output_size), where.padding
    taps = _by_taps(columns, where, size)
    image = columns.new_zeros(
        *taps.shape[:2], size[0] + 2 * ph, size[1] + 2 * pw, dtype=accumulator(columns.dtype)
    )
    for tap, values in zip(where.taps(), taps.unbind(2), strict=True):
        at_tap(image, where, tap).add_(values.view(*values.shape[:2], *where.grid(*size)))
    return _cropped(image, where).to(columns.dtype)


@impl("col2im")
def scatter_add(
    columns: Tensor,
    output_size: Size,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """Elements added to their pixel's place in the flattened image."""
    where = windows(kernel_size, stride, padding, dilation)
    size, (ph, pw) = pair(output_size), where.padding
    taps = _by_taps(columns, where, size).flatten(2)
    shape = (*taps.shape[:2], size[0] + 2 * ph, size[1] + 2 * pw)
    image = columns.new_zeros(shape, dtype=accumulator(columns.dtype)).flatten(2)
    rows = tap_rows(where, size, columns.device).flatten().expand(taps.shape)
    image.scatter_add_(2, rows, taps.to(image.dtype))
    return _cropped(image.view(shape), where).to(columns.dtype)


@impl("col2im", name="gather")
def pixel_gather(
    columns: Tensor,
    output_size: Size,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """For each pixel and tap the window that sees it there, or an added zero; then their sum."""
    where, size = windows(kernel_size, stride, padding, dilation), pair(output_size)
    taps = torch.nn.functional.pad(_by_taps(columns, where, size), (0, 1))
    chosen = _window_of_pixel(where, size, columns.device)
    gathered = taps.gather(3, chosen.expand(*taps.shape[:2], -1, -1))
    # Summed in float32 where they are of half precision.
    return gathered.sum(2).view(*taps.shape[:2], *size)


@impl(
    "col2im",
    name="cpp",
    supports=cpu & floating,
    target="opbench.impls.kernels.convolution_cpp:col2im",
)
def cpp_fold(
    columns: Tensor,
    output_size: Size,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Tensor:
    """Each plane of the image summed in cache, in C++."""
    raise NotImplementedError


def _by_taps(columns: Tensor, where: Windows, size: tuple[int, int]) -> Tensor:
    """The columns as [N, C, Kh * Kw, Oh * Ow]."""
    (kh, kw), (oh, ow) = where.kernel, where.grid(*size)
    return columns.view(len(columns), columns.shape[1] // (kh * kw), kh * kw, oh * ow)


def _cropped(image: Tensor, where: Windows) -> Tensor:
    """The image without its padding."""
    ph, pw = where.padding
    return image[:, :, ph : image.shape[2] - ph, pw : image.shape[3] - pw]


def _window_of_pixel(where: Windows, size: tuple[int, int], device: torch.device) -> Tensor:
    """The window [Kh * Kw, H * W] that sees a pixel with that tap; one past the last if none."""
    oh, ow = where.grid(*size)
    places, inside = [], []
    for n, o, *step in zip(size, (oh, ow), *where, strict=True):
        k, s, p, d = step
        ahead = torch.arange(n, device=device) + p - torch.arange(k, device=device)[:, None] * d
        window = ahead.div(s, rounding_mode="floor")
        places.append(window)
        inside.append((window * s == ahead) & (window >= 0) & (window < o))
    window = places[0][:, None, :, None] * ow + places[1][:, None]
    both = inside[0][:, None, :, None] & inside[1][:, None]
    return torch.where(both, window, oh * ow).flatten(2).flatten(0, 1)
