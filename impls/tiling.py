"""Contenders for a new first axis: one matrix repeated along it, or several stacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import rearrange, repeat

from opbench import impl, supported
from opbench.impls.dtypes import ADDS_IN_HALF

if TYPE_CHECKING:
    from torch import Tensor

several = supported("stack takes one tensor and more")(lambda copies: copies > 0)

# --- tile: [H, W] -> [copies, H, W] ----------------------------------------------------------


@impl("tile", name="expand", board="view")
def tile_by_expand(x: Tensor, copies: int) -> Tensor:
    """A new axis without a stride."""
    return x.expand(copies, -1, -1)


@impl("tile", name="broadcast_to", board="view")
def tile_by_broadcast(x: Tensor, copies: int) -> Tensor:
    """Broadcast to the shape of the result."""
    return x.broadcast_to(copies, *x.shape)


@impl("tile", name="einops", board="view")
def tile_by_einops(x: Tensor, copies: int) -> Tensor:
    """repeat, which expands."""
    return repeat(x, "h w -> n h w", n=copies)


@impl("tile", name="repeat")
def tile_by_repeat(x: Tensor, copies: int) -> Tensor:
    """repeat."""
    return x.repeat(copies, 1, 1)


@impl("tile", name="tile")
def tile_by_tile(x: Tensor, copies: int) -> Tensor:
    """torch's own tile."""
    return x.tile(copies, 1, 1)


@impl("tile", name="expand_copy")
def tile_by_copy(x: Tensor, copies: int) -> Tensor:
    """torch's own expand into new memory."""
    return torch.expand_copy(x, (copies, *x.shape))


@impl("tile", name="stack", supports=several, caveats=ADDS_IN_HALF)
def tile_by_stack(x: Tensor, copies: int) -> Tensor:
    """The same matrix stacked."""
    return torch.stack([x] * copies)


@impl("tile", name="index")
def tile_by_index(x: Tensor, copies: int) -> Tensor:
    """Row 0 of a batch of one, selected again and again."""
    return x[None].index_select(0, torch.zeros(copies, dtype=torch.int64, device=x.device))


@impl("tile", name="repeat_interleave")
def tile_by_interleave(x: Tensor, copies: int) -> Tensor:
    """repeat_interleave of a batch of one."""
    return x[None].repeat_interleave(copies, 0)


# --- stack_new_axis: n of [H, W] -> [n, H, W] ------------------------------------------------


@impl("stack_new_axis", name="stack")
def stack_by_stack(tensors: list[Tensor]) -> Tensor:
    """stack."""
    return torch.stack(tensors)


@impl("stack_new_axis", name="cat_unsqueeze")
def stack_by_cat(tensors: list[Tensor]) -> Tensor:
    """cat of matrices with a new axis each."""
    return torch.cat([tensor[None] for tensor in tensors])


@impl("stack_new_axis", name="cat_unflatten")
def stack_by_unflatten(tensors: list[Tensor]) -> Tensor:
    """All rows in one cat, then split into matrices."""
    return torch.cat(tensors).view(len(tensors), *tensors[0].shape)


@impl("stack_new_axis", name="einops")
def stack_by_einops(tensors: list[Tensor]) -> Tensor:
    """rearrange of a list, whose place in it is the first axis."""
    return rearrange(tensors, "n h w -> n h w")


@impl("stack_new_axis", name="loop")
def stack_by_loop(tensors: list[Tensor]) -> Tensor:
    """One copy per matrix into memory for all of them."""
    result = tensors[0].new_empty(len(tensors), *tensors[0].shape)
    for index, tensor in enumerate(tensors):
        result[index] = tensor
    return result
