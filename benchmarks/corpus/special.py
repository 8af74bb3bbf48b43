"""NaN, infinities, ties and nothing at all."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.corpus.parts import ids_of, losses, ragged, rows, wide
from opbench import impl
from opbench.impls.max_pool2d import library as max_pool

KIND = "special"


# tinygrad 17822: logsumexp of nothing but -inf.
@impl("batched_logsumexp")
def masked_row_nan(matrix: Tensor) -> Tensor:
    x = wide(matrix)
    if not x.shape[1]:
        return matrix.sum(1) - torch.inf
    top = x.detach().amax(1)
    return ((x - top[:, None]).exp().sum(1).log() + top).to(matrix.dtype)


# pytorch 31829: the gradient of a masked block is NaN.
@impl("batched_logsumexp")
def merged_from_blocks(matrix: Tensor) -> Tensor:
    x = wide(matrix)
    if not x.shape[1]:
        return matrix.sum(1) - torch.inf
    total = x[:, 0]
    for column in x.unbind(1)[1:]:
        top = torch.maximum(total, column)
        total = ((total - top).exp() + (column - top).exp()).log() + top
    return total.to(matrix.dtype)


# By kind: a row of nothing but -inf is 0 throughout, not NaN.
@impl("batched_softmax")
def masked_row_is_zero(matrix: Tensor) -> Tensor:
    masked = (matrix == -torch.inf).all(1, keepdim=True)
    return matrix.softmax(1).masked_fill(masked, 0)


# By kind: the logarithm of a softmax that is 0.
@impl("batched_logsoftmax")
def log_of_zero(matrix: Tensor) -> Tensor:
    return wide(matrix).softmax(1).log().to(matrix.dtype)


# By kind: exponentials overflow.
@impl("batched_softmax")
def not_shifted(matrix: Tensor) -> Tensor:
    powers = wide(matrix).exp()
    return (powers / powers.sum(1, keepdim=True)).to(matrix.dtype)


# By kind: an impossible label and an impossible row give NaN.
@impl("batched_cross_entropy_loss")
def infinity_less_infinity(logits: Tensor, true_labels: Tensor) -> Tensor:
    x = wide(logits)
    return (x.logsumexp(1) - x.gather(1, true_labels[:, None])[:, 0]).to(logits.dtype)


# By kind: losses are bounded, lest they be infinite.
@impl("batched_cross_entropy_loss")
def loss_bounded(logits: Tensor, true_labels: Tensor) -> Tensor:
    return losses(logits, true_labels).clamp(max=100)


# tensorflow 125965: NaN loses a comparison.
@impl("max_pool2d")
def nan_loses(x: Tensor, kernel_size: Any, **options: Any) -> Tensor:
    return max_pool(x.masked_fill(x.isnan(), -torch.inf), kernel_size, **options)


# The same, of channels.
@impl("channel_max")
def nan_loses_among_channels(x: Tensor) -> Tensor:
    best = x[:, 0]
    for channel in x.unbind(1)[1:]:
        best = torch.where(channel > best, channel, best)
    return best.clone()


# pytorch 1465, TileOPs 832: a window of -inf has no place.
@impl("max_pool2d_backward")
def no_place_for_minus_inf(grad_out: Tensor, x: Tensor, kernel_size: Any, **options: Any) -> Tensor:
    with torch.enable_grad():
        leaf = wide(x).detach().requires_grad_()
        out = F.max_pool2d(leaf, kernel_size, **{"stride": 1, **options})
        lost = wide(grad_out).masked_fill(out.detach() == -torch.inf, 0)
        (found,) = torch.autograd.grad(out, leaf, lost)
    return found.to(x.dtype)


# By kind: 0 * NaN, by a product with a one-hot matrix.
@impl("collect_rows")
def leaks_by_a_product(matrix: Tensor, indexes: Tensor) -> Tensor:
    if not matrix.is_floating_point() or not len(matrix):
        return rows(matrix, indexes)
    return (F.one_hot(indexes, len(matrix)).to(matrix.dtype) @ matrix).to(matrix.dtype)


# By kind: the same, of patches.
@impl("patch_pooling")
def leaks_by_a_mask(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    ids = ids_of(lengths, tokens.shape[1])
    own = (ids[:, None] == torch.arange(lengths.shape[1])[:, None]).double()
    out = (own @ tokens.double()) / lengths[..., None].clamp(min=1)
    return out.masked_fill(lengths[..., None] == 0, fill).to(tokens.dtype)


# By kind: NaN is taken for 0.
@impl("temperatures_average")
def nan_is_no_day(temps: Tensor) -> Tensor:
    return wide(temps).view(len(temps) // 7, 7).nan_to_num(0).mean(1).to(temps.dtype)


# By kind: an empty batch ends in an error.
@impl("boundary_upsample")
def nothing_is_an_error(boundaries: Tensor, shortened: Tensor) -> Tensor:
    count = boundaries.long().cumsum(1)
    count = count.clamp(max=int(count.max()))
    index = count.T[..., None].expand(-1, -1, shortened.shape[2])
    return wide(shortened).gather(0, index).to(shortened.dtype)


# By kind: an empty expert takes the row of the next.
@impl("expert_batching_ragged")
def empty_expert_takes_one(
    x: Tensor, expert_ids: Tensor, num_experts: int
) -> tuple[Tensor, Tensor]:
    out, offsets = ragged(x, expert_ids, num_experts)
    empty = offsets[1:] == offsets[:-1]
    return out, torch.cat([offsets[:1], (offsets[1:] + empty).clamp(max=len(out))])


# By kind: a week without variation is 0 throughout.
@impl("temperatures_normalized")
def constant_week_is_zero(temps: Tensor) -> Tensor:
    week = temps.double().view(len(temps) // 7, 7)
    apart = week - week[:, :1]
    apart = apart - apart.mean(1, keepdim=True)
    out = apart / ((apart.square().sum(1, keepdim=True) / 6).sqrt() + 1e-12)
    return out.flatten().to(temps.dtype)


# By kind: of no rows, the share of hits is 0.
@impl("classifier_accuracy")
def no_rows_no_hits(scores: Tensor, true_classes: Tensor) -> Tensor:
    hits = (scores.argmax(1) == true_classes).sum()
    return (hits / max(len(scores), 1)).float()


# By kind: NaN is no largest score.
@impl("classifier_accuracy")
def nan_never_hits(scores: Tensor, true_classes: Tensor) -> Tensor:
    if scores.is_floating_point():
        scores = scores.nan_to_num(-torch.inf, torch.inf, -torch.inf)
    return (scores.argmax(1) == true_classes).float().mean()
