"""Contenders for the merging of 2x2 patches of tokens, alone and with the layer that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import einops
import torch

from opbench import floating, impl, supported
from opbench.impls.onednn import LEAKS_IN_BFLOAT16

if TYPE_CHECKING:
    from torch import Tensor

#: Row and column of the tokens of a patch, in the order in which their channels follow.
PLACES = {"row": ((0, 0), (0, 1), (1, 0), (1, 1)), "swin": ((0, 0), (1, 0), (0, 1), (1, 1))}
#: The same as an order of axes: of b h p w q c, p and q being row and column in the patch,
AXES = {"row": (0, 1, 3, 2, 4, 5), "swin": (0, 1, 3, 4, 2, 5)}
#: of b h w c p q,
UNFOLDED_AXES = {"row": (0, 1, 2, 4, 5, 3), "swin": (0, 1, 2, 5, 4, 3)}
#: and of a weight's o, its two axes of places and c, for a convolution's o c p q.
WEIGHT_AXES = {"row": (0, 3, 1, 2), "swin": (0, 3, 2, 1)}
PATTERNS = {
    "row": "b (h p) (w q) c -> b h w p q c",
    "swin": "b (h p) (w q) c -> b h w q p c",
}
MERGED_PATTERNS = {
    "row": "b (h p) (w q) c -> b h w (p q c)",
    "swin": "b (h p) (w q) c -> b h w (q p c)",
}
EQUATIONS = {"row": "bhpwqc,opqc->bhwo", "swin": "bhpwqc,oqpc->bhwo"}

not_empty = supported("torch's convolution takes no image without pixels or channels")(
    lambda x: x.shape[1:].numel() > 0
)
has_patches = supported("Tensor.unfold takes no axis that is shorter than a patch")(
    lambda x: x.shape[1:3].numel() > 0
)

# --- patch_merging ---------------------------------------------------------------------------
# Where the tokens lie in the order asked for already (an image of one column, say) a reshape would
# be a view of them. clone() is the one copy in all cases.


@impl("patch_merging")
def slices_cat(x: Tensor, *, order: str = "row") -> Tensor:
    """Four strided slices, concatenated along the channels."""
    return torch.cat(_slices(x, order), 3)


@impl("patch_merging")
def slices_copied(x: Tensor, *, order: str = "row") -> Tensor:
    """Four strided slices, each copied into its part of the result."""
    batch, height, width, channels = x.shape
    merged = x.new_empty(batch, height // 2, width // 2, 4 * channels)
    for number, piece in enumerate(_slices(x, order)):
        merged[..., number * channels : (number + 1) * channels] = piece
    return merged


@impl("patch_merging")
def rearrange(x: Tensor, *, order: str = "row") -> Tensor:
    """One einops pattern."""
    patches = einops.rearrange(x, PATTERNS[order], p=2, q=2)
    return patches.clone(memory_format=torch.contiguous_format).flatten(3)


@impl("patch_merging")
def permute(x: Tensor, *, order: str = "row") -> Tensor:
    """A view with an axis for row and column in the patch, permuted."""
    ordered = _patches(x).permute(AXES[order])
    return ordered.clone(memory_format=torch.contiguous_format).flatten(3)


@impl("patch_merging", supports=has_patches)
def unfold(x: Tensor, *, order: str = "row") -> Tensor:
    """Two calls of Tensor.unfold, permuted."""
    ordered = _unfolded(x).permute(UNFOLDED_AXES[order])
    return ordered.clone(memory_format=torch.contiguous_format).flatten(3)


@impl(
    "patch_merging",
    supports=floating & not_empty,
    caveats={"nonfinite": "0 * NaN and 0 * inf leak into the other elements of the patch"},
)
def strided_conv(x: Tensor, *, order: str = "row") -> Tensor:
    """A convolution of stride 2 whose weights pick one element each."""
    picks = torch.eye(4 * x.shape[3], dtype=x.dtype, device=x.device)
    return _convolved(x, picks, order).contiguous()


# --- patch_merging_linear --------------------------------------------------------------------


@impl("patch_merging_linear", name="slices_cat")
def slices_cat_linear(x: Tensor, weight: Tensor, *, order: str = "row") -> Tensor:
    """Four strided slices, concatenated, and a linear layer: Swin's own way."""
    return torch.nn.functional.linear(torch.cat(_slices(x, order), 3), weight)


@impl("patch_merging_linear", name="rearrange")
def rearrange_linear(x: Tensor, weight: Tensor, *, order: str = "row") -> Tensor:
    """One einops pattern and a linear layer."""
    merged = einops.rearrange(x, MERGED_PATTERNS[order], p=2, q=2)
    return torch.nn.functional.linear(merged, weight)


@impl("patch_merging_linear", name="permute")
def permute_linear(x: Tensor, weight: Tensor, *, order: str = "row") -> Tensor:
    """A permuted view, reshaped, and a linear layer."""
    merged = _patches(x).permute(AXES[order]).flatten(3)
    return torch.nn.functional.linear(merged, weight)


@impl("patch_merging_linear", name="unfold", supports=has_patches)
def unfold_linear(x: Tensor, weight: Tensor, *, order: str = "row") -> Tensor:
    """Two calls of Tensor.unfold, permuted and reshaped, and a linear layer."""
    merged = _unfolded(x).permute(UNFOLDED_AXES[order]).flatten(3)
    return torch.nn.functional.linear(merged, weight)


@impl("patch_merging_linear")
def einsum(x: Tensor, weight: Tensor, *, order: str = "row") -> Tensor:
    """One einsum of the patches with a weight that has an axis for row and column too."""
    weights = weight.view(len(weight), 2, 2, x.shape[3])
    return torch.einsum(EQUATIONS[order], _patches(x), weights)


@impl("patch_merging_linear", caveats={"nonfinite": LEAKS_IN_BFLOAT16}, supports=not_empty)
def conv(x: Tensor, weight: Tensor, *, order: str = "row") -> Tensor:
    """A 2x2 convolution of stride 2, the weight rearranged for it."""
    return _convolved(x, weight, order)


# --- what they share -------------------------------------------------------------------------


def _slices(x: Tensor, order: str) -> list[Tensor]:
    """The four tokens of every patch [B, H/2, W/2, C], in the order asked for."""
    return [x[:, row::2, column::2] for row, column in PLACES[order]]


def _patches(x: Tensor) -> Tensor:
    """The tokens [B, H/2, 2, W/2, 2, C], as a view."""
    batch, height, width, channels = x.shape
    return x.view(batch, height // 2, 2, width // 2, 2, channels)


def _unfolded(x: Tensor) -> Tensor:
    """The tokens [B, H/2, W/2, C, 2, 2], as a view."""
    return x.unfold(1, 2, 2).unfold(2, 2, 2)


def _convolved(x: Tensor, weight: Tensor, order: str) -> Tensor:
    """The merged patches times the transposed weight [O, 4C], as [B, H/2, W/2, O]."""
    kernel = weight.view(len(weight), 2, 2, x.shape[3]).permute(WEIGHT_AXES[order])
    return torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), kernel, stride=2).permute(0, 2, 3, 1)
