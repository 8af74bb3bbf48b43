"""Contenders for the fraction of rows whose largest score is that of the true class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench import impl

if TYPE_CHECKING:
    from torch import Tensor

OP = "classifier_accuracy"


@impl(OP)
def argmax(scores: Tensor, true_classes: Tensor) -> Tensor:
    """The place of the largest score."""
    return (scores.argmax(1) == true_classes).float().mean()


@impl(OP, name="max")
def max_indices(scores: Tensor, true_classes: Tensor) -> Tensor:
    """The largest score with its place."""
    return (scores.max(1).indices == true_classes).float().mean()


@impl(OP)
def topk(scores: Tensor, true_classes: Tensor) -> Tensor:
    """The first of one best score, as for the accuracy of the best five."""
    return (scores.topk(1, 1).indices[:, 0] == true_classes).float().mean()
