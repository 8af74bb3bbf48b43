"""Triton kernels of a top-k gate: the largest logits of each row with their softmax, and backwards.

A program holds ROWS rows of at most EXPERTS logits in registers, in float32 or, for float64, in
float64. No logit is NaN.
"""

from __future__ import annotations

import triton
import triton.language as tl

from opbench.impls.kernels.triton_variant import variant


@triton.jit  # type: ignore[untyped-decorator]
def _read_logits(
    logits: tl.tensor,
    row: tl.tensor,
    expert: tl.tensor,
    rows: tl.tensor,
    experts: tl.tensor,
    logits_row: tl.tensor,
    logits_expert: tl.tensor,
) -> tl.tensor:
    """The logits of these rows; -inf past the last row and expert."""
    wide: tl.constexpr = tl.float64 if logits.dtype.element_ty == tl.float64 else tl.float32
    at = logits + row * logits_row + expert * logits_expert
    mask = (row < rows) & (expert < experts)
    return tl.load(at, mask=mask, other=float("-inf")).to(wide)


@triton.jit  # type: ignore[untyped-decorator]
def choose_experts(
    logits: tl.tensor,
    weights: tl.tensor,
    indices: tl.tensor,
    rows: tl.tensor,
    experts: tl.tensor,
    choices: tl.tensor,
    logits_row: tl.tensor,
    logits_expert: tl.tensor,
    RENORMALISE: tl.constexpr,
    ROWS: tl.constexpr,
    EXPERTS: tl.constexpr,
    CHOICES: tl.constexpr,
) -> None:
    """The `choices` largest logits of each row, by that many searches for the largest one left."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    expert = tl.arange(0, EXPERTS)[None, :]
    slot = tl.arange(0, CHOICES)[None, :]
    x = _read_logits(logits, row, expert, rows, experts, logits_row, logits_expert)
    left = (row >= 0) & (expert < experts)
    chosen = tl.full([ROWS, CHOICES], float("-inf"), x.dtype)
    for choice in range(choices):
        best = tl.max(tl.where(left, x, float("-inf")), axis=1)[:, None]
        hit = left & (x == best)
        first = tl.min(tl.where(hit, expert, EXPERTS), axis=1)[:, None]
        left = left & (expert != first)
        chosen = tl.where(slot == choice, best, chosen)
        tl.store(indices + row * choices + choice, first.to(tl.int64), mask=row < rows)
    top = tl.max(chosen, axis=1)[:, None]
    total = tl.sum(tl.exp((chosen if RENORMALISE else x) - top), axis=1)[:, None]
    share = (tl.exp(chosen - top) / total).to(weights.dtype.element_ty)
    tl.store(weights + row * choices + slot, share, mask=(row < rows) & (slot < choices))


@triton.jit  # type: ignore[untyped-decorator]
def choice_gradient(
    logits: tl.tensor,
    indices: tl.tensor,
    grad: tl.tensor,
    target: tl.tensor,
    rows: tl.tensor,
    experts: tl.tensor,
    choices: tl.tensor,
    logits_row: tl.tensor,
    logits_expert: tl.tensor,
    RENORMALISE: tl.constexpr,
    ROWS: tl.constexpr,
    EXPERTS: tl.constexpr,
) -> None:
    """The gradient of a softmax, over the chosen experts alone where RENORMALISE."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    expert = tl.arange(0, EXPERTS)[None, :]
    x = _read_logits(logits, row, expert, rows, experts, logits_row, logits_expert)
    g = tl.zeros([ROWS, EXPERTS], x.dtype)
    chosen = (row >= 0) & (expert < 0)
    for choice in range(choices):
        at = row * choices + choice
        hit = expert == tl.load(indices + at, mask=row < rows, other=-1)
        g = tl.where(hit, tl.load(grad + at, mask=row < rows, other=0.0).to(x.dtype), g)
        chosen = chosen | hit
    if RENORMALISE:
        x = tl.where(chosen, x, float("-inf"))
    share = tl.exp(x - tl.max(x, axis=1)[:, None])
    share = share / tl.sum(share, axis=1)[:, None]
    gradient = share * (g - tl.sum(share * g, axis=1)[:, None])
    if RENORMALISE:
        gradient = tl.where(chosen, gradient, 0.0)
    mask = (row < rows) & (expert < experts)
    tl.store(target + row * experts + expert, gradient.to(target.dtype.element_ty), mask=mask)


_LOGITS = {"logits": "*T", "weights": "*T", "grad": "*T", "target": "*T", "indices": "*i64"}
_BLOCK = {"logits_expert": 1, "ROWS": 16, "EXPERTS": 64}

# Every kernel as its forward and its backward use it.
VARIANTS = tuple(
    variant(f"{name} {over}", kernel, _LOGITS, RENORMALISE=renormalise, **_BLOCK, **sizes)
    for name, kernel, sizes in (
        ("choices", choose_experts, {"CHOICES": 2}),
        ("gradients of choices", choice_gradient, {}),
    )
    for over, renormalise in (("among themselves", True), ("among all", False))
)
