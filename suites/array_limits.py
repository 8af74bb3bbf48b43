"""Limits of the array exercises: functions that make an op's validation, given its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: How far the sum of probabilities may be from 1.
SLACK = 1e-3
DAYS = 7


def size(op: str) -> Callable[[int], None]:
    """n is an int, 0 or more."""

    def validate(n: int) -> None:
        _check_count(op, n)

    return validate


def whole_weeks(op: str) -> Callable[[Tensor], None]:
    """Floating-point temperatures of whole weeks."""

    def validate(temps: Tensor) -> None:
        _check_axes(op, "temps", temps, "days")
        if len(temps) % DAYS:
            raise ValueError(
                f"{op}: temps: {len(temps)} days, only whole weeks (multiples of {DAYS}) are "
                "allowed"
            )
        _check_floating(op, "temps", temps)

    return validate


def draws(op: str) -> Callable[[Tensor, int], None]:
    """A distribution, and a number of draws."""

    def validate(probs: Tensor, n: int) -> None:
        _check_distribution(op, probs)
        _check_count(op, n)

    return validate


def quantiles(op: str) -> Callable[[Tensor, Tensor], None]:
    """A distribution, and numbers from 0 to below 1."""

    def validate(probs: Tensor, u: Tensor) -> None:
        _check_distribution(op, probs)
        _check_axes(op, "u", u, "n")
        _check_floating(op, "u", u)
        wrong = u[~((u >= 0) & (u < 1))]
        if len(wrong):
            raise ValueError(f"{op}: u: {wrong[0].item()}, only 0 <= u < 1 is allowed")

    return validate


def purchase(op: str) -> Callable[[Tensor, Tensor], None]:
    """Prices, and items that have one."""

    def validate(prices: Tensor, items: Tensor) -> None:
        _check_axes(op, "prices", prices, "k")
        _check_axes(op, "items", items, "n")
        _check_indexes(op, "items", items, len(prices))
        if not prices.is_floating_point() and prices.dtype != torch.int64:
            raise TypeError(
                f"{op}: prices: {prices.dtype}, only floating-point types and int64 are allowed"
            )

    return validate


def columns_of_rows(op: str) -> Callable[[Tensor, Tensor], None]:
    """A matrix, and columns for each of its rows."""

    def validate(matrix: Tensor, indexes: Tensor) -> None:
        _check_axes(op, "matrix", matrix, "m, n")
        _check_axes(op, "indexes", indexes, "m, k")
        if len(indexes) != len(matrix):
            raise ValueError(
                f"{op}: indexes: shape {list(indexes.shape)}, only [{len(matrix)}, k] is allowed"
            )
        _check_indexes(op, "indexes", indexes, matrix.shape[1])

    return validate


def places(op: str) -> Callable[[Tensor, Tensor], None]:
    """A tensor with axes, and coordinates in it."""

    def validate(matrix: Tensor, coords: Tensor) -> None:
        if matrix.ndim == 0:
            raise ValueError(f"{op}: matrix: shape [], one axis or more is allowed")
        if coords.ndim != 2 or coords.shape[1] != matrix.ndim:
            raise ValueError(
                f"{op}: coords: shape {list(coords.shape)}, only [b, {matrix.ndim}] is allowed "
                f"with a matrix of shape {list(matrix.shape)}"
            )
        for axis, limit in enumerate(matrix.shape):
            _check_indexes(op, f"coords[:, {axis}]", coords[:, axis], limit)

    return validate


def lines(op: str, *, axis: int) -> Callable[[Tensor, Tensor], None]:
    """A matrix, and rows (axis 0) or columns (axis 1) of it."""

    def validate(matrix: Tensor, indexes: Tensor) -> None:
        _check_axes(op, "matrix", matrix, "m, n")
        _check_axes(op, "indexes", indexes, "k")
        _check_indexes(op, "indexes", indexes, matrix.shape[axis])

    return validate


def _check_axes(op: str, argument: str, tensor: Tensor, axes: str) -> None:
    if tensor.ndim != axes.count(",") + 1:
        raise ValueError(f"{op}: {argument}: shape {list(tensor.shape)}, only [{axes}] is allowed")


def _check_count(op: str, n: int) -> None:
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"{op}: n: {n!r}, only an int is allowed")
    if n < 0:
        raise ValueError(f"{op}: n: {n}, only 0 and more is allowed")


def _check_floating(op: str, argument: str, tensor: Tensor) -> None:
    if not tensor.is_floating_point():
        raise TypeError(f"{op}: {argument}: {tensor.dtype}, only floating-point types are allowed")


def _check_distribution(op: str, probs: Tensor) -> None:
    _check_axes(op, "probs", probs, "k")
    _check_floating(op, "probs", probs)
    wrong = probs[~(probs >= 0)]  # NaN too
    if len(wrong):
        raise ValueError(f"{op}: probs: {wrong[0].item()}, only 0 and more is allowed")
    total = probs.double().sum().item()
    if not abs(total - 1) <= SLACK:
        raise ValueError(f"{op}: probs: sum to {total:.6g}, only 1 +- {SLACK} is allowed")


def _check_indexes(op: str, argument: str, indexes: Tensor, limit: int) -> None:
    # Not bool, which would be a mask, nor uint8, which once was one.
    if indexes.dtype != torch.int64:
        raise TypeError(f"{op}: {argument}: {indexes.dtype}, only torch.int64 is allowed")
    wrong = indexes[(indexes < 0) | (indexes >= limit)]
    if len(wrong):
        raise ValueError(
            f"{op}: {argument}: {wrong[0].item()}, only 0 <= index < {limit} is allowed"
        )
