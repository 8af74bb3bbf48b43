"""The truth of a case's outputs and gradients: the op's oracle, evaluated in float64.

The magnitude of an element, how large the numbers are that it was made of, is evaluated beside its
value. Errors are relative to it, so that a small result of large terms, where digits cancel, is
judged fairly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from opbench.harness.correctness import sizes
from opbench.harness.correctness.evaluation import Evaluation, Results, evaluate
from opbench.harness.correctness.tolerance import Truth
from opbench.harness.declare import Op
from opbench.harness.outcomes import op_fault
from opbench.harness.preparation.inputs import Inputs

#: A gradient of each output.
Upstream = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """The truth about one set of inputs."""

    outputs: tuple[Truth, ...]
    #: What is compared in place of the outputs; the same unless the op declares `canonical`.
    compared: tuple[Truth, ...]
    #: The seeded gradient of each output, in the case's dtype.
    upstream: Upstream
    #: Of each differentiable argument, in the order of the arguments; empty where none is checked.
    gradients: tuple[Truth, ...]


def expect(op: Op, inputs: Inputs, *, dtype: str, seed: int, gradients: bool) -> Expected:
    """Evaluate the oracle of `op` on `inputs`, which may be in any dtype and layout.

    dtype: of the case, for the upstream gradients, which `seed` seeds.
    gradients: whether to differentiate the outputs as well.
    Raises OpFaultError where the oracle, the magnitude or `canonical` doesn't work.
    """
    (expected,) = expect_for(op, inputs, (unchanged,), dtype=dtype, seed=seed, gradients=gradients)
    return expected


def expect_for(
    op: Op,
    inputs: Inputs,
    changes: Sequence[Callable[[Tensor], Tensor]],
    *,
    dtype: str,
    seed: int,
    gradients: bool,
    within: AbstractContextManager[object] | None = None,
) -> tuple[Expected, ...]:
    """The truth for several gradients of the outputs: the oracle is called once for all of them.

    changes: each makes a gradient of an output of the seeded one.
    within: the first call of the oracle is made within it.
    """
    exact = inputs.map(_widen)
    names = op.grad if gradients else ()
    with within or nullcontext():
        evaluation = evaluate(op, "oracle", op.oracle, exact, names)
    seeded = upstream_of(op, evaluation.outputs, dtype=dtype, seed=seed)
    upstreams = [tuple(map(change, seeded)) for change in changes]
    wide = [tuple(gradient.double() for gradient in upstream) for upstream in upstreams]
    truth = evaluation.results(wide)
    size = _sizes(op, exact, names, truth, wide)
    outputs, compared = (
        _truths(truth.outputs, size.outputs),
        _truths(truth.compared, size.compared),
    )
    return tuple(
        Expected(outputs, compared, upstream, _truths(values, magnitudes))
        for upstream, values, magnitudes in zip(
            upstreams, truth.gradients, size.gradients, strict=True
        )
    )


def unchanged(gradient: Tensor) -> Tensor:
    """The seeded gradient of an output itself."""
    return gradient


def _sizes(
    op: Op, exact: Inputs, names: tuple[str, ...], truth: Results, upstreams: Sequence[Upstream]
) -> Results:
    """The magnitudes of the results."""
    absolute = exact.map(_absolute)
    of_upstreams = [tuple(g.abs() for g in upstream) for upstream in upstreams]
    if op.magnitude is not None:
        declared = evaluate(op, "magnitude", op.magnitude, absolute, names)
        _ensure_same_shapes(op, truth.outputs, declared.outputs)
        return declared.results(of_upstreams)
    if not any(result.is_floating_point() for result in truth):
        return truth  # whole numbers have to be equal

    def run(inputs: Inputs) -> Evaluation:
        return evaluate(op, "oracle", op.oracle, inputs, names)

    summed = sizes.of_absolute(run, absolute, of_upstreams)
    if summed is not None and [t.shape for t in summed] == [t.shape for t in truth]:
        return summed
    return sizes.of_rounding(run, exact, upstreams, truth)


def _ensure_same_shapes(
    op: Op, outputs: tuple[Tensor, ...], magnitudes: tuple[Tensor, ...]
) -> None:
    """Raise OpFaultError where the magnitudes have other shapes than the oracle's outputs."""
    actual, expected = ([list(t.shape) for t in tensors] for tensors in (magnitudes, outputs))
    if actual != expected:
        why = f"returned the shapes {actual}; the oracle returns {expected}"
        raise op_fault(op.name, "magnitude", op.magnitude or op.oracle, why)


def _truths(values: tuple[Tensor, ...], magnitudes: tuple[Tensor, ...]) -> tuple[Truth, ...]:
    """Each value of the oracle with its magnitude."""
    pairs = zip(values, magnitudes, strict=True)
    return tuple(Truth(value.detach(), magnitude.detach().abs()) for value, magnitude in pairs)


def upstream_of(op: Op, outputs: tuple[Tensor, ...], *, dtype: str, seed: int) -> Upstream:
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
