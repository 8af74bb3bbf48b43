"""The compulsory work of a case, as its op declares it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declare import Cost, Op
from opbench.harness.outcomes import charged_to, op_fault
from opbench.harness.preparation.inputs import Inputs
from opbench.results.records import Case


def cost_of(op: Op, case: Case, given: Inputs) -> Cost:
    """The compulsory work of one call on the inputs of a case; a view has none.

    Raises OpFaultError where the op's own `cost` raises, or returns no Cost.
    """
    if case.board == "view":
        # It reads and writes nothing: the call is all that it takes.
        return Cost(0, 0)
    values: Mapping[str, object] = {
        **dict(case.axes),
        **op.defaults,
        **given.values,
        "e": getattr(torch, case.dtype).itemsize,
        "dtype": case.dtype,
        "device": case.device,
        "direction": case.direction,
        "board": case.board,
    }
    with charged_to(op.name, "cost", op.cost):
        cost = call_named(op.cost, values)
    if not isinstance(cost, Cost) or not all(map(_is_amount, (cost.flops, cost.bytes))):
        why = f"returned {_shown(cost)}; it has to be a Cost(flops=..., bytes=...) of two numbers"
        raise op_fault(op.name, "cost", op.cost, why)
    return cost


def _shown(value: object) -> str:
    """A value for a message; Python writes no number of thousands of digits."""
    try:
        text = repr(value)
    except ValueError:
        return type(value).__name__
    return text if len(text) <= 80 else f"{text[:80]}…"


def _is_amount(value: object) -> bool:
    """Whether a value is a number of operations or bytes, of any numeric type."""
    try:
        return math.isfinite(value) and value >= 0  # type: ignore[operator, arg-type]
    except (OverflowError, RuntimeError, TypeError, ValueError):
        return False
