"""The races over the gradient that reaches boundaries: its matrix, and its products."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch

from opbench import Cost, Op
from opbench.suites import boundary_gradient_limits as limits
from opbench.suites import boundary_inputs
from opbench.suites.boundary_inputs import largest, with_chance

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from opbench.suites.boundary_inputs import MakeBoundaries

    MakeInputs = Callable[[int, int, int, Generator], Mapping[str, Any]]

# --- the contracts ---------------------------------------------------------------------------


def _matrix(boundaries: Tensor) -> Tensor:
    """The weights of the groups' means, with the gradient that trains a predictor of boundaries.

    boundaries[B, L] of 0 and 1, floating -> [B, L, S]. A 1 ends its group; S is the largest number
    of boundaries of a row. Column s holds 1/n for the n tokens of group s, else 0. Rows with fewer
    boundaries keep their open tail as a group and have columns of zeros after it; rows at the
    largest drop theirs.

    The gradient is that of weights 1 - (s - boundaries before the token), which are held at 0
    outside of group s, each over the sum of its column. So a token's entry depends on the
    boundaries of its own group alone: on boundary j by ([j is before the token] - c/n)/n, with c
    tokens of the group after j.
    """
    slots = torch.arange(largest(boundaries), device=boundaries.device)
    before = boundaries.cumsum(1) - boundaries
    distance = slots - before.unsqueeze(2)
    weights = torch.where(distance == 0, 1 - distance, 0.0)
    return weights / weights.sum(1, keepdim=True).clamp(min=1)


def _jacobian(boundaries: Tensor, *, scale: float = 1.0) -> Tensor:
    """The gradient of each token's own entry of its pooling matrix, a row per token.

    boundaries[L] of 0 and 1, floating -> [L, L]. Element [l, j] is `scale` times the derivative of
    token l's entry by boundary j, as `pooling_matrix` has it: 0 where j is in another group, and in
    the rows of the open group after the last boundary, which has no column.
    """
    size = len(boundaries)
    jacobian = boundaries.new_zeros(size, size)
    for start, end in _groups(boundaries, int(boundaries.sum())):
        token = torch.arange(end - start, dtype=boundaries.dtype, device=boundaries.device)
        after = len(token) - 1 - token
        before = (token < token.unsqueeze(1)).to(boundaries.dtype)
        jacobian[start:end, start:end] = scale * (before - after / len(token)) / len(token)
    return jacobian


def _vjp(boundaries: Tensor, hidden: Tensor, grad_out: Tensor, *, scale: float = 1.0) -> Tensor:
    """The gradient of boundaries, given that of the groups' means: what trains their predictor.

    boundaries[B, L] of 0 and 1, hidden[L, B, D], grad_out[S+1, B, D], of one floating type ->
    [B, L]. It is `scale` times the gradient of sum(grad_out * boundary_downsample(boundaries,
    hidden, null_group, groups=S)) that comes through `pooling_matrix`. With a = hidden times the
    group's row of grad_out, for each of n tokens, token j gets the sum of (a - mean of a)/n over
    the tokens after it in its group. The last one gets 0, and so do all in groups past S.

    Row 0 of grad_out, the null group's, is not read. Where not all of a group is finite, its tokens
    but the last get NaN or an infinity; other groups don't notice.
    """
    gradient = torch.zeros_like(boundaries)
    for row, marks in enumerate(boundaries):
        for slot, (start, end) in enumerate(_groups(marks, len(grad_out) - 1), 1):
            products = hidden[start:end, row] @ grad_out[slot, row]
            shares = scale * (products - products.mean()) / len(products)
            gradient[row, start : end - 1] = shares[1:].flip(0).cumsum(0).flip(0)
    return gradient


def _groups(marks: Tensor, number: int) -> Iterator[tuple[int, int]]:
    """Where each of the first `number` groups of marks[L] starts and ends; none is empty."""
    ends = [place + 1 for place, mark in enumerate(marks.tolist()) if mark]
    spans = list(pairwise([0, *ends, len(marks)]))[:number]
    return ((start, end) for start, end in spans if start < end)


def _only_nan(output: Tensor) -> Tensor:
    """NaN for everything that isn't finite."""
    return output.where(output.isfinite(), math.nan)


# --- what is summed over, in absolute values ---------------------------------------------------
#
# A contender that makes the gradient of running sums along the sequence rounds by what other groups
# hold, so an element is allowed the errors of its own group and those of the average group of its
# row.


def _matrix_magnitude(boundaries: Tensor) -> Tensor:
    matrix = _matrix(boundaries).detach()
    inside = (matrix > 0).to(matrix.dtype)
    groups = (inside.sum(1) > 0).sum(1, keepdim=True).clamp(min=1)
    reach = torch.einsum("bls,bl->bs", inside, boundaries)
    reach = reach + boundaries.sum(1, keepdim=True) / groups
    # Twice: once for the weights, once for the sums that they are divided by.
    return matrix + 2 * matrix * (reach - reach.detach()).unsqueeze(1)


def _jacobian_magnitude(boundaries: Tensor, *, scale: float = 1.0) -> Tensor:
    size = len(boundaries)
    magnitude = boundaries.new_zeros(size, size)
    for start, end in _groups(boundaries, int(boundaries.sum())):
        magnitude[start:end] = 2 * abs(scale) / (end - start)
    return magnitude


def _vjp_magnitude(
    boundaries: Tensor, hidden: Tensor, grad_out: Tensor, *, scale: float = 1.0
) -> Tensor:
    magnitude = torch.zeros_like(boundaries)
    for row, marks in enumerate(boundaries):
        total = 0.0
        groups = list(_groups(marks, len(grad_out) - 1))
        for slot, (start, end) in enumerate(groups, 1):
            products = hidden[start:end, row] @ grad_out[slot, row]
            magnitude[row, start:end] = 2 * products.mean()
            total += float(2 * products.mean())
        magnitude[row] += total / max(len(groups), 1)
    return abs(scale) * magnitude


# --- inputs ----------------------------------------------------------------------------------


def _for_matrix(make: MakeBoundaries) -> Callable[[int, int, Generator], Mapping[str, Any]]:
    return lambda L, B, rng: {"boundaries": make(B, L, rng)}


def _for_jacobian(
    make: MakeBoundaries, **options: float
) -> Callable[[int, Generator], Mapping[str, Any]]:
    return lambda L, rng: {"boundaries": make(1, L, rng)[0], **options}


def _for_vjp(make: MakeBoundaries, **options: float) -> MakeInputs:
    return lambda L, B, D, rng: {**_vjp_inputs(make(B, L, rng), D, rng), **options}


def _vjp_inputs(
    boundaries: Tensor, width: int, rng: Generator, *, groups: int | None = None
) -> dict[str, Any]:
    batch, size = boundaries.shape
    rows = 1 + (largest(boundaries) if groups is None else groups)
    return {
        "boundaries": boundaries,
        "hidden": torch.randn(size, batch, width, generator=rng),
        "grad_out": torch.randn(rows, batch, width, generator=rng),
    }


def _few_groups(L: int, B: int, D: int, rng: Generator) -> Mapping[str, Any]:
    """One slot for every ten tokens: most groups are past the last."""
    return _vjp_inputs(with_chance(0.2)(B, L, rng), D, rng, groups=L // 10)


def _spare_groups(L: int, B: int, D: int, rng: Generator) -> Mapping[str, Any]:
    """More slots than any row fills: every open tail is kept."""
    boundaries = with_chance(0.2)(B, L, rng)
    return _vjp_inputs(boundaries, D, rng, groups=largest(boundaries) + 3)


def _nonfinite(L: int, B: int, D: int, rng: Generator) -> Mapping[str, Any]:
    """NaN and infinities in some groups and their slots, and in all that isn't to be read."""
    boundaries = with_chance(0.2)(B, L, rng)
    made = _vjp_inputs(boundaries, D, rng)
    grad_out = made["grad_out"]
    slot = torch.arange(len(grad_out))[:, None]
    # Slot 0 is the null group's; past the open tail of a row nothing is in a slot.
    bad = (slot == 0) | (slot % 8 == 3) | (slot > boundaries.sum(1) + 1)
    return {
        "boundaries": boundaries,
        "hidden": boundary_inputs.with_nonfinite_groups(
            made["hidden"], boundaries, len(grad_out) - 1, rng
        ),
        "grad_out": grad_out.masked_fill(bad.unsqueeze(2), math.nan),
    }


# --- the races -------------------------------------------------------------------------------

_SOURCE = "an analysis of the gradient in dynamic-pooling transformers' shortening"


pooling_matrix = Op(
    name="pooling_matrix",
    oracle=_matrix,
    axes={"L": "tokens of a sequence", "B": "sequences"},
    inputs={kind: _for_matrix(make) for kind, make in boundary_inputs.FLOATING.items()},
    quick={"tiny": {"L": 64, "B": 2}, "base": {"L": 512, "B": 8}},
    full={"cuda_2k": {"L": 2048, "B": 8}, "cuda_8k": {"L": 8192, "B": 8}},
    edge={
        "odd": {"L": 301, "B": 3},
        "one": {"L": 1, "B": 1},
        "no_sequence": {"L": 5, "B": 0},
        "no_token": {"L": 0, "B": 2},
    },
    dtypes=boundary_inputs.DTYPES,
    magnitude=_matrix_magnitude,
    cost=limits.cost_matrix,
    validate=limits.validate_matrix,
    grad=("boundaries",),
    source=_SOURCE,
)

pooling_matrix_jacobian = Op(
    name="pooling_matrix_jacobian",
    oracle=_jacobian,
    axes={"L": "tokens of the sequence"},
    inputs={
        **{
            kind: _for_jacobian(boundary_inputs.FLOATING[kind])
            for kind in ("normal", "none", "all", "dense")
        },
        "sparse": _for_jacobian(with_chance(0.02)),
        "scaled": _for_jacobian(with_chance(0.2), scale=-2.0),
    },
    quick={"tiny": {"L": 64}, "base": {"L": 512}},
    full={"long": {"L": 2048}},
    edge={"odd": {"L": 101}, "one": {"L": 1}, "no_token": {"L": 0}},
    dtypes=boundary_inputs.DTYPES,
    magnitude=_jacobian_magnitude,
    cost=lambda L, e: Cost(0, e * (L * L + L)),
    validate=limits.validate_jacobian,
    source=_SOURCE,
)

boundary_vjp = Op(
    name="boundary_vjp",
    oracle=_vjp,
    axes=boundary_inputs.AXES,
    inputs={
        **{kind: _for_vjp(make) for kind, make in boundary_inputs.FLOATING.items()},
        "scaled": _for_vjp(with_chance(0.2), scale=-2.0),
        "few_groups": _few_groups,
        "spare_groups": _spare_groups,
        "nonfinite": _nonfinite,
    },
    quick=boundary_inputs.QUICK,
    full=boundary_inputs.FULL,
    edge=boundary_inputs.EDGE,
    dtypes=boundary_inputs.DTYPES,
    magnitude=_vjp_magnitude,
    canonical=_only_nan,
    cost=limits.cost_vjp,
    validate=limits.validate_vjp,
    source=_SOURCE,
)
