"""Whether an op's oracle would pass as a contender: else it isn't the contenders that are wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from opbench.harness.correctness.evaluation import evaluate
from opbench.harness.correctness.reference import Reference
from opbench.harness.correctness.tolerance import (
    Truth,
    describe_worst,
    largest_error,
    scaled_errors,
)
from opbench.harness.declare import Op
from opbench.harness.outcomes import op_fault
from opbench.results.errors import OpFaultError


def ensure_passes_itself(reference: Reference) -> None:
    """Raise OpFaultError where the oracle, evaluated in the case's dtype, fails its own tolerance.

    In half precision it is evaluated in float32 and rounded at the end, since a loop that adds up
    in half precision isn't what the op promises. Only finite floating-point numbers are compared:
    an oracle needn't be written so that nothing overflows. Where it works in float64 alone, and in
    float64 itself, there is nothing to say.
    """
    op, inputs, expected = reference.op, reference.first, reference.expected_first
    dtype = reference.case.dtype
    if dtype not in _EVALUATED_IN:
        return
    wide = _EVALUATED_IN[dtype]

    def cast(tensor: Tensor) -> Tensor:
        return tensor.to(wide if tensor.is_floating_point() else tensor.dtype, copy=True)

    names = op.grad if expected.gradients else ()
    upstream = tuple(cast(gradient) for gradient in expected.upstream)
    try:
        results = evaluate(op, "oracle", op.oracle, inputs.map(cast), names).results([upstream])
    except OpFaultError:
        return
    for found, truth in zip(results.compared, expected.compared, strict=True):
        _ensure_within(op, "the output", found, truth, dtype)
    for found, truth in zip(results.gradients[0], expected.gradients, strict=True):
        _ensure_within(op, "the gradient", found, truth, dtype)


#: By dtype of a case, the one in which the oracle is evaluated to see whether it would pass.
_EVALUATED_IN = {
    "float32": torch.float32,
    "float16": torch.float32,
    "bfloat16": torch.float32,
}


def _ensure_within(op: Op, what: str, found: Tensor, truth: Truth, dtype: str) -> None:
    """Raise OpFaultError where a result of the oracle is off by more than its op allows."""
    if found.shape != truth.value.shape or not truth.value.is_floating_point():
        return
    rounded = found.to(getattr(torch, dtype))
    finite = rounded.isfinite() & truth.value.isfinite()
    errors = torch.where(finite, scaled_errors(rounded, truth, op.tolerance[dtype]), 0.0)
    error = largest_error(errors)
    if error <= 1:
        return
    field = "magnitude" if op.magnitude else "tolerance"
    remedy = "leave it out" if op.magnitude else "allow more by tolerance={...}"
    why = (
        f"is too small: the oracle itself, evaluated in {str(found.dtype)[6:]}, is off by "
        f"{error:.3g} times what is allowed in {dtype}; of {what}, "
        f"{describe_worst(errors, rounded, truth)}: {remedy}"
    )
    raise op_fault(op.name, field, op.magnitude or op.oracle, why)
