"""Contenders for pixels and channels: blocks of pixels moved into channels, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import rearrange

from opbench import cpu, floating, impl, supported, triton_device

if TYPE_CHECKING:
    from torch import Tensor


@supported("unfold and fold take one channel and pixel, and more")
def filled(x: Tensor) -> bool:
    """Whether no axis but the batch is empty."""
    return 0 not in x.shape[1:]


@supported("torch's own leaves an empty tensor in its old shape, or its gradient")
def some(x: Tensor) -> bool:
    """Whether there is an element."""
    return x.numel() > 0


# --- pixel_unshuffle: [B, C, H*s, W*s] -> [B, C*s*s, H, W] -----------------------------------


@impl("pixel_unshuffle", name="torch", supports=some)
def unshuffle_by_torch(x: Tensor, factor: int) -> Tensor:
    """torch's own, which keeps an order of the axes in memory that it recognises."""
    return torch.nn.functional.pixel_unshuffle(x, factor).contiguous()


@impl("pixel_unshuffle", name="einops")
def unshuffle_by_einops(x: Tensor, factor: int) -> Tensor:
    """rearrange, a copy in the new order, and flatten.

    rearrange alone returns a view where the blocks, or their number, are one: no result of its
    own.
    """
    blocks = rearrange(x, "b c (h i) (w j) -> b c i j h w", i=factor, j=factor)
    return blocks.clone(memory_format=torch.contiguous_format).flatten(1, 3)


@impl("pixel_unshuffle", name="permute")
def unshuffle_by_permute(x: Tensor, factor: int) -> Tensor:
    """view, permute, a copy in the new order, and flatten."""
    batch, channels, height, width = x.shape
    blocks = x.view(batch, channels, height // factor, factor, width // factor, factor)
    moved = blocks.permute(0, 1, 3, 5, 2, 4)
    return moved.clone(memory_format=torch.contiguous_format).flatten(1, 3)


@impl("pixel_unshuffle", name="slices")
def unshuffle_by_slices(x: Tensor, factor: int) -> Tensor:
    """One strided slice per place in a block, stacked behind the channels."""
    steps = range(factor)
    parts = [x[:, :, i::factor, j::factor] for i in steps for j in steps]
    # One part alone keeps its order in memory; else this does nothing.
    return torch.stack(parts, 2).flatten(1, 2).contiguous()


@impl("pixel_unshuffle", name="unfold", supports=floating & filled)
def unshuffle_by_unfold(x: Tensor, factor: int) -> Tensor:
    """unfold into columns of blocks."""
    height, width = x.shape[2] // factor, x.shape[3] // factor
    columns = torch.nn.functional.unfold(x, factor, stride=factor)
    return torch.unflatten(columns, 2, (height, width))


@impl(
    "pixel_unshuffle",
    name="cpp",
    supports=cpu,
    target="opbench.impls.kernels.transpose_cpp:pixel_unshuffle",
)
def unshuffle_in_cpp(x: Tensor, factor: int) -> Tensor:
    """Each row of pixels dealt out to the rows of its channels, in C++."""
    raise NotImplementedError


@impl(
    "pixel_unshuffle",
    name="triton",
    requires="triton",
    supports=triton_device,
    target="opbench.impls.kernels.pixels_triton:pixel_unshuffle",
)
def unshuffle_in_triton(x: Tensor, factor: int) -> Tensor:
    """One program per block of the output."""
    raise NotImplementedError


# --- pixel_shuffle: [B, C*s*s, H, W] -> [B, C, H*s, W*s] -------------------------------------


@impl("pixel_shuffle", name="torch", supports=some)
def shuffle_by_torch(x: Tensor, factor: int) -> Tensor:
    """torch's own, which keeps an order of the axes in memory that it recognises."""
    return torch.nn.functional.pixel_shuffle(x, factor).contiguous()


@impl("pixel_shuffle", name="einops")
def shuffle_by_einops(x: Tensor, factor: int) -> Tensor:
    """rearrange, a copy in the new order, and two flattens.

    rearrange alone returns a view where the blocks, or their number, are one: no result of its
    own.
    """
    blocks = rearrange(x, "b (c i j) h w -> b c h i w j", i=factor, j=factor)
    return blocks.clone(memory_format=torch.contiguous_format).flatten(4, 5).flatten(2, 3)


@impl("pixel_shuffle", name="permute")
def shuffle_by_permute(x: Tensor, factor: int) -> Tensor:
    """view, permute, a copy in the new order, and view."""
    batch, channels, height, width = x.shape
    blocks = x.view(batch, channels // factor**2, factor, factor, height, width)
    moved = blocks.permute(0, 1, 4, 2, 5, 3).clone(memory_format=torch.contiguous_format)
    return moved.view(batch, channels // factor**2, height * factor, width * factor)


@impl("pixel_shuffle", name="slices")
def shuffle_by_slices(x: Tensor, factor: int) -> Tensor:
    """One strided assignment per place in a block."""
    batch, channels, height, width = x.shape
    result = x.new_empty(batch, channels // factor**2, height * factor, width * factor)
    for place in range(factor**2):
        i, j = divmod(place, factor)
        result[:, :, i::factor, j::factor] = x[:, place :: factor**2]
    return result


@impl("pixel_shuffle", name="fold", supports=floating & filled)
def shuffle_by_fold(x: Tensor, factor: int) -> Tensor:
    """fold of columns of blocks."""
    height, width = x.shape[2] * factor, x.shape[3] * factor
    return torch.nn.functional.fold(x.flatten(2), (height, width), factor, stride=factor)


@impl(
    "pixel_shuffle",
    name="cpp",
    supports=cpu,
    target="opbench.impls.kernels.transpose_cpp:pixel_shuffle",
)
def shuffle_in_cpp(x: Tensor, factor: int) -> Tensor:
    """Each row of pixels collected from the rows of its channels, in C++."""
    raise NotImplementedError


@impl(
    "pixel_shuffle",
    name="triton",
    requires="triton",
    supports=triton_device,
    target="opbench.impls.kernels.pixels_triton:pixel_shuffle",
)
def shuffle_in_triton(x: Tensor, factor: int) -> Tensor:
    """One program per block of the output."""
    raise NotImplementedError
