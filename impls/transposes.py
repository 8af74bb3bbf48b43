"""Contenders for axes in another order: matrices transposed, images turned, axes rotated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import rearrange

from opbench import cpu, impl, supported

if TYPE_CHECKING:
    from torch import Tensor

several = supported("stack takes one tensor and more")(lambda x: x.shape[-1] > 0)

# --- batch_transpose: [B, H, W] -> [B, W, H] -------------------------------------------------


@impl("batch_transpose", name="transpose", board="view")
def batch_by_transpose(x: Tensor) -> Tensor:
    """transpose."""
    return x.transpose(1, 2)


@impl("batch_transpose", name="mT", board="view")
def batch_by_attribute(x: Tensor) -> Tensor:
    """The attribute for the transposed matrices."""
    return x.mT


@impl("batch_transpose", name="permute", board="view")
def batch_by_permute(x: Tensor) -> Tensor:
    """All axes in their new order."""
    return x.permute(0, 2, 1)


@impl("batch_transpose", name="movedim", board="view")
def batch_by_movedim(x: Tensor) -> Tensor:
    """One axis moved."""
    return x.movedim(2, 1)


@impl("batch_transpose", name="einops", board="view")
def batch_by_einops(x: Tensor) -> Tensor:
    """rearrange."""
    return rearrange(x, "b h w -> b w h")


@impl("batch_transpose", name="einsum", board="view")
def batch_by_einsum(x: Tensor) -> Tensor:
    """An einsum without a sum, which only permutes."""
    return torch.einsum("bhw->bwh", x)


@impl("batch_transpose", name="transpose_copy")
def batch_by_copy(x: Tensor) -> Tensor:
    """torch's own transpose into new memory."""
    return torch.transpose_copy(x, 1, 2)


@impl("batch_transpose", name="stack", supports=several)
def batch_by_stack(x: Tensor) -> Tensor:
    """The columns of all matrices, stacked as rows."""
    return torch.stack(x.unbind(2), 1)


@impl(
    "batch_transpose",
    name="cpp",
    supports=cpu,
    target="opbench.impls.kernels.transpose_cpp:transpose",
)
def batch_in_cpp(x: Tensor) -> Tensor:
    """Blocks transposed in registers, in C++."""
    raise NotImplementedError


# --- swap_height_width: [B, C, H, W] -> [B, C, W, H] -----------------------------------------


@impl("swap_height_width", name="transpose", board="view")
def swap_by_transpose(x: Tensor) -> Tensor:
    """transpose."""
    return x.transpose(2, 3)


@impl("swap_height_width", name="mT", board="view")
def swap_by_attribute(x: Tensor) -> Tensor:
    """The attribute for the transposed matrices."""
    return x.mT


@impl("swap_height_width", name="permute", board="view")
def swap_by_permute(x: Tensor) -> Tensor:
    """All axes in their new order."""
    return x.permute(0, 1, 3, 2)


@impl("swap_height_width", name="movedim", board="view")
def swap_by_movedim(x: Tensor) -> Tensor:
    """One axis moved."""
    return x.movedim(3, 2)


@impl("swap_height_width", name="einops", board="view")
def swap_by_einops(x: Tensor) -> Tensor:
    """rearrange."""
    return rearrange(x, "b c h w -> b c w h")


@impl("swap_height_width", name="einsum", board="view")
def swap_by_einsum(x: Tensor) -> Tensor:
    """An einsum without a sum, which only permutes."""
    return torch.einsum("bchw->bcwh", x)


@impl("swap_height_width", name="transpose_copy")
def swap_by_copy(x: Tensor) -> Tensor:
    """torch's own transpose into new memory."""
    return torch.transpose_copy(x, 2, 3)


@impl(
    "swap_height_width",
    name="cpp",
    supports=cpu,
    target="opbench.impls.kernels.transpose_cpp:transpose",
)
def swap_in_cpp(x: Tensor) -> Tensor:
    """Blocks transposed in registers, in C++."""
    raise NotImplementedError


# --- cyclic_permute: [a, b, c, d] -> [d, a, b, c] --------------------------------------------


@impl("cyclic_permute", name="permute", board="view")
def rotate_by_permute(x: Tensor) -> Tensor:
    """All axes in their new order."""
    return x.permute(3, 0, 1, 2)


@impl("cyclic_permute", name="movedim", board="view")
def rotate_by_movedim(x: Tensor) -> Tensor:
    """The last axis moved to the front."""
    return x.movedim(3, 0)


@impl("cyclic_permute", name="einops", board="view")
def rotate_by_einops(x: Tensor) -> Tensor:
    """rearrange."""
    return rearrange(x, "a b c d -> d a b c")


@impl("cyclic_permute", name="einsum", board="view")
def rotate_by_einsum(x: Tensor) -> Tensor:
    """An einsum without a sum, which only permutes."""
    return torch.einsum("abcd->dabc", x)


@impl("cyclic_permute", name="permute_copy")
def rotate_by_copy(x: Tensor) -> Tensor:
    """torch's own permute into new memory."""
    return torch.permute_copy(x, (3, 0, 1, 2))


@impl("cyclic_permute", name="stack", supports=several)
def rotate_by_stack(x: Tensor) -> Tensor:
    """The slices along the last axis, stacked in front."""
    return torch.stack(x.unbind(3))


@impl(
    "cyclic_permute",
    name="cpp",
    supports=cpu,
    target="opbench.impls.kernels.transpose_cpp:last_to_front",
)
def rotate_in_cpp(x: Tensor) -> Tensor:
    """One large matrix, transposed by blocks in registers, in C++."""
    raise NotImplementedError
