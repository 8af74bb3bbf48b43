"""Contenders for the leading axes: two merged into one, and one split in two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import rearrange

from opbench import impl, supported

if TYPE_CHECKING:
    from torch import Tensor


def _adjacent(x: Tensor) -> bool:
    """Whether one stride can serve the first two axes."""
    first, second = x.shape[:2]
    return first == 1 or second == 1 or x.numel() == 0 or x.stride(0) == second * x.stride(1)


mergeable = supported("the first two axes aren't adjacent in memory, so no view merges them")(
    _adjacent
)
# Elsewhere reshape and its like copy: no view, and copied once more in the output mode
# materialise.
mergeable_or_copied = supported(
    "the first two axes aren't adjacent in memory: it copies, which is no view, and is `clone` "
    "in the output mode materialise"
)(_adjacent)
several = supported("cat takes one tensor and more")(lambda x: len(x) > 0)
several_rows = supported("stack takes one tensor and more")(lambda sizes: sizes[0] > 0)

# --- flatten_leading: [a, b, c, d] -> [a*b, c, d] --------------------------------------------


@impl("flatten_leading", name="view", board="view", supports=mergeable)
def flatten_by_view(x: Tensor) -> Tensor:
    """view."""
    first, second, third, last = x.shape
    return x.view(first * second, third, last)


@impl("flatten_leading", name="reshape", board="view", supports=mergeable_or_copied)
def flatten_by_reshape(x: Tensor) -> Tensor:
    """reshape."""
    first, second, third, last = x.shape
    return x.reshape(first * second, third, last)


@impl("flatten_leading", name="flatten", board="view", supports=mergeable_or_copied)
def flatten_by_flatten(x: Tensor) -> Tensor:
    """flatten."""
    return x.flatten(0, 1)


@impl("flatten_leading", name="einops", board="view", supports=mergeable_or_copied)
def flatten_by_einops(x: Tensor) -> Tensor:
    """rearrange."""
    return rearrange(x, "a b c d -> (a b) c d")


@impl("flatten_leading", name="clone")
def flatten_by_clone(x: Tensor) -> Tensor:
    """A contiguous copy, then flatten."""
    return x.clone(memory_format=torch.contiguous_format).flatten(0, 1)


@impl("flatten_leading", name="cat", supports=several)
def flatten_by_cat(x: Tensor) -> Tensor:
    """The parts along the first axis, one after the other."""
    return torch.cat(x.unbind())


# --- unflatten_leading: [a*b, c, d], (a, b) -> [a, b, c, d] ----------------------------------


@impl("unflatten_leading", name="unflatten", board="view")
def unflatten_by_unflatten(x: Tensor, sizes: tuple[int, int]) -> Tensor:
    """unflatten."""
    return torch.unflatten(x, 0, sizes)


@impl("unflatten_leading", name="view", board="view")
def unflatten_by_view(x: Tensor, sizes: tuple[int, int]) -> Tensor:
    """view."""
    return x.view(*sizes, *x.shape[1:])


@impl("unflatten_leading", name="reshape", board="view")
def unflatten_by_reshape(x: Tensor, sizes: tuple[int, int]) -> Tensor:
    """reshape."""
    return x.reshape(*sizes, *x.shape[1:])


@impl("unflatten_leading", name="einops", board="view")
def unflatten_by_einops(x: Tensor, sizes: tuple[int, int]) -> Tensor:
    """rearrange."""
    first, second = sizes
    return rearrange(x, "(a b) c d -> a b c d", a=first, b=second)


@impl("unflatten_leading", name="clone")
def unflatten_by_clone(x: Tensor, sizes: tuple[int, int]) -> Tensor:
    """A contiguous copy, then unflatten."""
    return torch.unflatten(x.clone(memory_format=torch.contiguous_format), 0, sizes)


@impl("unflatten_leading", name="stack", supports=several_rows)
def unflatten_by_stack(x: Tensor, sizes: tuple[int, int]) -> Tensor:
    """The parts of the first axis, stacked."""
    return torch.stack(x.tensor_split(sizes[0]))
