"""Check what an op promises beside values and gradients: second derivatives, vmap, compile."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from opbench.harness.correctness import oracle
from opbench.harness.correctness.gradients import pass_error
from opbench.harness.correctness.memory import clone
from opbench.harness.correctness.outputs import output_error, value_error
from opbench.harness.correctness.reference import Circumstances, Reference, call, memory_shapes
from opbench.harness.declaration.fields import Promise
from opbench.harness.preparation.inputs import tensors_in
from opbench.harness.preparation.output_modes import as_tuple


def promised_error(reference: Reference, function: Callable[..., Any]) -> float:
    """The largest error in what the op promises, on its first input kind; 0 where there is nothing.

    Raises WrongError.
    """
    if reference.case.inputs != next(iter(reference.op.inputs)):
        return 0.0
    errors = [0.0]
    for promise in reference.op.promises:
        circumstances, error_of = _CHECKS[promise]
        with Circumstances(circumstances):
            errors.append(error_of(reference, function))
    return max(errors)


def _error_of_second_derivative(reference: Reference, function: Callable[..., Any]) -> float:
    """The largest error of the gradients, and of the gradients of these.

    The gradients are what is checked: an op whose oracle is the gradient of the op's.
    """
    op, case, upstream = reference.op, reference.case, reference.expected_first.upstream
    if not reference.expected_first.gradients:
        return 0.0
    differentiated = functools.partial(_gradients_of, arguments=op.arguments, names=op.grad)
    truth = replace(
        op,
        oracle=differentiated(op.oracle, upstream=upstream),
        magnitude=None,
        canonical=None,
        exact=False,
    )
    expected = oracle.expect(
        truth, reference.first, dtype=case.dtype, seed=case.seed, gradients=True
    )
    second = replace(reference, op=truth, expected_first=expected)
    return pass_error(second, differentiated(function, upstream=upstream))


def _gradients_of(
    function: Callable[..., Any],
    *,
    upstream: tuple[Tensor, ...],
    arguments: tuple[str, ...],
    names: tuple[str, ...],
) -> Callable[..., tuple[Tensor, ...]]:
    """A function that returns the gradients of another one, which can be differentiated again.

    upstream: the gradients of its outputs.
    arguments, names: of all that it takes by position, and of those to differentiate.
    """

    @functools.wraps(function)
    def gradients(*args: Any, **options: Any) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            outputs = as_tuple(function(*args, **options))
            pairs = [(o, u) for o, u in zip(outputs, upstream, strict=True) if o.requires_grad]
            values = dict(zip(arguments, args, strict=True))
            leaves = [
                leaf
                for leaf in tensors_in([values[name] for name in names])
                if leaf.is_floating_point()
            ]
            return torch.autograd.grad(
                [output for output, _ in pairs],
                leaves,
                [gradient.to(output.dtype) for output, gradient in pairs],
                create_graph=True,
                materialize_grads=True,
            )

    return gradients


def _error_under_vmap(reference: Reference, function: Callable[..., Any]) -> float:
    """The largest error of two calls in one, of inputs that are stacked along a new axis."""
    first, second = reference.first, reference.second
    if memory_shapes(first.tensors()) != memory_shapes(second.tensors()):
        return 0.0

    def outputs(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return as_tuple(call(function, first.with_tensors(tensors)))

    pairs = zip(first.tensors(), second.tensors(), strict=True)
    stacked = tuple(torch.stack((one, other)) for one, other in pairs)
    both = torch.func.vmap(outputs)(stacked)
    return max(
        value_error(reference, tuple(output[place] for output in both), given, expected)
        for place, (given, expected) in enumerate(
            ((first, reference.expected_first), (second, reference.expected_second))
        )
    )


def _error_when_compiled(reference: Reference, function: Callable[..., Any]) -> float:
    """The largest error as one graph of torch.compile; what breaks the graph raises.

    The graph is run as it was traced: nothing is compiled to machine code.
    """
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    return max(
        output_error(reference, compiled, given.map(clone), expected)
        for given, expected in (
            (reference.first, reference.expected_first),
            (reference.second, reference.expected_second),
        )
    )


#: By promise, the circumstances as messages name them, and what is checked.
_CHECKS: Mapping[Promise, tuple[str, Callable[[Reference, Callable[..., Any]], float]]] = {
    "second_derivative": ("differentiated twice", _error_of_second_derivative),
    "vmap": ("under torch.func.vmap", _error_under_vmap),
    "compile": ("in one graph of torch.compile", _error_when_compiled),
}
