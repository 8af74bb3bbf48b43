"""The contracts of the layout races: their oracles, in subscripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


# --- the contracts, in subscripts ------------------------------------------------------------


def batch_transpose(x: Tensor) -> Tensor:
    """Each matrix of a batch transposed: x[B, H, W] -> [B, W, H]."""
    batch, height, width = x.shape
    b, w, h = _places(x, batch, width, height)
    return x[b, h, w]


def swap_height_width(x: Tensor) -> Tensor:
    """Height and width of every channel swapped: x[B, C, H, W] -> [B, C, W, H]."""
    batch, channels, height, width = x.shape
    b, c, w, h = _places(x, batch, channels, width, height)
    return x[b, c, h, w]


def cyclic_permute(x: Tensor) -> Tensor:
    """The last axis moved to the front: x[a, b, c, d] -> [d, a, b, c]."""
    first, second, third, last = x.shape
    d, a, b, c = _places(x, last, first, second, third)
    return x[a, b, c, d]


def split_heads(x: Tensor, heads: int) -> Tensor:
    """The width cut into heads: x[B, N, heads*d] -> [B, heads, N, d].

    Head h holds the columns h*d to h*d + d - 1. `heads` divides the width.
    """
    batch, size, width = x.shape
    depth = width // heads
    b, h, n, j = _places(x, batch, heads, size, depth)
    return x[b, n, h * depth + j]


def merge_heads(x: Tensor) -> Tensor:
    """The heads of each token side by side: x[B, h, N, d] -> [B, N, h*d]. Undoes split_heads."""
    batch, heads, size, depth = x.shape
    b, n, j = _places(x, batch, size, heads * depth)
    return x[b, j // max(depth, 1), n, j % max(depth, 1)]


def tile(x: Tensor, copies: int) -> Tensor:
    """One matrix repeated along a new first axis: x[H, W] -> [copies, H, W]."""
    height, width = x.shape
    _, h, w = _places(x, copies, height, width)
    return x[h.expand(copies, -1, -1), w]


def stack_new_axis(tensors: Sequence[Tensor]) -> Tensor:
    """Matrices of one shape along a new first axis: n of [H, W] -> [n, H, W], n >= 1."""
    return torch.cat([tensor[None] for tensor in tensors])


def flatten_leading(x: Tensor) -> Tensor:
    """The first two axes merged: x[a, b, c, d] -> [a*b, c, d]."""
    first, second, third, last = x.shape
    i, c, d = _places(x, first * second, third, last)
    return x[i // max(second, 1), i % max(second, 1), c, d]


def unflatten_leading(x: Tensor, sizes: tuple[int, int]) -> Tensor:
    """The first axis split in two: x[a*b, c, d], sizes (a, b) -> [a, b, c, d]."""
    a, b, c, d = _places(x, *sizes, *x.shape[1:])
    return x[a * sizes[1] + b, c, d]


def pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    """Blocks of pixels moved into channels: x[B, C, H*s, W*s], s = factor -> [B, C*s*s, H, W].

    Channel (c*s + i)*s + j holds row i and column j of the blocks of channel c: PyTorch's order.
    `factor` divides height and width.
    """
    batch, channels, height, width = x.shape
    s = factor
    b, k, h, w = _places(x, batch, channels * s * s, height // s, width // s)
    return x[b, k // (s * s), h * s + k // s % s, w * s + k % s]


def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    """Channels moved into blocks of pixels: x[B, C*s*s, H, W], s = factor -> [B, C, H*s, W*s].

    Undoes pixel_unshuffle: pixel (i, j) of the blocks of channel c is channel (c*s + i)*s + j.
    factor * factor divides the channels.
    """
    batch, channels, height, width = x.shape
    s = factor
    b, c, h, w = _places(x, batch, channels // (s * s), height * s, width * s)
    return x[b, (c * s + h % s) * s + w % s, h // s, w // s]


def _places(x: Tensor, *sizes: int) -> tuple[Tensor, ...]:
    """The index along each axis of an output of these sizes, to compute with and subscript `x`."""
    grid = []
    for axis, size in enumerate(sizes):
        shape = [1] * len(sizes)
        shape[axis] = size
        grid.append(torch.arange(size, device=x.device).view(shape))
    return tuple(grid)


# --- what reads heads ------------------------------------------------------------------------


def scores(rows: Tensor) -> Tensor:
    """The products of all rows with each other, as QK^T: [..., N, d] -> [..., N, N]."""
    return rows @ rows.mT
