"""The truth of a case's outputs and gradients: the op's oracle, evaluated in float64.

The magnitude of an element, how large the numbers are that it was made of, is evaluated beside its
value. Errors are relative to it, so that a small result of large terms, where digits cancel, is
judged fairly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from opbench.harness.correctness import sizes
from opbench.harness.correctness.sizes import Results
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
    changed: Callable[[Tensor], Tensor] | None = None,
) -> Expected:
    """Evaluate the oracle of `op` on `inputs`, which may be in any dtype and layout.

    dtype: of the case, for the upstream gradients, which `seed` seeds.
    gradients: whether to differentiate the outputs as well.
    changed: makes another gradient of each output's seeded one.
    Raises OpFaultError where the oracle, the magnitude or `canonical` doesn't work.
    """
    exact = inputs.map(_widen)
    names = op.grad if gradients else ()
    outputs, leaves = _forward(op, "oracle", op.oracle, exact, names)
    upstream = upstream_of(op, outputs, dtype=dtype, seed=seed)
    if changed is not None:
        upstream = tuple(map(changed, upstream))
    wide = tuple(g.double() for g in upstream)
    truth = _results(op, "oracle", op.oracle, exact, (outputs, leaves), wide)
    size = _sizes(op, exact, names, truth, wide)
    return Expected(
        outputs=_truths(truth.outputs, size.outputs),
        compared=_truths(truth.compared, size.compared),
        upstream=upstream,
        gradients=_truths(truth.gradients, size.gradients),
    )


def evaluate(
    op: Op,
    label: str,
    function: Callable[..., Any],
    inputs: Inputs,
    names: tuple[str, ...],
    upstream: tuple[Tensor, ...],
) -> Results:
    """What one of the op's functions, called `label` in messages, gives on inputs.

    names: of the arguments to differentiate by. Raises OpFaultError where something doesn't work.
    """
    passed = _forward(op, label, function, inputs, names)
    return _results(op, label, function, inputs, passed, upstream)


def _results(
    op: Op,
    label: str,
    function: Callable[..., Any],
    inputs: Inputs,
    passed: tuple[tuple[Tensor, ...], tuple[Tensor, ...]],
    upstream: tuple[Tensor, ...],
) -> Results:
    """What a forward pass gave, outputs and leaves, with what is compared and the gradients."""
    outputs, leaves = passed
    with charged_to(op.name, "canonical", op.canonical or op.oracle):
        compared = comparable(op, tuple(o.detach() for o in outputs), inputs)
    gradients: tuple[Tensor, ...] = ()
    if leaves:
        what = "oracle's gradient" if label == "oracle" else f"{label}: its gradient"
        with charged_to(op.name, what, function):
            gradients = gradient(outputs, leaves, upstream)
    return Results(tuple(o.detach() for o in outputs), compared, gradients)


def _sizes(
    op: Op, exact: Inputs, names: tuple[str, ...], truth: Results, upstream: tuple[Tensor, ...]
) -> Results:
    """The magnitudes of the results."""
    absolute, of_upstream = exact.map(_absolute), tuple(g.abs() for g in upstream)
    if op.magnitude is not None:
        declared = op.magnitude
        passed = _forward(op, "magnitude", declared, absolute, names)
        _ensure_same_shapes(op, truth.outputs, passed[0])
        return _results(op, "magnitude", declared, absolute, passed, of_upstream)
    if not any(result.is_floating_point() for result in truth):
        return truth  # whole numbers have to be equal

    def run(inputs: Inputs, upstream: tuple[Tensor, ...]) -> Results:
        return evaluate(op, "oracle", op.oracle, inputs, names, upstream)

    summed = sizes.of_absolute(run, absolute, of_upstream)
    if summed is not None and [t.shape for t in summed] == [t.shape for t in truth]:
        return summed
    return sizes.of_rounding(run, exact, upstream, truth)


def _ensure_same_shapes(
    op: Op, outputs: tuple[Tensor, ...], magnitudes: tuple[Tensor, ...]
) -> None:
    """Raise OpFaultError where the magnitudes have other shapes than the oracle's outputs."""
    actual, expected = ([list(t.shape) for t in tensors] for tensors in (magnitudes, outputs))
    if actual != expected:
        why = f"returned the shapes {actual}; the oracle returns {expected}"
        raise op_fault(op.name, "magnitude", op.magnitude or op.oracle, why)


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
    """Each value of the oracle with its magnitude."""
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
