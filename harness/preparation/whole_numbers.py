"""Inputs of whole numbers: as large as an op leaves room for, so that no float holds its results.

An op that compares numbers, or adds them up, is right in float64 up to 2^53. Beyond it who takes
the way through a floating-point type is off.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor

from opbench.harness.declare import Op
from opbench.harness.outcomes import charged_to
from opbench.harness.preparation.output_modes import as_tuple
from opbench.results.errors import OpFaultError

#: Numbers are below two to the power of this, and so are results: int64 holds 63 bits.
_BITS = 60
#: Times the whole numbers of an input, some hundreds, two to the power of this is below that.
_MOST = 50
#: The scale at which an oracle is evaluated to see how its results grow, as a power of two.
_SCALE = 10


def whole(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A hundred times the floating-point numbers of a tensor, in an integer type.

    Most lie between -3 and 3: as they are, few integers would be left of them.
    """
    return tensor.nan_to_num(posinf=0, neginf=0).mul(100).to(dtype)


def enlarged(tensor: Tensor, bits: int) -> Tensor:
    """Whole numbers that are larger by so many bits, and odd: no float rounds to them."""
    return tensor * 2**bits + 1 if bits else tensor


def room(op: Op, evaluate: Callable[[Callable[[Tensor], Tensor]], object]) -> int:
    """By how many bits whole numbers may be larger, so that no result of the op overflows.

    evaluate: the op's oracle, of inputs whose floating-point tensors are changed by a function.
    An op that is exact only moves them. Where nothing can be found out, there is no room.
    """
    if op.exact:
        return _MOST
    small, large = (_largest(op, evaluate, scale) for scale in (0, _SCALE))
    if not 0 < small <= large < math.inf:
        return 0
    degree = math.log2(large / small) / _SCALE
    left = _BITS - math.log2(small)
    return max(0, min(_MOST, int(left / degree) if degree else _MOST))


def _largest(op: Op, evaluate: Callable[[Callable[[Tensor], Tensor]], object], scale: int) -> float:
    """The largest result of absolute values, larger by so many bits; NaN if there is none."""

    def change(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor.clone()
        return whole(tensor, torch.int64).abs().double().mul(2**scale)

    with suppress(OpFaultError), charged_to(op.name, "oracle", op.oracle), torch.no_grad():
        results = as_tuple(evaluate(change))
        return max((float(r.abs().max()) for r in results if r.numel()), default=math.nan)
    return math.nan
