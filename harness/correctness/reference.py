"""What a case's contenders are checked against: inputs, the truth, and equal fresh inputs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from opbench.harness.correctness import oracle
from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declare import Op
from opbench.harness.outcomes import charged_to
from opbench.harness.preparation import inputs
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import contract_on
from opbench.results.records import Case, FailedCheck, Wrong

#: How often inputs are drawn in the hope of the same shapes.
_DRAWS = 5


@dataclass(frozen=True, slots=True)
class Reference:
    """Everything that is the same for every contender of a case: inputs and their truths.

    `first` and `second` hold different values in the same shapes.
    """

    op: Op
    case: Case
    first: Inputs
    second: Inputs
    expected_first: oracle.Expected
    expected_second: oracle.Expected


class WrongError(Exception):
    """Carries a Wrong verdict out of a nested check."""

    def __init__(self, stage: FailedCheck, reason: str, error: float | None = None) -> None:
        super().__init__(reason)
        self.verdict = Wrong(stage, reason, error)


def build_reference(op: Op, case: Case, *, gradients: bool = True) -> Reference:
    """Build the inputs of a case and evaluate the oracle on them.

    gradients: whether gradients are checked too. Raises OpFaultError where one of the op's own
    functions doesn't work, or refuses these inputs.
    """
    op = contract_on(op, case.board)
    gradients = gradients and case.inputs not in op.ungraded
    built = [inputs.build(op, case, variant=variant) for variant in (0, 1)]
    if op.validate is not None:
        with charged_to(op.name, f"validate, of its own inputs[{case.inputs!r}],", op.validate):
            call_named(op.validate, {**op.defaults, **built[0].values})
    expected = [
        oracle.expect(op, given, dtype=case.dtype, seed=case.seed, gradients=gradients)
        for given in built
    ]
    return Reference(op, case, built[0], built[1], expected[0], expected[1])


def without_gradients(reference: Reference) -> Reference:
    """The same reference on the forward pass alone."""
    first, second = (
        replace(e, gradients=()) for e in (reference.expected_first, reference.expected_second)
    )
    case = replace(reference.case, direction="forward")
    return replace(reference, case=case, expected_first=first, expected_second=second)


def with_unseen_inputs(reference: Reference) -> Reference:
    """The same reference on values that nobody has seen, if possible in the same shapes."""
    shapes = [tensor.shape for tensor in reference.first.tensors()]
    for _ in range(_DRAWS):
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
    return function(*given.args, **given.options)


def clone(tensor: Tensor) -> Tensor:
    """A copy with the same strides, gaps and all."""
    copy = torch.empty_strided(
        tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device
    )
    if not tensor.is_contiguous():
        # What lies between the elements must stay garbage.
        copy = torch.as_strided(
            tensor.as_strided((extent(tensor),), (1,), tensor.storage_offset()).clone(),
            tensor.shape,
            tensor.stride(),
        )
    return copy.copy_(tensor)


def extent(tensor: Tensor) -> int:
    if tensor.numel() == 0:
        return 0
    return 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))


def refilled(given: Inputs, source: Inputs) -> Inputs:
    """`source`'s values in `given`'s memory, where their shapes (often, not always) agree."""
    if [t.shape for t in given.tensors()] != [t.shape for t in source.tensors()]:
        return source.map(clone)
    values = iter(source.tensors())
    refilled = given.map(lambda tensor: tensor.copy_(next(values)))
    return Inputs(source.names, refilled.args, source.options)
