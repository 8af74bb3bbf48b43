"""The contracts of reductions and losses: their oracles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def global_average_pool(x: Tensor) -> Tensor:
    """The mean of each channel of each example.

    x[B, C, H, W] -> [B, C], of a floating-point type. H and W are 1 and more. Sums of
    half-precision values are kept in float32, so the mean of values near the largest float16 is
    finite. What is not finite stays in its own channel.
    """
    return x.sum((2, 3)) / (x.shape[2] * x.shape[3])


def channel_max(x: Tensor) -> Tensor:
    """The largest channel at each place.

    x[B, C, H, W] -> [B, H, W], of any real type. C is 1 and more. NaN counts as the largest, at
    its own place only. The gradient goes to the largest channel; where several are, to any of
    them or to all in shares.
    """
    largest = x[:, 0]
    for channel in x.unbind(1)[1:]:
        largest = torch.where((channel > largest) | channel.isnan(), channel, largest)
    return largest.clone()


def batched_dot_product_nd(a: Tensor, b: Tensor) -> Tensor:
    """The sum of the products of each example's elements.

    a and b [B, ...], of one shape of 2 axes and more and of one type -> [B]. Integers are exact
    as long as the result fits. Products of half-precision values are made and summed in float32.
    What is not finite stays in its own example.
    """
    return (a * b).flatten(1).sum(1)


def batched_logsumexp(matrix: Tensor) -> Tensor:
    """The logarithm of the sum of the exponentials of each row.

    matrix[B, N] -> [B], of a floating-point type. It is as exact for values around 1000 as around
    0. A row of nothing (N=0) or of nothing but -inf gives -inf; otherwise NaN gives NaN, and +inf
    gives +inf. The gradient is the softmax of the row; of rows that give no finite number it is
    left open.
    """
    return torch.cat([matrix[:0].sum(1), *(_logsumexp(row)[None] for row in matrix)])


def batched_softmax(matrix: Tensor) -> Tensor:
    """The exponentials of each row, divided by their sum.

    matrix[B, N] -> [B, N], of a floating-point type. Values around 1000 give the same as around
    0. -inf gives 0. Rows with NaN, or of nothing but -inf, are NaN throughout; other rows are not
    touched by them. What +inf gives is left open.
    """
    return torch.cat([matrix[:0], *(_shifted(row).softmax(0)[None] for row in matrix)])


def batched_logsoftmax(matrix: Tensor) -> Tensor:
    """The logarithm of the softmax of each row: each value minus the row's logsumexp.

    matrix[B, N] -> [B, N], of a floating-point type. It is as exact for values around 1000 as
    around 0. -inf gives -inf. Rows with NaN, or of nothing but -inf, are NaN throughout; other
    rows are not touched by them. What +inf gives is left open.
    """
    rows = ((row - _logsumexp(row))[None] for row in matrix)
    return torch.cat([matrix[:0], *rows])


def batched_cross_entropy_loss(logits: Tensor, true_labels: Tensor) -> Tensor:
    """The negative logarithm of the probability that softmax gives to the label of each row.

    logits[B, C], of a floating-point type, and true_labels[B], int64 of 0..C-1 -> [B]. A class
    whose logit is -inf is impossible: the loss is 0 where all classes but the label are, and inf
    where the label is, whatever the others are. It is never NaN but in rows with NaN. What +inf
    gives is left open, and so is the gradient where the loss is infinite.
    """
    losses = [logits[:0].sum(1)]
    for row, label in zip(logits, true_labels.tolist(), strict=True):
        own = row[label]
        losses.append((-own if own == -torch.inf else _logsumexp(row) - own)[None])
    return torch.cat(losses)


def classifier_accuracy(scores: Tensor, true_classes: Tensor) -> Tensor:
    """The fraction of rows whose largest score is that of the true class.

    scores[B, C], of any real type, and true_classes[B], int64 of 0..C-1 -> float32 without axes.
    C is 1 and more. NaN counts as the largest score. Of several that are largest, any may be taken.
    Of no rows (B=0) the fraction is NaN.
    """
    right = 0
    for row, label in zip(scores, true_classes.tolist(), strict=True):
        top = row.isnan() if row.isnan().any() else row == row.max()
        right += int(top.nonzero()[0]) == label
    return torch.tensor(right / len(scores) if len(scores) else torch.nan, dtype=torch.float64)


def _logsumexp(row: Tensor) -> Tensor:
    """Of one row, shifted by its largest value where that is finite."""
    if len(row) == 0:
        return row.sum() - torch.inf
    top = row.detach().max()
    shift = top if top.isfinite() else torch.zeros_like(top)
    return (row - shift).exp().sum().log() + shift


def _shifted(row: Tensor) -> Tensor:
    """One row, its largest value moved to 0."""
    return row - row.detach().max() if len(row) else row
