"""The compulsory work of a case, as its op declares it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from opbench.harness.correctness.reference import Reference
from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declare import Cost
from opbench.harness.outcomes import charged_to, op_fault


def cost_of(reference: Reference) -> Cost:
    """The compulsory work of one call on the inputs of a case; a view has none.

    Raises OpFaultError where the op's own `cost` raises, or returns no Cost.
    """
    if reference.case.board == "view":
        # It reads and writes nothing: the call is all that it takes.
        return Cost(0, 0)
    values: Mapping[str, object] = {
        **dict(reference.case.axes),
        **reference.op.defaults,
        **reference.first.values,
        "e": getattr(torch, reference.case.dtype).itemsize,
        "dtype": reference.case.dtype,
        "device": reference.case.device,
        "direction": reference.case.direction,
        "board": reference.case.board,
    }
    with charged_to(reference.op.name, "cost", reference.op.cost):
        cost = call_named(reference.op.cost, values)
    if not isinstance(cost, Cost) or not all(map(_is_amount, (cost.flops, cost.bytes))):
        why = f"returned {cost!r}; it has to be a Cost(flops=..., bytes=...) of two numbers"
        raise op_fault(reference.op.name, "cost", reference.op.cost, why)
    return cost


def _is_amount(value: object) -> bool:
    """Whether a value is a number of operations or bytes, of any numeric type."""
    try:
        return math.isfinite(value) and value >= 0  # type: ignore[operator, arg-type]
    except (TypeError, ValueError):
        return False
