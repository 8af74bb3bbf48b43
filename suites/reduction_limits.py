"""Limits of the contracts of reductions and losses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor


NAN, INF = math.nan, math.inf


def check_axes(op: str, argument: str, tensor: Tensor, *, axes: str) -> None:
    """Raise ValueError unless the tensor has as many axes as `axes` has words."""
    if tensor.ndim != len(axes.split()):
        allowed = ", ".join(axes.split())
        raise ValueError(
            f"{op}: {argument}: shape {list(tensor.shape)}, only [{allowed}] is allowed"
        )


def check_floating(op: str, argument: str, tensor: Tensor) -> None:
    """Raise TypeError unless the tensor is of a floating-point type."""
    if not tensor.is_floating_point():
        raise TypeError(f"{op}: {argument}: {tensor.dtype}, only floating-point types are allowed")


def check_real(op: str, argument: str, tensor: Tensor) -> None:
    """Raise TypeError where the tensor is complex."""
    if tensor.is_complex():
        raise TypeError(f"{op}: {argument}: {tensor.dtype}, only real types are allowed")


def check_not_empty(op: str, argument: str, tensor: Tensor, axes: Mapping[str, int]) -> None:
    """Raise ValueError where one of the named axes of the tensor has no element."""
    for name, axis in axes.items():
        if tensor.shape[axis] == 0:
            raise ValueError(
                f"{op}: {argument}: shape {list(tensor.shape)}, {name} of 1 and more is allowed"
            )


def check_classes(op: str, argument: str, classes: Tensor, *, rows: int, number: int) -> None:
    """Raise unless `classes` are `rows` int64 of 0..number-1."""
    if tuple(classes.shape) != (rows,):
        raise ValueError(f"{op}: {argument}: shape {list(classes.shape)}, only {[rows]} is allowed")
    if classes.dtype != torch.int64:
        raise TypeError(f"{op}: {argument}: {classes.dtype}, only torch.int64 is allowed")
    wrong = classes[(classes < 0) | (classes >= number)]
    if len(wrong):
        raise ValueError(
            f"{op}: {argument}: {wrong[0].item()} among {len(wrong)} such values, only "
            f"0..{number - 1} is allowed"
        )


def floating_matrix(op: str) -> Callable[[Tensor], None]:
    """The validation of an op of a floating-point matrix[B, N]."""

    def validate(matrix: Tensor) -> None:
        check_axes(op, "matrix", matrix, axes="B N")
        check_floating(op, "matrix", matrix)

    return validate


def validate_average(x: Tensor) -> None:
    """Raise for what has no mean."""
    op = "global_average_pool"
    check_axes(op, "x", x, axes="B C H W")
    check_not_empty(op, "x", x, {"H": 2, "W": 3})
    check_floating(op, "x", x)


def validate_max(x: Tensor) -> None:
    """Raise for what has no largest channel."""
    op = "channel_max"
    check_axes(op, "x", x, axes="B C H W")
    check_not_empty(op, "x", x, {"C": 1})
    check_real(op, "x", x)


def validate_dot(a: Tensor, b: Tensor) -> None:
    """Raise unless a and b are alike, and numbers."""
    op = "batched_dot_product_nd"
    if a.ndim < 2:
        raise ValueError(f"{op}: a: shape {list(a.shape)}, only 2 axes and more are allowed")
    if a.shape != b.shape:
        raise ValueError(
            f"{op}: b: shape {list(b.shape)}, only that of a, {list(a.shape)}, is allowed"
        )
    if a.dtype != b.dtype:
        raise TypeError(f"{op}: b: {b.dtype}, only that of a, {a.dtype}, is allowed")
    if a.dtype == torch.bool:
        raise TypeError(f"{op}: a: {a.dtype}, only integers and floating-point types are allowed")
    check_real(op, "a", a)


def validate_loss(logits: Tensor, true_labels: Tensor) -> None:
    """Raise unless every row of the logits has a label."""
    op = "batched_cross_entropy_loss"
    check_axes(op, "logits", logits, axes="B C")
    check_floating(op, "logits", logits)
    rows, number = logits.shape
    check_classes(op, "true_labels", true_labels, rows=rows, number=number)


def validate_accuracy(scores: Tensor, true_classes: Tensor) -> None:
    """Raise unless every row of the scores has a class."""
    op = "classifier_accuracy"
    check_axes(op, "scores", scores, axes="B C")
    check_not_empty(op, "scores", scores, {"C": 1})
    check_real(op, "scores", scores)
    rows, number = scores.shape
    check_classes(op, "true_classes", true_classes, rows=rows, number=number)
