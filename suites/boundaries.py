"""The boundary races: tokens shortened to the means of groups, and groups spread out again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch

from opbench import Cost, Op
from opbench.suites import boundary_inputs, long_sums
from opbench.suites.boundary_gradients import boundary_vjp, pooling_matrix, pooling_matrix_jacobian
from opbench.suites.boundary_inputs import largest, with_chance

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from opbench.suites.boundary_inputs import MakeBoundaries

    MakeInputs = Callable[[int, int, int, Generator], Mapping[str, Any]]

# All five races are of one family.
__all__ = [
    "boundary_downsample",
    "boundary_upsample",
    "boundary_vjp",
    "pooling_matrix",
    "pooling_matrix_jacobian",
]

# --- the contracts ---------------------------------------------------------------------------


def _downsample(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    """The mean of each group of tokens, after a null group.

    boundaries[B, L] of 0 and 1, hidden[L, B, D], null_group[1, 1, D] -> [S+1, B, D]. A 1 ends
    its group. S is `groups`, or else the largest number of boundaries of a row. Rows with fewer
    keep their open tail as a group and are zero after it; tokens of groups past S are dropped.
    Row 0 is the null group. What is not finite stays in its own group.
    """
    number = largest(boundaries) if groups is None else groups
    zero = hidden.new_zeros(hidden.shape[2])
    columns = []
    for marks, tokens in zip(boundaries.tolist(), hidden.unbind(1), strict=True):
        means = [span.mean(0) if len(span) else zero for span in _groups(marks, tokens)[:number]]
        means += [zero] * (number - len(means))
        columns.append(torch.stack([null_group[0, 0], *means]))
    # A piece without columns keeps the shape, and the gradients, of an empty batch.
    nothing = null_group.expand(number + 1, 1, -1)[:, :0]
    return torch.cat([nothing, *(column[:, None] for column in columns)], 1)


def _upsample(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """Give every token the row of the last group that ended before it or with it.

    boundaries[B, L] of 0 and 1, shortened[S+1, B, D] -> [L, B, D]. Token l reads the row whose
    number is the count of boundaries up to l and at l; where there is none, the null group.
    """
    pieces = [shortened[:, :0].sum(0, keepdim=True).expand(boundaries.shape[1], -1, -1)]
    for marks, rows in zip(boundaries.tolist(), shortened.unbind(1), strict=True):
        counts = accumulate(int(mark) for mark in marks)
        read = [rows[count] for count in counts]
        pieces.append(torch.stack(read)[:, None] if read else rows[:0, None])
    return torch.cat(pieces, 1)


def _groups(marks: list[float], tokens: Tensor) -> tuple[Tensor, ...]:
    """The tokens of each group; the last one is open, perhaps without a token."""
    sizes = [0]
    for mark in marks:
        sizes[-1] += 1
        if mark:
            sizes.append(0)
    return tokens.split_with_sizes(sizes)


# --- what is outside the contracts -----------------------------------------------------------


def _validate_downsample(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, groups: int | None
) -> None:
    op = "boundary_downsample"
    _validate_boundaries(op, boundaries, "hidden", hidden)
    boundary_inputs.validate_tokens(op, boundaries, hidden)
    if tuple(null_group.shape) != (1, 1, hidden.shape[2]):
        raise ValueError(
            f"{op}: null_group: shape {list(null_group.shape)}, only "
            f"{[1, 1, hidden.shape[2]]} is allowed"
        )
    if null_group.dtype != hidden.dtype:
        raise TypeError(f"{op}: null_group: {null_group.dtype}, only {hidden.dtype} is allowed")
    if groups is None:
        return
    if not isinstance(groups, int) or isinstance(groups, bool):
        raise TypeError(f"{op}: groups: {groups!r}, None or an int is allowed")
    if groups < 0:
        raise ValueError(f"{op}: groups: {groups}, 0 and more is allowed")


def _validate_upsample(boundaries: Tensor, shortened: Tensor) -> None:
    op = "boundary_upsample"
    _validate_boundaries(op, boundaries, "shortened", shortened)
    if len(shortened) == 0 or shortened.shape[1] != len(boundaries):
        raise ValueError(
            f"{op}: shortened: shape {list(shortened.shape)}, only [S+1, {len(boundaries)}, D] "
            "is allowed"
        )
    sums = boundaries.sum(1, dtype=torch.int64).tolist()
    for row, total in enumerate(sums):
        if total >= len(shortened):
            raise ValueError(
                f"{op}: boundaries: row {row} has {total}, at most the {len(shortened) - 1} groups "
                f"of shortened are allowed (the rows have {sums})"
            )


def _validate_boundaries(op: str, boundaries: Tensor, name: str, other: Tensor) -> None:
    boundary_inputs.validate_axes(op, {"boundaries": (boundaries, 2), name: (other, 3)})
    boundary_inputs.validate_marks(op, boundaries)


# --- the work that cannot be avoided ---------------------------------------------------------


def _cost_downsample(
    L: int, B: int, D: int, boundaries: Tensor, groups: int | None, e: int, direction: str
) -> Cost:
    tokens = L * B * D
    number = largest(boundaries) if groups is None else groups
    rows = (number + 1) * B * D
    # Backward, each group's gradient is scaled once and spread; the null group's is a sum.
    return Cost.of_pass(
        Cost(tokens, e * (tokens + rows)), Cost(rows, e * (rows + tokens + D)), direction
    )


def _cost_upsample(L: int, B: int, D: int, shortened: Tensor, e: int, direction: str) -> Cost:
    moved = e * (shortened.numel() + L * B * D)
    return Cost.of_pass(Cost(0, moved), Cost(L * B * D, moved), direction)


# --- inputs ----------------------------------------------------------------------------------


def _for_downsample(make: MakeBoundaries) -> MakeInputs:
    def inputs(L: int, B: int, D: int, rng: Generator) -> Mapping[str, Any]:
        return {
            "boundaries": make(B, L, rng),
            "hidden": torch.randn(L, B, D, generator=rng),
            "null_group": torch.randn(1, 1, D, generator=rng),
        }

    return inputs


def _for_upsample(make: MakeBoundaries, *, spare: int = 0) -> MakeInputs:
    def inputs(L: int, B: int, D: int, rng: Generator) -> Mapping[str, Any]:
        boundaries = make(B, L, rng)
        rows = largest(boundaries) + 1 + spare
        return {"boundaries": boundaries, "shortened": torch.randn(rows, B, D, generator=rng)}

    return inputs


def _with_groups(one_in: int) -> MakeInputs:
    """The number of groups is given: one for every so many tokens."""

    def inputs(L: int, B: int, D: int, rng: Generator) -> Mapping[str, Any]:
        made = _for_downsample(with_chance(0.2))(L, B, D, rng)
        return {**made, "groups": L // one_in}

    return inputs


def _nonfinite_tokens(L: int, B: int, D: int, rng: Generator) -> Mapping[str, Any]:
    """Groups with NaN and infinities, and the same in tails that are dropped."""
    made = _for_downsample(with_chance(0.2))(L, B, D, rng)
    boundaries = made["boundaries"]
    hidden = boundary_inputs.with_nonfinite_groups(
        made["hidden"], boundaries, largest(boundaries), rng
    )
    return {**made, "hidden": hidden}


def _nonfinite_rows(L: int, B: int, D: int, rng: Generator) -> Mapping[str, Any]:
    """Rows with NaN and infinities, read or not."""
    made = _for_upsample(with_chance(0.2), spare=2)(L, B, D, rng)
    return {**made, "shortened": boundary_inputs.with_nonfinite_rows(made["shortened"], rng)}


# --- the races -------------------------------------------------------------------------------

_KINDS: Mapping[str, MakeBoundaries] = {**boundary_inputs.FLOATING, **boundary_inputs.EXACT}

boundary_downsample = Op(
    name="boundary_downsample",
    oracle=_downsample,
    axes=boundary_inputs.AXES,
    inputs={
        **{kind: _for_downsample(make) for kind, make in _KINDS.items()},
        "nonfinite": _nonfinite_tokens,
        "known_groups": _with_groups(3),
        "few_groups": _with_groups(10),
        **long_sums.DOWNSAMPLE,
    },
    long_sums=tuple(long_sums.DOWNSAMPLE),
    quick=boundary_inputs.QUICK,
    full=boundary_inputs.FULL,
    edge=boundary_inputs.EDGE,
    dtypes=boundary_inputs.DTYPES,
    cost=_cost_downsample,
    validate=_validate_downsample,
    grad=("hidden", "null_group"),
    source="the shortening of dynamic-pooling transformers (Nawrot et al.)",
)

boundary_upsample = Op(
    name="boundary_upsample",
    exact=True,
    oracle=_upsample,
    axes=boundary_inputs.AXES,
    inputs={
        **{kind: _for_upsample(make) for kind, make in _KINDS.items()},
        "nonfinite": _nonfinite_rows,
        "spare_rows": _for_upsample(with_chance(0.2), spare=5),
        **long_sums.UPSAMPLE,
    },
    long_sums=tuple(long_sums.UPSAMPLE),
    quick=boundary_inputs.QUICK,
    full=boundary_inputs.FULL,
    edge=boundary_inputs.EDGE,
    dtypes=boundary_inputs.DTYPES,
    cost=_cost_upsample,
    validate=_validate_upsample,
    grad=("shortened",),
    source="the lengthening of dynamic-pooling transformers (Nawrot et al.)",
)
