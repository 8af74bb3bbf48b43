"""Boundaries [B, L] of every kind, and what all races over boundaries refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch

from opbench.suites import spans

if TYPE_CHECKING:
    from torch import Generator, Tensor

    MakeBoundaries = Callable[[int, int, Generator], Tensor]

AXES = {"L": "tokens of a sequence", "B": "sequences", "D": "width"}
QUICK = {"tiny": {"L": 64, "B": 2, "D": 32}, "base": {"L": 512, "B": 8, "D": 512}}
FULL = {"cuda_2k": {"L": 2048, "B": 8, "D": 512}, "cuda_8k": {"L": 8192, "B": 8, "D": 1024}}
EDGE = {
    "odd": {"L": 301, "B": 3, "D": 19},
    "one": {"L": 1, "B": 1, "D": 1},
    "no_sequence": {"L": 5, "B": 0, "D": 3},
    "no_token": {"L": 0, "B": 2, "D": 3},
    "no_width": {"L": 5, "B": 2, "D": 0},
}
DTYPES = ("float32", "float64", "float16", "bfloat16")


def with_chance(chance: float) -> MakeBoundaries:
    """Boundaries that are independent of each other."""

    def make(rows: int, size: int, rng: Generator) -> Tensor:
        return (torch.rand(rows, size, generator=rng) < chance).float()

    return make


def _typed(name: str) -> MakeBoundaries:
    def make(rows: int, size: int, rng: Generator) -> Tensor:
        return with_chance(0.2)(rows, size, rng).to(getattr(torch, name))

    return make


def _tails(rows: int, size: int, rng: Generator) -> Tensor:
    """Every row denser than the one before: all but the last have slots to spare."""
    chance = torch.linspace(0.02, 0.6, rows)[:, None]
    return (torch.rand(rows, size, generator=rng) < chance).float()


#: Given in the dtype of the case, so that a running sum in half precision shows in the kinds with
#: many boundaries.
FLOATING: Mapping[str, MakeBoundaries] = {
    "normal": with_chance(0.2),
    "none": with_chance(0.0),
    "all": with_chance(1.1),
    "dense": with_chance(0.9),
    "tails": _tails,
}
#: Given as they are.
EXACT: Mapping[str, MakeBoundaries] = {
    "bool": _typed("bool"),
    "int64": _typed("int64"),
    "uint8": _typed("uint8"),
}


def largest(boundaries: Tensor) -> int:
    """The largest number of boundaries of a row."""
    # Detached: a sum in integers of what has a gradient is refused.
    marks = boundaries.detach()
    return int(marks.sum(1, dtype=torch.int64).max()) if marks.numel() else 0


def with_nonfinite_groups(
    hidden: Tensor, boundaries: Tensor, groups: int, rng: Generator
) -> Tensor:
    """hidden[L, B, D] with NaN and infinities in some groups, and in what no group keeps."""
    ends = boundaries.to(torch.int64)
    ids = ends.cumsum(1) - ends
    return spans.with_nonfinite(hidden, torch.where(ids >= groups, -1, ids).T, rng)


def with_nonfinite_rows(rows: Tensor, rng: Generator) -> Tensor:
    """rows[S, B, D] with NaN and infinities in some of them."""
    ids = torch.arange(len(rows))[:, None].expand(-1, rows.shape[1])
    return spans.with_nonfinite(rows, ids, rng)


def validate_axes(op: str, tensors: Mapping[str, tuple[Tensor, int]]) -> None:
    """Every tensor, by its argument, has the number of axes given with it."""
    for argument, (tensor, rank) in tensors.items():
        if tensor.ndim != rank:
            raise ValueError(
                f"{op}: {argument}: shape {list(tensor.shape)}, only {rank} axes are allowed"
            )


def validate_marks(op: str, boundaries: Tensor) -> None:
    """Nothing but 0 and 1."""
    if boundaries.is_complex():
        raise TypeError(f"{op}: boundaries: {boundaries.dtype}, bool, int or float is allowed")
    wrong = boundaries[(boundaries != 0) & (boundaries != 1)]
    if len(wrong):
        raise ValueError(
            f"{op}: boundaries: {wrong[0].item()} among {len(wrong)} such values, only 0 and 1 "
            "are allowed"
        )


def validate_tokens(op: str, boundaries: Tensor, hidden: Tensor) -> None:
    """Floating tokens [L, B, D] of boundaries [B, L]."""
    if tuple(hidden.shape[:2]) != tuple(reversed(boundaries.shape)):
        raise ValueError(
            f"{op}: hidden: shape {list(hidden.shape)}, only [L, B, D] with boundaries [B, L] of "
            f"shape {list(boundaries.shape)} is allowed"
        )
    if not hidden.is_floating_point():
        raise TypeError(f"{op}: hidden: {hidden.dtype}, only floating-point types are allowed")
