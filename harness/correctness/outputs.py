"""Check what one call returned: its form, the memory that it lies on, and its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from opbench.harness.correctness.evaluation import comparable
from opbench.harness.correctness.memory import clone, same_surroundings
from opbench.harness.correctness.oracle import Expected
from opbench.harness.correctness.reference import Reference, WrongError, call
from opbench.harness.correctness.tolerance import (
    Truth,
    describe_worst,
    equal_values,
    error_of,
    scaled_errors,
    shares_storage,
)
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import as_tuple
from opbench.results.records import FailedCheck


def output_error(
    reference: Reference, function: Callable[..., Any], given: Inputs, expected: Expected
) -> float:
    """The largest error of the outputs of a call on `given`, which it must not change.

    Raises WrongError.
    """
    before = given.map(clone)
    outputs = outputs_of(function, given)
    check_form(reference, outputs, given, expected)
    check_unchanged("an input", before.tensors(), given.tensors())
    return value_error(reference, outputs, given, expected)


def outputs_of(function: Callable[..., Any], given: Inputs) -> tuple[Tensor, ...]:
    """The outputs of a call. Raises WrongError where they aren't tensors."""
    result = call(function, given)
    try:
        return as_tuple(result)
    except TypeError as error:
        raise WrongError("shape", str(error)) from error


def check_unchanged(what: str, before: tuple[Tensor, ...], now: tuple[Tensor, ...]) -> None:
    """Raise WrongError where tensors hold other values than the copies of before the call.

    what: the tensors are, for the message: "an input".
    """
    for old, new in zip(before, now, strict=True):
        if not equal_values(old, new.detach()):
            raise WrongError("inputs", f"changed {what} of shape {list(new.shape)}")
        if not same_surroundings(old, new):
            raise WrongError("inputs", f"wrote outside of {what} of shape {list(new.shape)}")


def check_form(
    reference: Reference, outputs: tuple[Tensor, ...], given: Inputs, expected: Expected
) -> None:
    """Raise WrongError for outputs of another shape, dtype or device, or on forbidden memory."""
    if len(outputs) != len(expected.outputs):
        raise WrongError("shape", f"{len(outputs)} outputs instead of {len(expected.outputs)}")
    for output, truth in zip(outputs, expected.outputs, strict=True):
        if output.layout != torch.strided:
            raise WrongError("shape", f"a tensor of {output.layout}, where a dense one is due")
        floating = truth.value.is_floating_point()
        declared = getattr(torch, reference.op.output_dtype or reference.case.dtype)
        dtype = declared if floating else truth.value.dtype
        facts: tuple[tuple[FailedCheck, object, object], ...] = (
            ("shape", list(output.shape), list(truth.value.shape)),
            ("dtype", output.dtype, dtype),
            ("device", output.device.type, torch.device(reference.case.device).type),
        )
        for stage, actual, right in facts:
            if actual != right:
                raise WrongError(stage, f"{stage} {actual} instead of {right}")
        _check_memory(reference.case.board, output, given)


def _check_memory(mode: str, output: Tensor, given: Inputs) -> None:
    """Raise WrongError where an output lies on memory that its mode forbids."""
    aliases = any(shares_storage(output, tensor) for tensor in given.tensors())
    if mode == "view":
        # An empty view has no memory to share.
        if not aliases and output.numel():
            raise WrongError("aliasing", "copies, where the output mode is view")
        return
    if aliases:
        raise WrongError("aliasing", f"aliases an input, in the output mode {mode}")
    if mode == "materialise" and not output.is_contiguous():
        raise WrongError("contiguity", f"strides {output.stride()} are not contiguous")


def value_error(
    reference: Reference, outputs: tuple[Tensor, ...], given: Inputs, expected: Expected
) -> float:
    """The largest error of the values of some outputs. Raises WrongError where one exceeds 1."""
    compared = comparable(reference.op, outputs, given)
    truths = expected.compared
    names = [f"output {n}" for n in range(len(truths))] if len(truths) > 1 else [""]
    return largest_of(reference, "value", compared, dict(zip(names, truths, strict=True)))


def largest_of(
    reference: Reference,
    stage: FailedCheck,
    actual: tuple[Tensor, ...],
    truths: Mapping[str, Truth],
) -> float:
    """The largest error of some tensors. Raises WrongError, at `stage`, where one exceeds 1.

    truths: by the names of the tensors, for the message, in their order.
    """
    is_exact = reference.op.exact and stage == "value"
    tolerance = 0.0 if is_exact else reference.op.tolerance[reference.case.dtype]
    worst = 0.0
    for tensor, (name, truth) in zip(actual, truths.items(), strict=True):
        error = error_of(tensor.detach(), truth, tolerance)
        # Written so that NaN is an error.
        if not error <= 1:
            errors = scaled_errors(tensor.detach(), truth, tolerance)
            where = describe_worst(errors, tensor.detach(), truth)
            raise WrongError(stage, f"{name}: {where}" if name else where, error)
        worst = max(worst, error)
    return worst
