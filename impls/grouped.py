"""What products of groups of rows ask of their matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench import supported

if TYPE_CHECKING:
    from torch import Tensor

MOST_GATHERED = 1 << 24


@supported("takes float32, float16 and bfloat16 only")
def has_grouped_mm(dtype: str) -> bool:
    """Whether torch multiplies groups of this type."""
    return dtype in ("float32", "float16", "bfloat16")


@supported("takes rows of a multiple of 16 bytes only")
def aligned(w: Tensor) -> bool:
    """Whether rows of width D, and of width F, are there and end on a multiple of 16 bytes."""
    return all(size > 0 and size * w.element_size() % 16 == 0 for size in w.shape[1:])


@supported(f"would copy a matrix for every row, {MOST_GATHERED} elements at most")
def few_matrices(x: Tensor, w: Tensor) -> bool:
    """Whether a matrix for each row is little enough memory."""
    return len(x) * w.shape[1] * w.shape[2] <= MOST_GATHERED
