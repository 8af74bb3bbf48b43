"""Check contenders in circumstances that a single pass on ordinary inputs doesn't make.

Gradients of the outputs come in the layouts that autograd makes: a sum sends back one number that
is expanded, a concatenation sends back slices. Not every argument needs a gradient. Calls follow
each other before the first is differentiated, and a graph is gone through twice. Fresh memory holds
anything.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from opbench.harness.correctness.gradients import (
    backward_pass,
    forward_pass,
    gradient_error,
    pass_error,
)
from opbench.harness.correctness.memory import clone
from opbench.harness.correctness.outputs import output_error, outputs_of
from opbench.harness.correctness.reference import Circumstances, Reference, WrongError
from opbench.harness.correctness.tolerance import equal_values
from opbench.harness.declare import SAME_VALUES
from opbench.harness.preparation.layouts import laid_out

#: Calls between a result and the second look at it: contenders with two buffers, used by turns,
#: have then used both again.
_LATER_CALLS = 4


def thorough_error(reference: Reference, function: Callable[..., Any]) -> float:
    """The largest error in all of the circumstances. Raises WrongError."""
    _check_kept_results(reference, function)
    errors = [_error_in_dirty_memory(reference, function)]
    if reference.expected_first.gradients:
        _check_contained(reference, function)
        errors += _errors_of_upstreams(reference, function)
        errors += _errors_of_single_arguments(reference, function)
        errors += [
            _error_after_another_pass(reference, function),
            _error_of_second_backward(reference, function),
        ]
    return max(errors)


def _check_kept_results(reference: Reference, function: Callable[..., Any]) -> None:
    """Raise WrongError where an earlier result changes when the function is called again."""
    results = outputs_of(function, reference.first.map(clone))
    copies = [result.detach().clone() for result in results]
    for _ in range(_LATER_CALLS):
        outputs_of(function, reference.second.map(clone))
    if not all(equal_values(*pair) for pair in zip(results, copies, strict=True)):
        raise WrongError("results", "an earlier result changed when it was called again")


def _error_in_dirty_memory(reference: Reference, function: Callable[..., Any]) -> float:
    """The largest error where memory that nobody has written yet holds NaN."""
    with Circumstances("where fresh memory holds NaN"), _dirty_memory():
        if reference.expected_first.gradients:
            return pass_error(reference, function)
        return output_error(
            reference, function, reference.first.map(clone), reference.expected_first
        )


@contextmanager
def _dirty_memory() -> Iterator[None]:
    """Have torch fill fresh memory with NaN, or with the largest integer.

    It does so where algorithms have to be deterministic only, and with a warning where one isn't.
    """
    mode, settings = torch.get_deterministic_debug_mode(), torch.utils.deterministic
    fills = settings.fill_uninitialized_memory  # type: ignore[attr-defined]
    # Not use_deterministic_algorithms, which imports the compiler.
    torch.set_deterministic_debug_mode("warn")
    settings.fill_uninitialized_memory = True  # type: ignore[attr-defined]
    try:
        yield
    finally:
        settings.fill_uninitialized_memory = fills  # type: ignore[attr-defined]
        torch.set_deterministic_debug_mode(mode)


def _errors_of_upstreams(reference: Reference, function: Callable[..., Any]) -> Iterator[float]:
    """The errors with gradients of the outputs in other layouts and of other values."""
    upstream = reference.expected_first.upstream
    for layout in SAME_VALUES[1:]:
        with Circumstances(f"with a {layout} gradient of the output"):
            laid = tuple(laid_out(gradient, layout) for gradient in upstream)
            yield pass_error(reference, function, upstream=laid)
    if reference.expected_of_sum is not None:
        with Circumstances("with the gradient of the output from a sum"):
            passed = forward_pass(function, reference.first, reference.op.grad)
            yield gradient_error(reference, passed, reference.expected_of_sum)


def _check_contained(reference: Reference, function: Callable[..., Any]) -> None:
    """Raise WrongError where NaN in a gradient of an output spoils gradients it has no part in.

    Where NaN is due, and where there usually is no gradient, anything may be.
    """
    expected = reference.expected_of_nonfinite
    if expected is None:
        return
    passed = forward_pass(function, reference.first, reference.op.grad)
    gradients = backward_pass(passed, expected.upstream)
    known = reference.expected_first.gradients
    for gradient, truth, other in zip(gradients, expected.gradients, known, strict=True):
        spoilt = ~gradient.isfinite() & truth.value.isfinite() & (other.value != 0)
        if spoilt.any():
            place = [int(i) for i in spoilt.nonzero()[0]]
            raise WrongError(
                "gradient",
                "with NaN and infinity in the gradient of the output: they reach "
                f"{int(spoilt.sum())} elements that they have no part in, the first at {place}",
            )


def _errors_of_single_arguments(
    reference: Reference, function: Callable[..., Any]
) -> Iterator[float]:
    """The errors where only one argument needs a gradient, or two of more."""
    names = tuple(name for name in reference.op.grad if reference.first.leaf_names((name,)))
    for count in range(1, min(len(names), 3)):
        for some in itertools.combinations(names, count):
            with Circumstances(f"where {' and '.join(some)} alone need a gradient"):
                yield pass_error(reference, function, arguments=some)


def _error_after_another_pass(reference: Reference, function: Callable[..., Any]) -> float:
    """The largest error of a backward pass, where another forward pass came in between."""
    with Circumstances("after another forward pass"):
        passed = forward_pass(function, reference.first, reference.op.grad)
        forward_pass(function, reference.second, reference.op.grad)
        return gradient_error(reference, passed, reference.expected_first)


def _error_of_second_backward(reference: Reference, function: Callable[..., Any]) -> float:
    """The largest error of two backward passes through the same graph."""
    expected = reference.expected_first
    passed = forward_pass(function, reference.first, reference.op.grad)
    first = gradient_error(reference, passed, expected, keeps_graph=True)
    with Circumstances("in a second backward pass"):
        return max(first, gradient_error(reference, passed, expected))
