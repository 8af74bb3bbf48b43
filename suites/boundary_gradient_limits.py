"""Limits of the contracts of the gradient at boundaries, and their compulsory work."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from opbench import Cost
from opbench.suites import boundary_inputs
from opbench.suites.boundary_inputs import largest

if TYPE_CHECKING:
    from torch import Tensor


# --- what is outside the contracts -----------------------------------------------------------


def validate_matrix(boundaries: Tensor) -> None:
    _validate_boundaries("pooling_matrix", boundaries, 2)


def validate_jacobian(boundaries: Tensor, scale: float) -> None:
    op = "pooling_matrix_jacobian"
    _validate_boundaries(op, boundaries, 1)
    _validate_scale(op, scale)


def validate_vjp(boundaries: Tensor, hidden: Tensor, grad_out: Tensor, scale: float) -> None:
    op = "boundary_vjp"
    boundary_inputs.validate_axes(op, {"hidden": (hidden, 3), "grad_out": (grad_out, 3)})
    _validate_boundaries(op, boundaries, 2)
    boundary_inputs.validate_tokens(op, boundaries, hidden)
    if len(grad_out) == 0 or grad_out.shape[1:] != hidden.shape[1:]:
        raise ValueError(
            f"{op}: grad_out: shape {list(grad_out.shape)}, only [S+1, {hidden.shape[1]}, "
            f"{hidden.shape[2]}] is allowed"
        )
    for argument, tensor in (("hidden", hidden), ("grad_out", grad_out)):
        if tensor.dtype != boundaries.dtype:
            raise TypeError(
                f"{op}: {argument}: {tensor.dtype}, only {boundaries.dtype}, as the boundaries "
                "are, is allowed"
            )
    _validate_scale(op, scale)


def _validate_boundaries(op: str, boundaries: Tensor, rank: int) -> None:
    boundary_inputs.validate_axes(op, {"boundaries": (boundaries, rank)})
    if not boundaries.is_floating_point():
        raise TypeError(
            f"{op}: boundaries: {boundaries.dtype}, only floating-point types, which have a "
            "gradient, are allowed"
        )
    boundary_inputs.validate_marks(op, boundaries)


def _validate_scale(op: str, scale: float) -> None:
    if isinstance(scale, bool) or not isinstance(scale, int | float):
        raise TypeError(f"{op}: scale: {scale!r}, only a float or an int is allowed")
    if not math.isfinite(scale):
        raise ValueError(f"{op}: scale: {scale}, only finite numbers are allowed")


# --- the work that cannot be avoided ---------------------------------------------------------


def cost_matrix(L: int, B: int, boundaries: Tensor, e: int, direction: str) -> Cost:
    forward = Cost(0, e * B * L * (largest(boundaries) + 1))
    # Of the gradient of the matrix one element per token is needed: that of its own column.
    backward = Cost(2 * B * L, e * 2 * B * L)
    return Cost.of_pass(forward, backward, direction)


def cost_vjp(L: int, B: int, D: int, grad_out: Tensor, e: int) -> Cost:
    tokens = L * B * D
    return Cost(2 * tokens, e * (tokens + grad_out[1:].numel() + 2 * B * L))
