"""Check a pass forward and backward: its values, its gradients, and what it must not change.

Autograd takes other paths than a plain call: a function may return other values where its inputs
require gradients, keep what it needs in a wrong place, or write to what it was given. So all that a
plain call is held to is checked of such a pass as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from opbench.harness.correctness.evaluation import differentiate
from opbench.harness.correctness.memory import clone
from opbench.harness.correctness.oracle import Expected
from opbench.harness.correctness.outputs import (
    check_form,
    check_unchanged,
    largest_of,
    outputs_of,
    value_error,
)
from opbench.harness.correctness.reference import Reference, WrongError
from opbench.harness.correctness.tolerance import Truth
from opbench.harness.preparation.inputs import Inputs


@dataclass(frozen=True, slots=True)
class ForwardPass:
    """A call that autograd recorded."""

    outputs: tuple[Tensor, ...]
    #: By name, the tensors to differentiate by.
    leaves: Mapping[str, Tensor]
    #: What the call was given, and a copy of it from before the call.
    given: Inputs
    before: Inputs


def pass_error(
    reference: Reference,
    function: Callable[..., Any],
    *,
    upstream: tuple[Tensor, ...] | None = None,
    arguments: tuple[str, ...] | None = None,
) -> float:
    """The largest error of the outputs and gradients of one pass on the first inputs.

    upstream: the gradients of the outputs, if not in the layout of those of the reference.
    arguments: the names of those that are differentiated, if not all that can be.
    Raises WrongError.
    """
    expected = reference.expected_first
    passed = forward_pass(function, reference.first, arguments or reference.op.grad)
    check_form(reference, passed.outputs, passed.given, expected)
    check_unchanged("an input", passed.before.tensors(), passed.given.tensors())
    value = value_error(reference, passed.outputs, passed.given, expected)
    sent = replace(expected, upstream=upstream or expected.upstream)
    return max(value, gradient_error(reference, passed, sent))


def forward_pass(
    function: Callable[..., Any], inputs: Inputs, arguments: tuple[str, ...]
) -> ForwardPass:
    """Call a function on a copy of `inputs`, recorded for the gradients of some arguments."""
    bound, leaves = inputs.map(clone).leaves(arguments)
    before = bound.map(lambda tensor: clone(tensor.detach()))
    named = dict(zip(inputs.leaf_names(arguments), leaves, strict=True))
    return ForwardPass(outputs_of(function, bound), named, bound, before)


def gradient_error(
    reference: Reference,
    passed: ForwardPass,
    expected: Expected,
    *,
    keeps_graph: bool = False,
) -> float:
    """The largest error of the gradients of a pass. Raises WrongError.

    expected: with the gradients of the outputs that are sent back.
    keeps_graph: whether another backward pass follows.
    """
    truths = truths_by_name(reference, expected)
    due = {name: truths[name] for name in passed.leaves}
    # A gradient that is zero everywhere may as well be missing.
    if not any(o.requires_grad for o in passed.outputs) and any(
        t.value.any() for t in due.values()
    ):
        raise WrongError("gradient", "the output has no gradient")
    gradients = backward_pass(passed, expected.upstream, keeps_graph=keeps_graph)
    shown = {f"of {name}" if len(truths) > 1 else "": truth for name, truth in due.items()}
    return largest_of(reference, "gradient", gradients, shown)


def backward_pass(
    passed: ForwardPass, upstream: tuple[Tensor, ...], *, keeps_graph: bool = False
) -> tuple[Tensor, ...]:
    """The gradients of the leaves of a pass, in their form and with nothing else changed.

    upstream: the gradients of the outputs, of which copies are lent. Raises WrongError.
    """
    lent = tuple(clone(gradient) for gradient in upstream)
    leaves = tuple(passed.leaves.values())
    gradients = differentiate(passed.outputs, leaves, lent, keeps_graph=keeps_graph)
    check_unchanged("the gradient of its output,", upstream, lent)
    check_unchanged("an input", passed.before.tensors(), passed.given.tensors())
    for gradient, leaf in zip(gradients, leaves, strict=True):
        if gradient.dtype != leaf.dtype or gradient.shape != leaf.shape:
            raise WrongError(
                "gradient",
                f"gradient is {gradient.dtype} {list(gradient.shape)} for an argument that is "
                f"{leaf.dtype} {list(leaf.shape)}",
            )
    return gradients


def truths_by_name(reference: Reference, expected: Expected) -> dict[str, Truth]:
    """The expected gradients by the names of the arguments' tensors."""
    names = reference.first.leaf_names(reference.op.grad)
    return dict(zip(names, expected.gradients, strict=True))
