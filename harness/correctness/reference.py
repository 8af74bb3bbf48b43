"""The reference that the contenders of a case are checked against: inputs and their truth.

Evaluating an oracle in float64 takes longer than most contenders; it is done once per case. Two
sets of inputs have the same shapes but other values, so that a result that was remembered is a
wrong one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from opbench.harness.correctness import oracle
from opbench.harness.correctness.memory import clone, refill
from opbench.harness.declare import Op
from opbench.harness.outcomes import note_circumstances
from opbench.harness.preparation import inputs
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.layouts import repeated_axes
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
    #: Of the outputs alone.
    expected_second: oracle.Expected
    #: Of the first inputs, with the gradient that the sum of an output sends back.
    expected_of_sum: oracle.Expected | None = None
    #: Of first inputs with NaN or infinity, with some in the gradients of the outputs as well.
    expected_of_nonfinite: oracle.Expected | None = None


class WrongError(Exception):
    """Raised by a check that a contender fails; carries the verdict Wrong."""

    def __init__(self, stage: FailedCheck, reason: str, error: float | None = None) -> None:
        super().__init__(reason)
        self.verdict = Wrong(stage, reason, error)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Tells, in what is raised within, in which circumstances it was: "in a second pass"."""

    description: str

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, WrongError):
            verdict = error.verdict
            reason = f"{self.description}: {verdict.reason}"
            raise WrongError(verdict.stage, reason, verdict.error) from error
        if isinstance(error, Exception):
            note_circumstances(error, self.description)


def build_reference(
    op: Op,
    case: Case,
    *,
    gradients: bool = True,
    thorough: bool = False,
    first: Inputs | None = None,
    within: AbstractContextManager[object] | None = None,
) -> Reference:
    """Build the inputs of a case and evaluate the oracle on them.

    gradients: whether these are evaluated as well.
    thorough: whether unusual gradients of the outputs are expected as well.
    first: the first inputs, where they were built already.
    within: the first call of the oracle is made within it.
    Raises OpFaultError where one of the op's own functions doesn't work, or refuses these inputs.
    """
    op = op_in_mode(op, case.board)
    ungraded = (*op.ungraded, "far")  # gradients of a view need room for what lies between
    gradients = gradients and not {case.inputs, case.layout} & set(ungraded)
    built = [first or inputs.build(op, case), inputs.build(op, case, variant=1)]
    inputs.ensure_valid(op, built[0], f"validate, of its own inputs[{case.inputs!r}],")
    expected, of_sum, of_nonfinite = _expected(
        op, case, built[0], gradients=gradients, thorough=thorough, within=within
    )
    return Reference(
        op=op,
        case=case,
        first=built[0],
        second=built[1],
        expected_first=expected,
        expected_second=_expect_as_well(op, case, built, replace(expected, gradients=())),
        expected_of_sum=of_sum,
        expected_of_nonfinite=of_nonfinite,
    )


def _expected(
    op: Op,
    case: Case,
    first: Inputs,
    *,
    gradients: bool,
    thorough: bool,
    within: AbstractContextManager[object] | None,
) -> tuple[oracle.Expected, oracle.Expected | None, oracle.Expected | None]:
    """The truth of the first inputs, and where they are due those of unusual gradients."""
    changes = _changes(op, case, first, thorough=thorough and gradients)
    expected, *others = oracle.expect_for(
        op,
        first,
        changes,
        dtype=case.dtype,
        seed=case.seed,
        gradients=gradients,
        within=within,
    )
    unusual = dict(zip(changes[1:], others, strict=True)) if expected.gradients else {}
    return expected, unusual.get(_of_sum), unusual.get(_with_nonfinite)


#: Makes a gradient of an output of the seeded one.
Change = Callable[[Tensor], Tensor]


def _changes(op: Op, case: Case, first: Inputs, *, thorough: bool) -> tuple[Change, ...]:
    """What is sent back to the outputs: as a rule their seeded gradients, first."""
    # In long sums those of both signs would cancel, and with them the errors of adding them up.
    own: Change = torch.ones_like if case.inputs in op.long_sums else oracle.unchanged
    if not thorough:
        return (own,)
    if all(t.isfinite().all() for t in first.tensors() if t.is_floating_point()):
        return (own, _of_sum)
    return (own, _of_sum, _with_nonfinite)


def _of_sum(gradient: Tensor) -> Tensor:
    """The gradient that a sum sends back: one element, expanded."""
    return gradient.new_ones(()).expand_as(gradient)


def _with_nonfinite(gradient: Tensor) -> Tensor:
    """The same gradient with one NaN and one infinity; as it is where it has too few elements."""
    if gradient.numel() < 3 or not gradient.is_floating_point():
        return gradient
    changed = gradient.clone()
    changed.view(-1)[gradient.numel() // 3] = torch.nan
    changed.view(-1)[2 * gradient.numel() // 3] = torch.inf
    return changed


def _expect_as_well(
    op: Op, case: Case, built: Sequence[Inputs], expected: oracle.Expected
) -> oracle.Expected:
    """The truth about the second of two inputs: what was `expected` of the first if they agree."""
    if built[0].equals(built[1]):
        return expected
    graded = bool(expected.gradients)
    change = _changes(op, case, built[1], thorough=False)
    (other,) = oracle.expect_for(
        op, built[1], change, dtype=case.dtype, seed=case.seed, gradients=graded
    )
    return other


def without_gradients(reference: Reference) -> Reference:
    """The same reference on the forward pass alone."""
    return replace(
        reference,
        case=replace(reference.case, direction="forward"),
        expected_first=replace(reference.expected_first, gradients=()),
        expected_of_sum=None,
        expected_of_nonfinite=None,
    )


def with_unseen_inputs(reference: Reference) -> Reference:
    """The same reference with new first inputs, if possible in the same shapes."""
    shapes = memory_shapes(reference.first.tensors())
    # Shapes may depend on values.
    for _ in range(DRAWS):
        drawn = inputs.build(reference.op, reference.case, variant=secrets.randbits(32))
        if memory_shapes(drawn.tensors()) == shapes:
            break
    truth = _expect_as_well(
        reference.op, reference.case, (reference.first, drawn), reference.expected_first
    )
    return replace(reference, first=drawn, expected_first=truth)


def call(function: Callable[..., Any], given: Inputs) -> Any:
    """Call a function on inputs."""
    return function(*given.args, **given.options)


def refilled(given: Inputs, source: Inputs) -> Inputs:
    """The values of `source` in the memory of `given`; a copy where their shapes differ."""
    if memory_shapes(given.tensors()) != memory_shapes(source.tensors()):
        return source.map(clone)
    values = iter(source.tensors())
    refilled = given.map(lambda tensor: refill(tensor, next(values)))
    return Inputs(source.names, refilled.args, source.options)


def memory_shapes(tensors: Iterable[Tensor]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Of each tensor the shape, and the axes along which it repeats its elements."""
    return [(tuple(tensor.shape), repeated_axes(tensor)) for tensor in tensors]
