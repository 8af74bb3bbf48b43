"""What a case's outputs and gradients should be: the op's oracle, evaluated in float64."""

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
    """The truth about one set of inputs.

    outputs: what the op returns; compared: what of it is compared, the same unless the op says
    otherwise; upstream: the seeded gradient of each output, in the case's dtype; gradients: one per
    differentiable argument, in the order of `Op.grad`'s arguments.
    """

    outputs: tuple[Truth, ...]
    compared: tuple[Truth, ...]
    upstream: tuple[Tensor, ...]
    gradients: tuple[Truth, ...]


def expect(op: Op, inputs: Inputs, *, dtype: str, seed: int, gradients: bool) -> Expected:
    """Evaluate the oracle of `op` on `inputs` (in any dtype and layout).

    Raises OpFaultError where the oracle, or what else the op declares of the truth, doesn't work.
    """
    exact = inputs.map(_widen)
    absolute = exact.map(_magnitude)
    measure, named = op.magnitude or op.oracle, _MAGNITUDE if op.magnitude else _OF_ABSOLUTE
    with_grad = op.grad if gradients else ()
    outputs, leaves = _forward(op, "oracle", op.oracle, exact, with_grad)
    sizes, size_leaves = _forward(op, named, measure, absolute, with_grad)
    _ensure_alike(op, named, outputs, sizes)
    upstream = upstream_of(op, outputs, dtype=dtype, seed=seed)
    truths = _truths(outputs, sizes)
    with charged_to(op.name, "canonical", op.canonical or op.oracle):
        compared = _truths(comparable(op, outputs, exact), comparable(op, sizes, absolute))
    if not leaves:
        return Expected(truths, compared, upstream, ())
    with charged_to(op.name, "oracle's gradient", op.oracle):
        slopes = gradient(outputs, leaves, tuple(g.double() for g in upstream))
    with charged_to(op.name, f"{named}: its gradient", measure):
        spans = gradient(sizes, size_leaves, tuple(g.double().abs() for g in upstream))
    return Expected(truths, compared, upstream, _truths(slopes, spans))


_MAGNITUDE, _OF_ABSOLUTE = "magnitude", "oracle, of the absolute values"


def _ensure_alike(
    op: Op, named: str, outputs: tuple[Tensor, ...], sizes: tuple[Tensor, ...]
) -> None:
    """The magnitude has the form of the oracle's outputs."""
    form, want = ([list(t.shape) for t in tensors] for tensors in (sizes, outputs))
    if form != want:
        why = f"returned the shapes {form}; the oracle returns {want}"
        raise op_fault(op.name, named, op.magnitude or op.oracle, why)


def comparable(op: Op, outputs: tuple[Tensor, ...], given: Inputs) -> tuple[Tensor, ...]:
    """What is compared of an op's outputs on these inputs."""
    if op.canonical is None:
        return outputs
    output = outputs[0] if len(outputs) == 1 else outputs
    return as_tuple(call_named(op.canonical, {**op.defaults, **given.values, "output": output}))


def gradient(
    outputs: tuple[Tensor, ...], leaves: tuple[Tensor, ...], upstream: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Gradients of the leaves; zeros for leaves that no output depends on."""
    pairs = [(o, g) for o, g in zip(outputs, upstream, strict=True) if o.requires_grad]
    if not pairs:
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    found = torch.autograd.grad(
        [o for o, _ in pairs], leaves, [g for _, g in pairs], allow_unused=True
    )
    return tuple(
        torch.zeros_like(leaf) if slope is None else slope
        for slope, leaf in zip(found, leaves, strict=True)
    )


def _forward(
    op: Op, named: str, function: Callable[..., Any], inputs: Inputs, names: tuple[str, ...]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The outputs of one of the op's functions, and the leaves to differentiate them by."""
    bound, leaves = inputs.leaves(names)
    with charged_to(op.name, named, function):
        output = function(*bound.args, **bound.options)
    try:
        return as_tuple(output), leaves
    except TypeError as error:
        raise op_fault(op.name, named, function, str(error)) from error


def _truths(values: tuple[Tensor, ...], sizes: tuple[Tensor, ...]) -> tuple[Truth, ...]:
    return tuple(Truth(v.detach(), s.detach().abs()) for v, s in zip(values, sizes, strict=True))


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
    # A copy in any case: an oracle that works in place must not change what contenders are given.
    return tensor.to(torch.float64 if tensor.is_floating_point() else tensor.dtype, copy=True)


def _magnitude(tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.clone()
    return tensor.abs().nan_to_num(nan=0.0, posinf=0.0)
