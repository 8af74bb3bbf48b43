"""The truth of a case's outputs and gradients: the op's oracle, evaluated in float64.

The magnitude of an element, the sum of the absolute values that it was summed from, is evaluated
beside its value: by the same oracle on absolute inputs, unless the op declares another way. Errors
are relative to it, so that a small result of large terms, where digits cancel, is judged fairly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from opbench.harness.correctness.tolerance import Truth
from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declare import Op
from opbench.harness.outcomes import charged_to, op_fault
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import as_tuple


@dataclass(frozen=True, slots=True)
class Expected:
    """The truth about one set of inputs."""

    outputs: tuple[Truth, ...]
    #: What is compared in place of the outputs; the same unless the op declares `canonical`.
    compared: tuple[Truth, ...]
    #: The seeded gradient of each output, in the case's dtype.
    upstream: tuple[Tensor, ...]
    #: Of each differentiable argument, in the order of the arguments; empty where none is checked.
    gradients: tuple[Truth, ...]


def expect(
    op: Op,
    inputs: Inputs,
    *,
    dtype: str,
    seed: int,
    gradients: bool,
    upstream: tuple[Tensor, ...] | None = None,
) -> Expected:
    """Evaluate the oracle of `op` on `inputs`, which may be in any dtype and layout.

    dtype: of the case, for the upstream gradients, which `seed` seeds.
    gradients: whether to differentiate the outputs as well.
    upstream: the gradient of each output, if not the seeded one.
    Raises OpFaultError where the oracle, the magnitude or `canonical` doesn't work.
    """
    exact = inputs.map(_widen)
    absolute = exact.map(_absolute)
    measure, label = op.magnitude or op.oracle, _MAGNITUDE if op.magnitude else _OF_ABSOLUTE
    with_grad = op.grad if gradients else ()
    outputs, leaves = _forward(op, "oracle", op.oracle, exact, with_grad)
    magnitudes, magnitude_leaves = _forward(op, label, measure, absolute, with_grad)
    _ensure_same_shapes(op, label, outputs, magnitudes)
    upstream = upstream or upstream_of(op, outputs, dtype=dtype, seed=seed)
    truths = _truths(outputs, magnitudes)
    with charged_to(op.name, "canonical", op.canonical or op.oracle):
        compared = _truths(comparable(op, outputs, exact), comparable(op, magnitudes, absolute))
    if not leaves:
        return Expected(truths, compared, upstream, ())
    with charged_to(op.name, "oracle's gradient", op.oracle):
        exact_gradients = gradient(outputs, leaves, tuple(g.double() for g in upstream))
    with charged_to(op.name, f"{label}: its gradient", measure):
        absolute_upstream = tuple(g.double().abs() for g in upstream)
        gradient_magnitudes = gradient(magnitudes, magnitude_leaves, absolute_upstream)
    return Expected(truths, compared, upstream, _truths(exact_gradients, gradient_magnitudes))


#: Labels of the function that gives the magnitude, for messages.
_MAGNITUDE, _OF_ABSOLUTE = "magnitude", "oracle, of the absolute values"


def _ensure_same_shapes(
    op: Op, label: str, outputs: tuple[Tensor, ...], magnitudes: tuple[Tensor, ...]
) -> None:
    """Raise OpFaultError where the magnitudes have other shapes than the oracle's outputs."""
    actual, expected = ([list(t.shape) for t in tensors] for tensors in (magnitudes, outputs))
    if actual != expected:
        why = f"returned the shapes {actual}; the oracle returns {expected}"
        raise op_fault(op.name, label, op.magnitude or op.oracle, why)


def comparable(op: Op, outputs: tuple[Tensor, ...], inputs: Inputs) -> tuple[Tensor, ...]:
    """The outputs in the form in which they are compared: by `canonical`, where the op has it."""
    if op.canonical is None:
        return outputs
    output = outputs[0] if len(outputs) == 1 else outputs
    return as_tuple(call_named(op.canonical, {**op.defaults, **inputs.values, "output": output}))


def gradient(
    outputs: tuple[Tensor, ...],
    leaves: tuple[Tensor, ...],
    upstream: tuple[Tensor, ...],
    *,
    keeps_graph: bool = False,
) -> tuple[Tensor, ...]:
    """Gradients of the leaves; zeros for leaves that no output depends on.

    keeps_graph: whether another backward pass goes through the same graph.
    """
    # Autograd refuses outputs that depend on no leaf.
    pairs = [(o, g) for o, g in zip(outputs, upstream, strict=True) if o.requires_grad]
    if not pairs:
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    gradients = torch.autograd.grad(
        [o for o, _ in pairs],
        leaves,
        [g for _, g in pairs],
        allow_unused=True,
        retain_graph=keeps_graph,
    )
    return tuple(
        torch.zeros_like(leaf) if value is None else value
        for value, leaf in zip(gradients, leaves, strict=True)
    )


def _forward(
    op: Op, label: str, function: Callable[..., Any], inputs: Inputs, names: tuple[str, ...]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The outputs of one of the op's functions, and the leaves to differentiate by."""
    bound, leaves = inputs.leaves(names)
    with charged_to(op.name, label, function):
        output = function(*bound.args, **bound.options)
    try:
        return as_tuple(output), leaves
    except TypeError as error:
        raise op_fault(op.name, label, function, str(error)) from error


def _truths(values: tuple[Tensor, ...], magnitudes: tuple[Tensor, ...]) -> tuple[Truth, ...]:
    pairs = zip(values, magnitudes, strict=True)
    return tuple(Truth(value.detach(), magnitude.detach().abs()) for value, magnitude in pairs)


def upstream_of(
    op: Op, outputs: tuple[Tensor, ...], *, dtype: str, seed: int
) -> tuple[Tensor, ...]:
    """A seeded gradient for each output, in the dtype that contenders return."""
    rng = torch.Generator().manual_seed(seed + 1)
    to = getattr(torch, op.output_dtype or dtype)
    return tuple(
        torch.randn(o.shape, generator=rng)
        .to(o.device)
        .to(to if o.is_floating_point() else o.dtype)
        for o in outputs
    )


def _widen(tensor: Tensor) -> Tensor:
    """A copy in float64, or in the same integer type."""
    # A copy in any case: an oracle that works in place must not change the contenders' inputs.
    return tensor.to(torch.float64 if tensor.is_floating_point() else tensor.dtype, copy=True)


def _absolute(tensor: Tensor) -> Tensor:
    """Absolute values; 0 for values that aren't finite."""
    if not tensor.is_floating_point():
        return tensor.clone()
    # NaN and infinities are compared exactly; elements beside them keep a finite magnitude.
    return tensor.abs().nan_to_num(nan=0.0, posinf=0.0)
