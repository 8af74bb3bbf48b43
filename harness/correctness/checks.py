"""Check contenders against the oracle: values, gradients, and forbidden side effects.

Of each contender are checked: outputs on two sets of inputs in the same memory, their shapes,
dtypes, device and memory, inputs left unchanged, no caching, and gradients. The first check that
fails gives the verdict `Wrong`, with its name; what the contender raises gives `Failed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from opbench.harness.correctness import oracle
from opbench.harness.correctness.caching import refuse_caching
from opbench.harness.correctness.memory import clone, same_surroundings
from opbench.harness.correctness.reference import Reference, WrongError, call, refilled
from opbench.harness.correctness.tolerance import (
    Truth,
    describe_worst,
    equal_values,
    largest_error,
    scaled_errors,
    shares_storage,
)
from opbench.harness.outcomes import catch
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import as_tuple
from opbench.results.records import FailedCheck, Right, Verdict, Wrong


def check(reference: Reference, function: Callable[..., Any]) -> Verdict:
    """The verdict on one contender, whatever it does short of ending the process."""

    def checked() -> Right | Wrong:
        try:
            return Right(_largest_error(reference, function))
        except WrongError as wrong:
            return wrong.verdict

    return catch("check", checked)


def disagreement(
    reference: Reference, functions: Mapping[str, Callable[..., Any]]
) -> dict[tuple[str, str], float]:
    """By pair of contenders, their largest difference as a multiple of the tolerance."""
    outputs = {
        name: oracle.comparable(reference.op, as_tuple(call(f, reference.first)), reference.first)
        for name, f in functions.items()
    }
    names = list(outputs)
    tolerance = reference.op.tolerance[reference.case.dtype]
    pairs: dict[tuple[str, str], float] = {}
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            pairs[one, other] = max(
                largest_error(scaled_errors(a.detach(), Truth(b.detach(), t.magnitude), tolerance))
                for a, b, t in zip(
                    outputs[one], outputs[other], reference.expected_first.compared, strict=True
                )
            )
    return pairs


def _largest_error(reference: Reference, function: Callable[..., Any]) -> float:
    """The largest error over all outputs and gradients. Raises WrongError."""
    given = reference.first.map(clone)
    errors = [output_error(reference, function, given, reference.expected_first)]
    # The same memory with other values: a contender that caches by address answers with the old.
    given = refilled(given, reference.second)
    errors.append(output_error(reference, function, given, reference.expected_second))
    refuse_caching(reference, function)
    if reference.expected_first.gradients:
        errors.append(gradient_error(reference, function))
    return max(errors)


def output_error(
    reference: Reference, function: Callable[..., Any], given: Inputs, expected: oracle.Expected
) -> float:
    """The largest error of the outputs of a call on `given`, which it must not change.

    Raises WrongError.
    """
    before = given.map(clone)
    result = call(function, given)
    try:
        outputs = as_tuple(result)
    except TypeError as error:
        raise WrongError("shape", str(error)) from error
    check_form(reference, outputs, given, expected)
    for old, new in zip(before.tensors(), given.tensors(), strict=True):
        if not equal_values(old, new):
            raise WrongError("inputs", f"changed an input of shape {list(new.shape)}")
        if not same_surroundings(old, new):
            raise WrongError("inputs", f"wrote outside of an input of shape {list(new.shape)}")
    compared = oracle.comparable(reference.op, outputs, given)
    return check_values(reference, "value", compared, expected.compared)


def check_form(
    reference: Reference, outputs: tuple[Tensor, ...], given: Inputs, expected: oracle.Expected
) -> None:
    """Raise WrongError for outputs of another shape, dtype or device, or on forbidden memory."""
    if len(outputs) != len(expected.outputs):
        raise WrongError("shape", f"{len(outputs)} outputs instead of {len(expected.outputs)}")
    for output, truth in zip(outputs, expected.outputs, strict=True):
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


def check_values(
    reference: Reference, stage: FailedCheck, actual: tuple[Tensor, ...], truths: tuple[Truth, ...]
) -> float:
    """The largest error of some tensors. Raises WrongError, at `stage`, where one exceeds 1."""
    tolerance = reference.op.tolerance[reference.case.dtype]
    worst = 0.0
    for tensor, truth in zip(actual, truths, strict=True):
        errors = scaled_errors(tensor.detach(), truth, tolerance)
        error = largest_error(errors)
        # Written so that NaN is an error.
        if not error <= 1:
            raise WrongError(stage, describe_worst(errors, tensor.detach(), truth), error)
        worst = max(worst, error)
    return worst


def gradient_error(reference: Reference, function: Callable[..., Any]) -> float:
    """The largest error of the gradients of the differentiable arguments. Raises WrongError."""
    bound, leaves = reference.first.map(clone).leaves(reference.op.grad)
    outputs = as_tuple(call(function, bound))
    truths = reference.expected_first.gradients
    # A gradient that is zero everywhere may as well be missing.
    if not any(o.requires_grad for o in outputs) and any(t.value.any() for t in truths):
        raise WrongError("gradient", "the output has no gradient")
    gradients = oracle.gradient(outputs, leaves, reference.expected_first.upstream)
    for gradient, leaf in zip(gradients, leaves, strict=True):
        if gradient.dtype != leaf.dtype or gradient.shape != leaf.shape:
            raise WrongError(
                "gradient",
                f"gradient is {gradient.dtype} {list(gradient.shape)} for an argument that is "
                f"{leaf.dtype} {list(leaf.shape)}",
            )
    return check_values(reference, "gradient", gradients, truths)
