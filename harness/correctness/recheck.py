"""Check again, after the race, what contenders answered while they were timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from opbench.harness.correctness import oracle
from opbench.harness.correctness.checks import answer, check_form, check_values, gradient_error
from opbench.harness.correctness.reference import Reference, WrongError, clone, refilled
from opbench.harness.outcomes import catch
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import as_tuple
from opbench.results.records import Right, Verdict, Wrong


@dataclass(frozen=True, slots=True)
class Timed:
    """The very call that is timed, the inputs it is bound to, and the gradients of its outputs."""

    call: Callable[[], object]
    inputs: Inputs
    upstream: tuple[Tensor, ...]


def recheck(reference: Reference, function: Callable[..., Any], timed: Timed) -> Verdict:
    """The verdict on a contender from the first inputs of `reference`, which it has not seen.

    They are put into the memory that the timed call reads, unless their shapes don't fit or the
    call goes on from an earlier forward pass; then they are given to the function itself.
    """
    old = (*timed.inputs.tensors(), *timed.upstream)
    new = (*reference.first.tensors(), *reference.expected_first.upstream)
    fits = [t.shape for t in old] == [t.shape for t in new]
    forward, graded = (
        reference.case.direction == "forward",
        bool(reference.expected_first.gradients),
    )
    timed_again = fits and (forward or (graded and reference.case.direction == "both"))
    check = _recheck_timed if timed_again else _recheck_fresh

    def checked() -> Right | Wrong:
        try:
            return Right(check(reference, function, timed))
        except WrongError as wrong:
            return wrong.verdict

    return catch("race", checked)


def _recheck_fresh(reference: Reference, function: Callable[..., Any], timed: Timed) -> float:
    error = answer(reference, function, reference.first.map(clone), reference.expected_first)
    if reference.expected_first.gradients:
        error = max(error, gradient_error(reference, function))
    return error


def _recheck_timed(reference: Reference, function: Callable[..., Any], timed: Timed) -> float:
    before = timed.inputs.map(clone)
    try:
        refilled(timed.inputs, reference.first)
        # Judged before the inputs are put back: a view would show the old values then.
        return _judge_timed(reference, timed)
    finally:
        refilled(timed.inputs, before)


def _judge_timed(reference: Reference, timed: Timed) -> float:
    result, expected = timed.call(), reference.expected_first
    if reference.case.direction == "forward":
        outputs = as_tuple(result)
        check_form(reference, outputs, timed.inputs, expected)
        compared = oracle.comparable(reference.op, outputs, reference.first)
        return check_values(reference, "value", compared, expected.compared)
    assert isinstance(result, tuple)
    pairs = zip(result, expected.gradients, strict=True)
    slopes = tuple(torch.zeros_like(t.value) if g is None else g for g, t in pairs)
    return check_values(reference, "gradient", slopes, expected.gradients)
