"""Check a contender again while it is raced, on inputs that it has not seen.

A contender may pass the check before the race and go wrong, or begin to cache, after more calls. So
the timed call itself is given other values from time to time, in the memory that it reads, and its
result is compared with their truth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from opbench.harness.correctness.gradients import pass_error, truths_by_name
from opbench.harness.correctness.memory import clone
from opbench.harness.correctness.outputs import (
    check_form,
    check_unchanged,
    largest_of,
    output_error,
    value_error,
)
from opbench.harness.correctness.reference import (
    Circumstances,
    Reference,
    WrongError,
    memory_shapes,
    refilled,
)
from opbench.harness.outcomes import catch
from opbench.harness.preparation.output_modes import as_tuple
from opbench.harness.preparation.timed_call import TimedCall
from opbench.results.records import Right, Verdict, Wrong

#: The timed call is checked by more than its first result: what is kept between calls may spoil it.
_CALLS = 2


def check_timed(reference: Reference, timed: TimedCall) -> Verdict:
    """The verdict on the very call that is timed, bound to the first inputs of `reference`."""

    def checked() -> Right | Wrong:
        try:
            with Circumstances("in the call that is timed"):
                return Right(max(_error_of_timed(reference, timed) for _ in range(_CALLS)))
        except WrongError as wrong:
            return wrong.verdict

    return catch("check", checked)


def recheck(reference: Reference, function: Callable[..., Any], timed: TimedCall) -> Verdict:
    """The verdict on a contender by the first inputs of `reference`, which it has not seen.

    They are copied into the memory that the timed call reads. Where their shapes don't fit, or the
    call continues an earlier forward pass, they are given to the function itself.
    """
    old = (*timed.inputs.tensors(), *timed.upstream)
    new = (*reference.first.tensors(), *reference.expected_first.upstream)
    # Of a backward pass alone the graph holds the values of its forward pass.
    fits = memory_shapes(old) == memory_shapes(new)
    forward = reference.case.direction == "forward"
    graded = bool(reference.expected_first.gradients)
    timed_again = fits and (forward or (graded and reference.case.direction == "both"))
    check = _recheck_timed if timed_again else _recheck_fresh

    def checked() -> Right | Wrong:
        try:
            return Right(check(reference, function, timed))
        except WrongError as wrong:
            return wrong.verdict

    return catch("race", checked)


def _recheck_fresh(reference: Reference, function: Callable[..., Any], timed: TimedCall) -> float:
    """The largest error of a call of the function itself on the unseen inputs."""
    error = output_error(reference, function, reference.first.map(clone), reference.expected_first)
    if reference.expected_first.gradients:
        error = max(error, pass_error(reference, function))
    return error


def _recheck_timed(reference: Reference, function: Callable[..., Any], timed: TimedCall) -> float:
    """The largest error of the timed call, with the unseen inputs in its memory."""
    before = timed.inputs.map(clone)
    try:
        refilled(timed.inputs, reference.first)
        # Compared before the inputs are restored: a view would show the old values then.
        return _error_of_timed(reference, timed)
    finally:
        refilled(timed.inputs, before)


def _error_of_timed(reference: Reference, timed: TimedCall) -> float:
    """The largest error of what the timed call returns now."""
    result, expected = timed.call(), reference.expected_first
    check_unchanged("an input", reference.first.tensors(), timed.inputs.tensors())
    if reference.case.direction == "forward":
        outputs = as_tuple(result)
        check_form(reference, outputs, timed.inputs, expected)
        return value_error(reference, outputs, reference.first, expected)
    check_unchanged("the gradient of its output,", expected.upstream, timed.upstream)
    assert isinstance(result, tuple)
    pairs = zip(result, expected.gradients, strict=True)
    gradients = tuple(torch.zeros_like(t.value) if g is None else g for g, t in pairs)
    return largest_of(reference, "gradient", gradients, truths_by_name(reference, expected))
