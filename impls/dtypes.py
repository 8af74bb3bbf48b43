"""Element types: which one a sum is kept in."""

from __future__ import annotations

import torch

from opbench import supported


@supported("keeps its running sum in a wider type, and float64 has none")
def widenable(dtype: str) -> bool:
    """Whether there is a type with more digits."""
    return dtype != "float64"


def accumulator(dtype: torch.dtype) -> torch.dtype:
    """The type that sums are kept in: float32 for the half-precision types."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
