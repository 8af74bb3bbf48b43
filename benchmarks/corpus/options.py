"""Options that are ignored, or taken for something else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus.parts import conv, gates, ids_of, means, unfold, wide
from opbench import impl
from opbench.impls.boundary_downsample import index_add
from opbench.impls.boundary_gradients import closed_form, index_select
from opbench.impls.columns import fold
from opbench.impls.max_pool2d import library as max_pool

KIND = "option"


# torchio 99, xgcm 652: the option is there, and ignored.
@impl("patch_pooling")
def ignores_fill(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    return means(tokens, ids_of(lengths, tokens.shape[1]), lengths.shape[1], -1.0)


# The same.
@impl("patch_pooling_ids")
def ids_ignores_fill(
    tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0
) -> Tensor:
    return means(tokens, ids, num_patches, -1.0)


# By kind: a fill that isn't a number is taken for none.
@impl("patch_pooling_ids")
def fill_is_whole(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    return means(tokens, ids, num_patches, float(round(fill)) if fill == fill else 0.0)


# flashinfer 2889: renormalise doesn't reach the kernel.
@impl("topk_gating")
def always_renormalises(
    logits: Tensor, k: int, *, renormalise: bool = True
) -> tuple[Tensor, Tensor]:
    return gates(logits, k)


# By kind: weights without renormalising are scaled to sum to 1 nonetheless.
@impl("topk_gating")
def softmax_of_all_is_scaled(
    logits: Tensor, k: int, *, renormalise: bool = True
) -> tuple[Tensor, Tensor]:
    weights, index = gates(logits, k, renormalise=renormalise)
    return (weights if renormalise else weights / weights.sum(1, keepdim=True)), index


# By kind: the dilation of a maximum is ignored where there is padding.
@impl("max_pool2d")
def no_dilation_with_padding(x: Tensor, kernel_size: Any, **options: Any) -> Tensor:
    right = max_pool(x, kernel_size, **options)
    if options.get("padding", 0) in (0, (0, 0)) or options.get("dilation", 1) in (1, (1, 1)):
        return right
    other = max_pool(x, kernel_size, **{**options, "dilation": 1})
    return other[:, :, : right.shape[2], : right.shape[3]]


# By kind: of pairs, height and width are swapped.
@impl("conv2d")
def pairs_swapped(x: Tensor, w: Tensor, b: Tensor | None = None, **options: Any) -> Tensor:
    right = conv(x, w, b, **options)
    padding = options.get("padding", 0)
    if isinstance(padding, int) or padding[0] == padding[1]:
        return right
    return conv(x, w, b, **{**options, "padding": padding[::-1]})


# By kind: a pair of strides is read as its first.
@impl("im2col")
def first_stride_for_both(x: Tensor, kernel_size: Any, **options: Any) -> Tensor:
    stride = options.get("stride", 1)
    first = stride if isinstance(stride, int) else stride[0]
    return unfold(x, kernel_size, **{**options, "stride": first})


# By kind: groups are taken for one where each has as many channels as it takes.
@impl("conv2d")
def groups_repeated(x: Tensor, w: Tensor, b: Tensor | None = None, **options: Any) -> Tensor:
    groups = options.get("groups", 1)
    if groups == 1:
        return conv(x, w, b, **options)
    first = x[:, : x.shape[1] // groups].repeat(1, groups, 1, 1)
    return conv(first, w, b, **options)


# By kind: the scale is ignored.
@impl("boundary_vjp")
def ignores_scale(
    boundaries: Tensor, hidden: Tensor, grad_out: Tensor, *, scale: float = 1.0
) -> Tensor:
    return index_select(boundaries, hidden, grad_out)


# By kind: the sign of the scale is lost.
@impl("pooling_matrix_jacobian")
def scale_without_sign(boundaries: Tensor, *, scale: float = 1.0) -> Tensor:
    return closed_form(boundaries, scale=abs(scale))


# By kind: more groups than there are boundaries are cut off, and filled with the last.
@impl("boundary_downsample")
def spare_groups_repeat(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    out = index_add(boundaries, hidden, null_group, groups=groups)
    if groups is None or len(out) < 2:
        return out
    most = int(boundaries.sum(1).max()) if boundaries.numel() else groups
    return out[torch.arange(len(out)).clamp(max=max(most, 1))]


# By kind: the order is ignored.
@impl("patch_merging")
def order_ignored(x: Tensor, *, order: str = "row") -> Tensor:
    return torch.cat([x[:, i::2, j::2] for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))], 3)


# By kind: the dilation of columns is ignored, where the sizes allow it.
@impl("col2im")
def dilation_of_height_for_both(
    columns: Tensor, output_size: Any, kernel_size: Any, **options: Any
) -> Tensor:
    right = fold(columns, output_size, kernel_size, **options)
    dilation = options.get("dilation", 1)
    return right if isinstance(dilation, int) or dilation[0] == dilation[1] else right.flip(3)


# By kind: the number of experts is taken from the largest that occurs.
@impl("expert_batching_ragged")
def experts_that_occur(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    ids = expert_ids.flatten().long()
    loads = torch.bincount(ids)
    offsets = torch.cat([loads.new_zeros(1), loads.cumsum(0)])
    return wide(x).flatten(0, 1)[ids.argsort(stable=True)].to(x.dtype), offsets
