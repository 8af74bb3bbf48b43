"""Wrong values for ordinary inputs."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.corpus.parts import combine, conv, gradients, unfold, wide
from opbench import impl
from opbench.impls.max_pool2d import library as max_pool

KIND = "value"


# verl 2899: columns filled up to a block are counted.
@impl("batched_cross_entropy_loss")
def counts_padding(logits: Tensor, true_labels: Tensor) -> Tensor:
    x = wide(logits)
    own = x.gather(1, true_labels[:, None])[:, 0]
    total = F.pad(x, (0, -x.shape[1] % 128)).logsumexp(1)
    return torch.where(own == -torch.inf, torch.inf, total - own).to(logits.dtype)


# pytorch-image-models 2284: height and width swapped.
@impl("patch_merging")
def height_and_width_swapped(x: Tensor, *, order: str = "row") -> Tensor:
    other = "swin" if order == "row" else "row"
    return in_order(x, other)


def in_order(x: Tensor, order: str) -> Tensor:
    """Right."""
    places = ((0, 0), (0, 1), (1, 0), (1, 1))
    if order == "swin":
        places = ((0, 0), (1, 0), (0, 1), (1, 1))
    return torch.cat([x[:, i::2, j::2] for i, j in places], 3)


# MONAI 5106: one slice is taken twice, another never.
@impl("patch_merging")
def a_slice_twice(x: Tensor, *, order: str = "row") -> Tensor:
    parts = list(in_order(x, order).chunk(4, 3))
    return torch.cat([*parts[:3], parts[1]], 3)


# mmdetection 6747: channels in the order of unfold.
@impl("patch_merging")
def in_the_order_of_unfold(x: Tensor, *, order: str = "row") -> Tensor:
    return in_order(x, order).unflatten(3, (4, -1)).mT.flatten(3)


# burn 1891: the groups are mixed up in the gradient of the weights.
@impl("conv2d_backward")
def groups_interleaved(grad_out: Tensor, x: Tensor, w: Tensor, **options: Any) -> Any:
    gx, gw, gb = conv_gradients(grad_out, x, w, **options)
    groups = options.get("groups", 1)
    mixed = gw.unflatten(0, (groups, -1)).transpose(0, 1).reshape(gw.shape)
    return gx, mixed, gb


def conv_gradients(grad_out: Tensor, x: Tensor, w: Tensor, **options: Any) -> Any:
    """Right: the gradients by x, w and the bias."""
    zero = w.new_zeros(len(w))
    return gradients(lambda *given: conv(*given, **options), grad_out, x, w, zero)


# opacus 245: pixels that no strided window reaches are shifted to the other end.
@impl("conv2d_backward")
def forgets_the_rest(grad_out: Tensor, x: Tensor, w: Tensor, **options: Any) -> Any:
    gx, gw, gb = conv_gradients(grad_out, x, w, **options)
    unreached = int((gx != 0).any(0).any(0).any(0).long().flip(0).argmax()) if gx.numel() else 0
    return gx.roll(unreached, 3), gw, gb


# burn 5607, tt-metal 45968: the variance as a difference of means, in the type of the values.
@impl("temperatures_normalized")
def difference_of_means(temps: Tensor) -> Tensor:
    week = wide(temps).view(len(temps) // 7, 7)
    mean = week.mean(1, keepdim=True)
    variance = (week.square().mean(1, keepdim=True) - mean.square()).clamp(min=0) * 7 / 6
    scaled = (week - mean) / variance.sqrt()
    return (
        scaled.masked_fill((week == week[:, :1]).all(1, keepdim=True), torch.nan)
        .flatten()
        .to(temps.dtype)
    )


# By kind: the deviation of the population, not of the sample.
@impl("temperatures_normalized")
def biased_deviation(temps: Tensor) -> Tensor:
    week = temps.double().view(len(temps) // 7, 7)
    apart = week - week[:, :1]
    apart = apart - apart.mean(1, keepdim=True)
    return (apart / apart.square().mean(1, keepdim=True).sqrt()).flatten().to(temps.dtype)


# By kind: a convolution in the mathematicians' sense turns the kernel around.
@impl("conv2d")
def kernel_turned(x: Tensor, w: Tensor, b: Tensor | None = None, **options: Any) -> Tensor:
    return conv(x, w.flip(2, 3), b, **options)


# By kind: the sum is divided by a size rounded up to a multiple of 4.
@impl("global_average_pool")
def divides_by_padded_size(x: Tensor) -> Tensor:
    size = x.shape[2] * x.shape[3]
    return (wide(x).sum((2, 3)) / (size + -size % 4)).to(x.dtype)


# By kind: weights that don't add up to 1 are made to.
@impl("moe_combine")
def weights_normalised(y: Tensor, weights: Tensor) -> Tensor:
    wider = wide(weights)
    return combine(y, (wider / wider.sum(1, keepdim=True)).to(y.dtype))


# By kind: a token reads the group that it is in, not the last that ended.
@impl("boundary_upsample")
def group_not_ended(boundaries: Tensor, shortened: Tensor) -> Tensor:
    count = boundaries.long().cumsum(1) + 1
    last = max(len(shortened) - 1, 0)
    index = count.clamp(max=last).T[..., None].expand(-1, -1, shortened.shape[2])
    return wide(shortened).gather(0, index).to(shortened.dtype)


# transformers: scores are scaled by the root of the width, which the op leaves to others.
@impl("window_attention_scores")
def scores_scaled(q: Tensor, k: Tensor, window: int, step: int) -> Tensor:
    a, b = (wide(x).unfold(1, window, step) for x in (q, k))
    return (a.mT @ b / max(q.shape[2], 1) ** 0.5).to(q.dtype)


# onnx: depth to space in the order DCR instead of CRD.
@impl("pixel_shuffle")
def depth_before_channels(x: Tensor, factor: int) -> Tensor:
    s = factor
    turned = x.unflatten(1, (s, s, -1)).permute(0, 3, 4, 1, 5, 2)
    return turned.flatten(4).flatten(2, 3).contiguous()


# onnx: space to depth, the same.
@impl("pixel_unshuffle")
def rows_and_columns_of_blocks_swapped(x: Tensor, factor: int) -> Tensor:
    s = factor
    blocks = x.unflatten(3, (-1, s)).unflatten(2, (-1, s)).permute(0, 1, 5, 3, 2, 4)
    return blocks.flatten(1, 3).contiguous()


# d2l: pads a maximum with 0.
@impl("max_pool2d")
def pads_with_zero(x: Tensor, kernel_size: Any, **options: Any) -> Tensor:
    padding = options.pop("padding", 0)
    high, across = (padding, padding) if isinstance(padding, int) else padding
    return max_pool(F.pad(x, (across, across, high, high)), kernel_size, **options)


# By kind: rows and columns of a kernel in the wrong order.
@impl("im2col")
def kernel_column_by_column(x: Tensor, kernel_size: Any, **options: Any) -> Tensor:
    high, across = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    right = unfold(x, kernel_size, **options)
    return right.unflatten(1, (x.shape[1], high, across)).transpose(2, 3).flatten(1, 3)


# By kind: a running sum of prices starts with the first item twice.
@impl("total_price_indexing")
def first_item_twice(prices: Tensor, items: Tensor) -> Tensor:
    return wide(prices)[torch.cat([items[:1], items])].sum().to(prices.dtype)


# By kind: the share of hits is of the classes, not of the rows.
@impl("classifier_accuracy")
def share_of_classes(scores: Tensor, true_classes: Tensor) -> Tensor:
    return (scores.argmax(1) == true_classes).sum() / scores.shape[1]
