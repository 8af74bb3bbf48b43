"""Space to channels and back in Triton: one kernel that copies between the two layouts.

A line is one row of the large image, [B, C, H * factor] of them; its pixel (w, j) lies at column
w * factor + j there, and at column w of channel (c, i, j) in the small one. A program copies a
block of lines, columns and offsets j, so that both layouts are read and written in runs.
The blocks are meant for an H100; they have been compiled for it and checked by Triton's
interpreter, not run on it.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from opbench.impls.kernels.triton_variant import OPTIONS, variant

ELEMENTS = 2048  # that one program copies: 16 a thread with four warps
MAX_OFFSETS = 64


def pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    """[B, C, H * factor, W * factor] -> [B, C * factor**2, H, W]; any dtype."""
    result: Tensor = _Unshuffle.apply(x, factor)  # type: ignore[no-untyped-call]
    return result


def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    """[B, C * factor**2, H, W] -> [B, C, H * factor, W * factor]; any dtype."""
    result: Tensor = _Shuffle.apply(x, factor)  # type: ignore[no-untyped-call]
    return result


class _Unshuffle(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: int) -> Tensor:
        ctx.factor = factor
        batches, channels, height, width = x.shape
        small = x.new_empty((batches, channels * factor**2, height // factor, width // factor))
        _copy(x, small, factor, unshuffle=True)
        return small

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return pixel_shuffle(grads[0], ctx.factor), None


class _Shuffle(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: int) -> Tensor:
        ctx.factor = factor
        batches, channels, height, width = x.shape
        large = x.new_empty((batches, channels // factor**2, height * factor, width * factor))
        _copy(large, x, factor, unshuffle=False)
        return large

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return pixel_unshuffle(grads[0], ctx.factor), None


def _copy(large: Tensor, small: Tensor, factor: int, *, unshuffle: bool) -> None:
    """From `large` to `small` where `unshuffle`, else from `small` to `large`."""
    if not large.numel():
        return
    batches, channels, height, _ = large.shape
    width = small.shape[3]
    offsets = min(MAX_OFFSETS, triton.next_power_of_2(factor))
    columns = min(ELEMENTS // offsets, triton.next_power_of_2(width))
    lines = ELEMENTS // (offsets * columns)
    count = batches * channels * height
    grid = (triton.cdiv(count, lines), triton.cdiv(width, columns), triton.cdiv(factor, offsets))
    copy_pixels[grid](
        *(large, small, count, channels, height, width),
        *(*large.stride(), *small.stride()),
        FACTOR=factor,
        UNSHUFFLE=unshuffle,
        LINES=lines,
        COLUMNS=columns,
        OFFSETS=offsets,
        num_warps=4,
        **OPTIONS,
    )


@triton.jit  # type: ignore[untyped-decorator]
def copy_pixels(
    large: tl.tensor,
    small: tl.tensor,
    lines: tl.tensor,
    channels: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    large_batch: tl.tensor,
    large_channel: tl.tensor,
    large_row: tl.tensor,
    large_column: tl.tensor,
    small_batch: tl.tensor,
    small_channel: tl.tensor,
    small_row: tl.tensor,
    small_column: tl.tensor,
    FACTOR: tl.constexpr,
    UNSHUFFLE: tl.constexpr,
    LINES: tl.constexpr,
    COLUMNS: tl.constexpr,
    OFFSETS: tl.constexpr,
) -> None:
    """One program per block of lines, columns and offsets."""
    line = tl.program_id(0).to(tl.int64) * LINES + tl.arange(0, LINES)[:, None, None]
    w = tl.program_id(1).to(tl.int64) * COLUMNS + tl.arange(0, COLUMNS)[None, :, None]
    j = tl.program_id(2).to(tl.int64) * OFFSETS + tl.arange(0, OFFSETS)[None, None, :]
    row = line % height
    channel = line // height % channels
    batch = line // height // channels
    wide = large + batch * large_batch + channel * large_channel + row * large_row
    narrow = small + batch * small_batch + row // FACTOR * small_row
    narrow += (channel * FACTOR + row % FACTOR) * FACTOR * small_channel
    wide = wide + (w * FACTOR + j) * large_column
    narrow = narrow + w * small_column + j * small_channel
    mask = (line < lines) & (w < width) & (j < FACTOR)
    if UNSHUFFLE:
        tl.store(narrow, tl.load(wide, mask=mask), mask=mask)
    else:
        tl.store(wide, tl.load(narrow, mask=mask), mask=mask)


_PIXELS = {"large": "*T", "small": "*T"}
_DENSE = {"large_column": 1, "small_column": 1}
_BLOCK = {**_DENSE, "FACTOR": 2, "LINES": 8, "COLUMNS": 128, "OFFSETS": 2}

VARIANTS = (
    variant("to channels", copy_pixels, _PIXELS, UNSHUFFLE=True, **_BLOCK),
    variant("to space", copy_pixels, _PIXELS, UNSHUFFLE=False, **_BLOCK),
)
