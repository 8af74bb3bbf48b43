"""The reference that the contenders of a case are checked against: inputs and their truth.

Evaluating an oracle in float64 takes longer than most contenders; it is done once per case. Two
sets of inputs have the same shapes but other values, so that a result that was remembered is a
wrong one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from opbench.harness.correctness import oracle
from opbench.harness.correctness.own_tolerance import ensure_passes_itself
from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declare import Op
from opbench.harness.outcomes import charged_to
from opbench.harness.preparation import inputs
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import op_in_mode
from opbench.results.records import Case, FailedCheck, Wrong

#: The most times that inputs are drawn until they have the same shapes.
DRAWS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The inputs of a case and their truth, the same for all of its contenders."""

    #: With the oracle of the case's output mode.
    op: Op
    case: Case
    #: The inputs that are timed as well.
    first: Inputs
    #: Other values, as a rule in the same shapes.
    second: Inputs
    expected_first: oracle.Expected
    expected_second: oracle.Expected


class WrongError(Exception):
    """Raised by a check that a contender fails; carries the verdict Wrong."""

    def __init__(self, stage: FailedCheck, reason: str, error: float | None = None) -> None:
        super().__init__(reason)
        self.verdict = Wrong(stage, reason, error)


def build_reference(op: Op, case: Case, *, gradients: bool = True) -> Reference:
    """Build the inputs of a case and evaluate the oracle on them.

    gradients: whether these are evaluated as well. Raises OpFaultError where one of the op's own
    functions doesn't work, refuses these inputs, or asks for more than its oracle achieves.
    """
    op = op_in_mode(op, case.board)
    gradients = gradients and case.inputs not in op.ungraded
    built = [inputs.build(op, case, variant=variant) for variant in (0, 1)]
    if op.validate is not None:
        with charged_to(op.name, f"validate, of its own inputs[{case.inputs!r}],", op.validate):
            call_named(op.validate, {**op.defaults, **built[0].values})
    expect = partial(oracle.expect, op, dtype=case.dtype, seed=case.seed, gradients=gradients)
    expected = expect(built[0])
    ensure_passes_itself(op, built[0], expected, case.dtype)
    return Reference(
        op=op,
        case=case,
        first=built[0],
        second=built[1],
        expected_first=expected,
        expected_second=expect(built[1]),
    )


def without_gradients(reference: Reference) -> Reference:
    """The same reference on the forward pass alone."""
    first, second = (
        replace(e, gradients=()) for e in (reference.expected_first, reference.expected_second)
    )
    case = replace(reference.case, direction="forward")
    return replace(reference, case=case, expected_first=first, expected_second=second)


def with_unseen_inputs(reference: Reference) -> Reference:
    """The same reference with new first inputs, if possible in the same shapes."""
    shapes = [tensor.shape for tensor in reference.first.tensors()]
    # Shapes may depend on values.
    for _ in range(DRAWS):
        drawn = inputs.build(reference.op, reference.case, variant=secrets.randbits(32))
        if [tensor.shape for tensor in drawn.tensors()] == shapes:
            break
    gradients = bool(reference.expected_first.gradients)
    case = reference.case
    truth = oracle.expect(
        reference.op, drawn, dtype=case.dtype, seed=case.seed, gradients=gradients
    )
    return replace(reference, first=drawn, expected_first=truth)


def call(function: Callable[..., Any], given: Inputs) -> Any:
    """Call a function on inputs."""
    return function(*given.args, **given.options)


def clone(tensor: Tensor) -> Tensor:
    """A copy with the same strides and gaps."""
    copy = torch.empty_strided(
        tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device
    )
    if not tensor.is_contiguous():
        # The gaps between the elements must still hold garbage.
        copy = torch.as_strided(
            tensor.as_strided((extent(tensor),), (1,), tensor.storage_offset()).clone(),
            tensor.shape,
            tensor.stride(),
        )
    return copy.copy_(tensor)


def extent(tensor: Tensor) -> int:
    """The number of elements that a tensor spans in memory, gaps included."""
    if tensor.numel() == 0:
        return 0
    return 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))


def refilled(given: Inputs, source: Inputs) -> Inputs:
    """The values of `source` in the memory of `given`; a copy where their shapes differ."""
    if [t.shape for t in given.tensors()] != [t.shape for t in source.tensors()]:
        return source.map(clone)
    values = iter(source.tensors())
    refilled = given.map(lambda tensor: tensor.copy_(next(values)))
    return Inputs(source.names, refilled.args, source.options)
