"""Contenders for the convolution of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import Caveat, cpu, floating, impl, supported
from opbench.impls.dtypes import accumulator
from opbench.impls.onednn import LEAKS_IN_BFLOAT16, MAY_LEAK_WITH_AMX
from opbench.impls.windows2d import Windows, at_tap, convolved, padded, strided, unfolded, windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from opbench.impls.windows2d import Size

#: A pixel that no window sees has no gradient; through a spectrum it gets the rounding of others.
spectral = supported("the rounding of its gradient reaches every pixel")(
    lambda direction: direction == "forward"
) & supported("MKL has no transform of an empty batch")(lambda x: len(x) > 0)
images = supported("Inductor expects other strides of the gradients of an empty batch")(
    lambda x: len(x) > 0
)

SPECTRUM = "in a spectrum every pixel is part of every sum: NaN and infinities reach all of them"
SPECTRUM_SCALE = "the rounding of the largest pixels reaches all others"
#: Seen in one pixel of 73,656, of 1025 rows and without a bias, on an AMD EPYC.
SPECTRUM_SMALL = Caveat("the rounding of all pixels may show in a small sum", lambda dtype: None)
SPECTRAL: dict[str, str | Caveat] = {
    "nonfinite": SPECTRUM,
    "scales": SPECTRUM_SCALE,
    "no_bias": SPECTRUM_SMALL,
}


@impl("conv2d")
def unfold_matmul(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """The windows as columns, in one matrix product per image and group."""
    return convolved(x, w, b, _windows(w, stride, padding, dilation), groups=groups)


@impl("conv2d", target="opbench.impls.tape:differentiable_conv2d")
def tape(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """unfold_matmul, with the gradients that a hand-made tape leaves."""
    raise NotImplementedError


@impl("conv2d")
def windows_einsum(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """The windows as a view by Tensor.unfold, and an einsum over their taps."""
    where = _windows(w, stride, padding, dilation)
    seen = unfolded(padded(x, where), where)
    seen = seen.view(len(x), groups, w.shape[1], *seen.shape[2:])
    weights = w.reshape(groups, -1, *w.shape[1:])
    return _biased(torch.einsum("gocij,ngchwij->ngohw", weights, seen).flatten(1, 2), b)


@impl("conv2d")
def strided_tensordot(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """The windows as a view by as_strided, and a tensordot for each group."""
    where = _windows(w, stride, padding, dilation)
    seen = strided(padded(x, where), where).chunk(groups, 1)
    taps = [1, 2, 3]
    # Not by chunk, which takes groups that don't divide them.
    kernels = w.unflatten(0, (groups, len(w) // groups))  # type: ignore[no-untyped-call]
    parts = [torch.tensordot(k, s, (taps, taps)) for k, s in zip(kernels, seen, strict=True)]
    return _biased((parts[0] if groups == 1 else torch.cat(parts)).transpose(0, 1), b)


@impl("conv2d")
def tap_loop(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """For each tap of the kernel, a product of channels added to the sum of the taps before."""
    where, (number, _, *size) = _windows(w, stride, padding, dilation), x.shape
    wide, (oh, ow) = accumulator(x.dtype), where.grid(*size)
    image = padded(x, where).to(wide)
    image = image.reshape(number * groups, w.shape[1], *image.shape[2:])
    weights = w.to(wide).flatten(2).permute(2, 0, 1)
    weights = weights.reshape(-1, 1, groups, len(w) // groups, w.shape[1])
    first = w.new_zeros(len(w), dtype=wide) if b is None else b.to(wide)
    total = first.view(groups, -1, 1).repeat(number, 1, oh * ow)
    for tap, weight in zip(where.taps(), weights, strict=True):
        seen = at_tap(image, where, tap).flatten(2)
        total.baddbmm_(weight.expand(number, -1, -1, -1).flatten(0, 1), seen)
    return total.view(number, len(w), oh, ow).to(x.dtype)


@impl("conv2d", supports=spectral, caveats=SPECTRAL)
def fft(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """A product of spectra; it gives every pixel, of which the stride keeps some."""
    where, wide = _windows(w, stride, padding, dilation), accumulator(x.dtype)
    (sh, sw), (dh, dw), (rh, rw) = where.stride, where.dilation, where.reach
    image = padded(x, where).to(wide)
    height, width = image.shape[2:]
    kernel = w.to(wide)
    if (dh, dw) != (1, 1):
        spread = kernel.new_zeros(*w.shape[:2], rh, rw)
        spread[:, :, ::dh, ::dw] = kernel
        kernel = spread
    # The sum wraps around, but only into windows that leave the image.
    size = _smooth(height), _smooth(width)
    pixels = torch.fft.rfft2(image.reshape(len(x), groups, -1, height, width), size)
    taps = torch.fft.rfft2(kernel.reshape(groups, -1, *kernel.shape[1:]), size)
    # A product of matrices per frequency would move the spectra around first.
    pixels = pixels.conj_physical().unsqueeze(2)
    total = pixels[:, :, :, 0] * taps[:, :, 0]
    for channel in range(1, w.shape[1]):
        total.addcmul_(pixels[:, :, :, channel], taps[:, :, channel])
    sums = torch.fft.irfft2(total.conj(), size)
    kept: Tensor = sums.flatten(1, 2)[:, :, : height - rh + 1 : sh, : width - rw + 1 : sw]
    return (kept if b is None else kept + b.to(wide)[:, None, None]).to(x.dtype)


# Inductor keeps the library call, between its own copies to channels last and back.
@impl("conv2d", name="torch", caveats={"nonfinite": MAY_LEAK_WITH_AMX})
@impl(
    "conv2d",
    name="compile",
    caveats={"nonfinite": LEAKS_IN_BFLOAT16},
    supports=images,
    prepare="opbench.impls.conv2d:compile_static",
)
def library(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """PyTorch's own convolution."""
    return torch.nn.functional.conv2d(x, w, b, stride, padding, dilation, groups)


@impl("conv2d", caveats={"nonfinite": LEAKS_IN_BFLOAT16})
def channels_last(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """PyTorch's own on images and weights with the channels of a pixel beside each other."""
    last = torch.channels_last
    image, weights = x.contiguous(memory_format=last), w.contiguous(memory_format=last)
    return torch.nn.functional.conv2d(image, weights, b, stride, padding, dilation, groups)


@impl("conv2d", supports=cpu & floating, target="opbench.impls.kernels.convolution_cpp:conv2d")
def cpp(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Windows packed and multiplied block by block, in C++."""
    raise NotImplementedError


def compile_static(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The compiled function, for the sizes it meets: of any sizes, Inductor fails at gradients."""
    return torch.compile(function, dynamic=False)


def _windows(w: Tensor, stride: Size, padding: Size, dilation: Size) -> Windows:
    return windows((w.shape[2], w.shape[3]), stride, padding, dilation)


def _biased(total: Tensor, b: Tensor | None) -> Tensor:
    """The sums, with the bias added in place where there is one."""
    return total if b is None else total.add_(b[:, None, None])


def _smooth(length: int) -> int:
    """The least even length from there on without prime factors above 5: quick to transform."""
    for size in range(length + length % 2, 2 * length + 2, 2):
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
    return length
