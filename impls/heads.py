"""Contenders for the heads of attention: a width split into heads, and heads merged again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import rearrange

from opbench import cpu, impl, supported

if TYPE_CHECKING:
    from torch import Tensor


def _adjacent(x: Tensor) -> bool:
    """Whether the heads [B, h, N, d] of a token lie side by side: as split_heads leaves them."""
    _, heads, _, depth = x.shape
    return heads == 1 or depth == 1 or x.numel() == 0 or x.stride(1) == depth * x.stride(3)


adjacent = supported("the heads of a token don't lie side by side, so no view merges them")(
    _adjacent
)
# Where the heads aren't adjacent, reshape copies: no view, and a copy that would be copied again
# in the output mode materialise, where `clone` is the same work.
adjacent_or_read = supported(
    "the heads of a token don't lie side by side: it copies, which is no view, and is `clone` "
    "in the output mode materialise"
)(lambda x, board: board == "consume" or _adjacent(x))

wide = supported("unfold takes steps of one column and more")(lambda x: x.shape[2] > 0)

# --- split_heads: [B, N, heads*d] -> [B, heads, N, d] ----------------------------------------


@impl("split_heads", name="view", board="view")
def split_by_view(x: Tensor, heads: int) -> Tensor:
    """view and transpose."""
    batch, size, width = x.shape
    return x.view(batch, size, heads, width // heads).transpose(1, 2)


@impl("split_heads", name="unflatten", board="view")
def split_by_unflatten(x: Tensor, heads: int) -> Tensor:
    """unflatten and transpose."""
    return torch.unflatten(x, 2, (heads, x.shape[2] // heads)).transpose(1, 2)


@impl("split_heads", name="einops", board="view")
def split_by_einops(x: Tensor, heads: int) -> Tensor:
    """rearrange."""
    return rearrange(x, "b n (h d) -> b h n d", h=heads)


@impl("split_heads", name="einsum", board="view")
def split_by_einsum(x: Tensor, heads: int) -> Tensor:
    """view, and an einsum that only permutes."""
    batch, size, width = x.shape
    return torch.einsum("bnhd->bhnd", x.view(batch, size, heads, width // heads))


@impl("split_heads", name="unfold", board="view", supports=wide)
def split_by_unfold(x: Tensor, heads: int) -> Tensor:
    """Windows over the width that don't overlap."""
    depth = x.shape[2] // heads
    return x.unfold(2, depth, depth).transpose(1, 2)


@impl("split_heads", name="clone")
def split_by_clone(x: Tensor, heads: int) -> Tensor:
    """view, transpose, and a copy in the new order."""
    batch, size, width = x.shape
    split = x.view(batch, size, heads, width // heads).transpose(1, 2)
    return split.clone(memory_format=torch.contiguous_format)


@impl("split_heads", name="stack")
def split_by_stack(x: Tensor, heads: int) -> Tensor:
    """The pieces of the width, stacked."""
    return torch.stack(x.tensor_split(heads, 2), 1)


@impl(
    "split_heads",
    name="cpp",
    supports=cpu,
    target="opbench.impls.kernels.transpose_cpp:split_heads",
)
def split_in_cpp(x: Tensor, heads: int) -> Tensor:
    """Head by head and token by token, in C++."""
    raise NotImplementedError


# --- merge_heads: [B, h, N, d] -> [B, N, h*d] ------------------------------------------------


@impl("merge_heads", name="view", board="view", supports=adjacent)
def merge_by_view(x: Tensor) -> Tensor:
    """transpose and view."""
    batch, heads, size, depth = x.shape
    return x.transpose(1, 2).view(batch, size, heads * depth)


@impl("merge_heads", name="reshape", board="view", supports=adjacent_or_read)
def merge_by_reshape(x: Tensor) -> Tensor:
    """transpose and reshape."""
    batch, heads, size, depth = x.shape
    return x.transpose(1, 2).reshape(batch, size, heads * depth)


@impl("merge_heads", name="flatten", board="view", supports=adjacent_or_read)
def merge_by_flatten(x: Tensor) -> Tensor:
    """transpose and flatten."""
    return x.transpose(1, 2).flatten(2)


@impl("merge_heads", name="einops", board="view", supports=adjacent_or_read)
def merge_by_einops(x: Tensor) -> Tensor:
    """rearrange."""
    return rearrange(x, "b h n d -> b n (h d)")


@impl("merge_heads", name="einsum", board="view", supports=adjacent_or_read)
def merge_by_einsum(x: Tensor) -> Tensor:
    """An einsum that only permutes, and flatten."""
    return torch.einsum("bhnd->bnhd", x).flatten(2)


@impl("merge_heads", name="clone")
def merge_by_clone(x: Tensor) -> Tensor:
    """transpose, a copy in the new order, and flatten."""
    return x.transpose(1, 2).clone(memory_format=torch.contiguous_format).flatten(2)


@impl("merge_heads", name="cat")
def merge_by_cat(x: Tensor) -> Tensor:
    """The heads side by side."""
    return torch.cat(x.unbind(1), 2)


@impl(
    "merge_heads",
    name="cpp",
    supports=cpu,
    target="opbench.impls.kernels.transpose_cpp:merge_heads",
)
def merge_in_cpp(x: Tensor) -> Tensor:
    """Token by token and head by head, in C++."""
    raise NotImplementedError
