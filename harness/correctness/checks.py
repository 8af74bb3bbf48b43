"""Check contenders against the oracle: values, gradients, and what a contender must not do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from opbench.harness.correctness import oracle
from opbench.harness.correctness import tolerance as agreement
from opbench.harness.correctness.caching import refuse_memory
from opbench.harness.correctness.reference import Reference, WrongError, call, clone, refilled
from opbench.harness.correctness.tolerance import Truth
from opbench.harness.outcomes import catch
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import as_tuple
from opbench.results.records import FailedCheck, Right, Verdict, Wrong


def check(reference: Reference, function: Callable[..., Any]) -> Verdict:
    """The verdict on one contender, whatever it does short of killing the process."""

    def checked() -> Right | Wrong:
        try:
            return Right(_largest_error(reference, function))
        except WrongError as wrong:
            return wrong.verdict

    return catch("check", checked)


def disagreement(
    reference: Reference, functions: Mapping[str, Callable[..., Any]]
) -> dict[tuple[str, str], float]:
    """For each pair of contenders, their largest difference in units of the tolerance."""
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
                agreement.largest(
                    agreement.error_units(a.detach(), Truth(b.detach(), t.magnitude), tolerance)
                )
                for a, b, t in zip(
                    outputs[one], outputs[other], reference.expected_first.compared, strict=True
                )
            )
    return pairs


def _largest_error(reference: Reference, function: Callable[..., Any]) -> float:
    """The largest error over all outputs and gradients. Raises WrongError."""
    given = reference.first.map(clone)
    errors = [answer(reference, function, given, reference.expected_first)]
    # The same memory with other values: whoever remembers an address answers with the old ones.
    given = refilled(given, reference.second)
    errors.append(answer(reference, function, given, reference.expected_second))
    refuse_memory(reference, function)
    if reference.expected_first.gradients:
        errors.append(gradient_error(reference, function))
    return max(errors)


def answer(
    reference: Reference, function: Callable[..., Any], given: Inputs, expected: oracle.Expected
) -> float:
    before = given.map(clone)
    result = call(function, given)
    try:
        outputs = as_tuple(result)
    except TypeError as error:
        raise WrongError("shape", str(error)) from error
    check_form(reference, outputs, given, expected)
    for old, new in zip(before.tensors(), given.tensors(), strict=True):
        if not agreement.same_bits(old, new):
            raise WrongError("inputs", f"changed an input of shape {list(new.shape)}")
    compared = oracle.comparable(reference.op, outputs, given)
    return check_values(reference, "value", compared, expected.compared)


def check_form(
    reference: Reference, outputs: tuple[Tensor, ...], given: Inputs, expected: oracle.Expected
) -> None:
    if len(outputs) != len(expected.outputs):
        raise WrongError("shape", f"{len(outputs)} outputs instead of {len(expected.outputs)}")
    for output, truth in zip(outputs, expected.outputs, strict=True):
        floating = truth.value.is_floating_point()
        named = getattr(torch, reference.op.output_dtype or reference.case.dtype)
        wanted = named if floating else truth.value.dtype
        facts: tuple[tuple[FailedCheck, object, object], ...] = (
            ("shape", list(output.shape), list(truth.value.shape)),
            ("dtype", output.dtype, wanted),
            ("device", output.device.type, torch.device(reference.case.device).type),
        )
        for stage, found, want in facts:
            if found != want:
                raise WrongError(stage, f"{stage} {found} instead of {want}")
        _check_board(reference.case.board, output, given)


def _check_board(board: str, output: Tensor, given: Inputs) -> None:
    aliases = any(agreement.shares_storage(output, tensor) for tensor in given.tensors())
    if board == "view":
        if not aliases and output.numel():
            raise WrongError("aliasing", "copies, where this board is for views")
        return
    if aliases:
        raise WrongError("aliasing", f"aliases an input, on the {board} board")
    if board == "materialise" and not output.is_contiguous():
        raise WrongError("contiguity", f"strides {output.stride()} are not contiguous")


def check_values(
    reference: Reference, stage: FailedCheck, found: tuple[Tensor, ...], truths: tuple[Truth, ...]
) -> float:
    tolerance = reference.op.tolerance[reference.case.dtype]
    worst = 0.0
    for tensor, truth in zip(found, truths, strict=True):
        units = agreement.error_units(tensor.detach(), truth, tolerance)
        error = agreement.largest(units)
        if not error <= 1:
            raise WrongError(stage, agreement.worst_place(units, tensor.detach(), truth), error)
        worst = max(worst, error)
    return worst


def gradient_error(reference: Reference, function: Callable[..., Any]) -> float:
    bound, leaves = reference.first.map(clone).leaves(reference.op.grad)
    outputs = as_tuple(call(function, bound))
    truths = reference.expected_first.gradients
    if not any(o.requires_grad for o in outputs) and any(t.value.any() for t in truths):
        raise WrongError("gradient", "the output has no gradient")
    slopes = oracle.gradient(outputs, leaves, reference.expected_first.upstream)
    for slope, leaf in zip(slopes, leaves, strict=True):
        if slope.dtype != leaf.dtype or slope.shape != leaf.shape:
            raise WrongError(
                "gradient",
                f"gradient is {slope.dtype} {list(slope.shape)} for an argument that is "
                f"{leaf.dtype} {list(leaf.shape)}",
            )
    return check_values(reference, "gradient", slopes, truths)
