"""Element types: which one a sum is kept in."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from opbench import Caveat, supported

_HALF = ("float16", "bfloat16")
#: Of contenders that add up, as torch does, in the type of the values.
SUMS_IN_HALF = Caveat("sums half precision in half precision", lambda dtype: dtype in _HALF)
#: Of contenders whose gradients autograd adds up in the type of the values.
ADDS_IN_HALF: Mapping[str, Caveat] = {
    "long_sum": Caveat(
        "adds up gradients in half precision: float16 counts to 2048, bfloat16 to 256",
        lambda dtype: dtype in _HALF,
    )
}


@supported("keeps its running sum in a wider type, and float64 has none")
def widenable(dtype: str) -> bool:
    """Whether there is a type with more digits."""
    return dtype != "float64"


def accumulator(dtype: torch.dtype) -> torch.dtype:
    """The type that sums are kept in: float32 for the half-precision types."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
