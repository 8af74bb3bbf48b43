"""Check contenders against the oracle: values, gradients, and what a contender must not do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd import profiler

from harness import agreement, inputs, oracle
from harness.agreement import Truth, as_tuple
from harness.boards import contract_on
from harness.compiler import compilations
from harness.declare import Op
from harness.guard import attempt, charged_to
from harness.inputs import Inputs
from harness.named import call_named
from results.record import Case, Right, Verdict, Wrong

#: How often inputs are drawn in the hope of the same shapes.
_DRAWS = 5
#: Marks the end of the first of two profiled calls.
_BETWEEN = "opbench: between two calls"


@dataclass(frozen=True, slots=True)
class Exam:
    """Everything that is the same for every contender of a case: inputs and their truths.

    `first` and `second` hold different values in the same shapes.
    """

    op: Op
    case: Case
    first: Inputs
    second: Inputs
    expected_first: oracle.Expected
    expected_second: oracle.Expected


@dataclass(frozen=True, slots=True)
class Timed:
    """The very call that is timed, the inputs it is bound to, and the gradients of its outputs."""

    call: Callable[[], object]
    inputs: Inputs
    upstream: tuple[Tensor, ...]


class WrongError(Exception):
    """Carries a Wrong verdict out of a nested check."""

    def __init__(self, stage: str, reason: str, error: float | None = None) -> None:
        super().__init__(reason)
        self.verdict = Wrong(stage, reason, error)


def set_exam(op: Op, case: Case, *, gradients: bool = True) -> Exam:
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
    return Exam(op, case, built[0], built[1], expected[0], expected[1])


def without_gradients(exam: Exam) -> Exam:
    """The same exam on the forward pass alone."""
    first, second = (replace(e, gradients=()) for e in (exam.expected_first, exam.expected_second))
    case = replace(exam.case, direction="forward")
    return replace(exam, case=case, expected_first=first, expected_second=second)


def unseen(exam: Exam) -> Exam:
    """The same exam on values that nobody has seen, if possible in the same shapes."""
    shapes = [tensor.shape for tensor in exam.first.tensors()]
    for _ in range(_DRAWS):
        drawn = inputs.build(exam.op, exam.case, variant=secrets.randbits(32))
        if [tensor.shape for tensor in drawn.tensors()] == shapes:
            break
    gradients = bool(exam.expected_first.gradients)
    case = exam.case
    truth = oracle.expect(exam.op, drawn, dtype=case.dtype, seed=case.seed, gradients=gradients)
    return replace(exam, first=drawn, expected_first=truth)


def recheck(exam: Exam, function: Callable[..., Any], timed: Timed) -> Verdict:
    """The verdict on a contender from the first inputs of `exam`, which it has not seen.

    They are put into the memory that the timed call reads, unless their shapes don't fit or the
    call goes on from an earlier forward pass; then they are given to the function itself.
    """
    old = (*timed.inputs.tensors(), *timed.upstream)
    new = (*exam.first.tensors(), *exam.expected_first.upstream)
    fits = [t.shape for t in old] == [t.shape for t in new]
    forward, graded = exam.case.direction == "forward", bool(exam.expected_first.gradients)
    timed_again = fits and (forward or (graded and exam.case.direction == "both"))
    check = _recheck_timed if timed_again else _recheck_fresh

    def sit() -> Right | Wrong:
        try:
            return Right(check(exam, function, timed))
        except WrongError as wrong:
            return wrong.verdict

    return attempt("race", sit)


def examine(exam: Exam, function: Callable[..., Any]) -> Verdict:
    """The verdict on one contender, whatever it does short of killing the process."""

    def sit() -> Right | Wrong:
        try:
            return Right(_examine(exam, function))
        except WrongError as wrong:
            return wrong.verdict

    return attempt("check", sit)


def disagreement(
    exam: Exam, functions: Mapping[str, Callable[..., Any]]
) -> dict[tuple[str, str], float]:
    """For each pair of contenders, their largest difference in units of the tolerance."""
    outputs = {
        name: oracle.comparable(exam.op, as_tuple(_call(f, exam.first)), exam.first)
        for name, f in functions.items()
    }
    names = list(outputs)
    tolerance = exam.op.tolerance[exam.case.dtype]
    pairs: dict[tuple[str, str], float] = {}
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            pairs[one, other] = max(
                agreement.largest(
                    agreement.error_units(a.detach(), Truth(b.detach(), t.magnitude), tolerance)
                )
                for a, b, t in zip(
                    outputs[one], outputs[other], exam.expected_first.compared, strict=True
                )
            )
    return pairs


def _examine(exam: Exam, function: Callable[..., Any]) -> float:
    """The largest error over all outputs and gradients. Raises WrongError."""
    given = exam.first.map(_clone)
    errors = [_answer(exam, function, given, exam.expected_first)]
    # The same memory with other values: whoever remembers an address answers with the old ones.
    given = _refilled(given, exam.second)
    errors.append(_answer(exam, function, given, exam.expected_second))
    _refuse_memory(exam, function)
    if exam.expected_first.gradients:
        errors.append(_gradients(exam, function))
    return max(errors)


def _recheck_fresh(exam: Exam, function: Callable[..., Any], timed: Timed) -> float:
    error = _answer(exam, function, exam.first.map(_clone), exam.expected_first)
    if exam.expected_first.gradients:
        error = max(error, _gradients(exam, function))
    return error


def _recheck_timed(exam: Exam, function: Callable[..., Any], timed: Timed) -> float:
    before = timed.inputs.map(_clone)
    try:
        _refilled(timed.inputs, exam.first)
        # Judged before the inputs are put back: a view would show the old values then.
        return _judge_timed(exam, timed)
    finally:
        _refilled(timed.inputs, before)


def _judge_timed(exam: Exam, timed: Timed) -> float:
    result, expected = timed.call(), exam.expected_first
    if exam.case.direction == "forward":
        outputs = as_tuple(result)
        _check_form(exam, outputs, timed.inputs, expected)
        compared = oracle.comparable(exam.op, outputs, exam.first)
        return _check_values(exam, "value", compared, expected.compared)
    assert isinstance(result, tuple)
    pairs = zip(result, expected.gradients, strict=True)
    slopes = tuple(torch.zeros_like(t.value) if g is None else g for g, t in pairs)
    return _check_values(exam, "gradient", slopes, expected.gradients)


def _answer(
    exam: Exam, function: Callable[..., Any], given: Inputs, expected: oracle.Expected
) -> float:
    before = given.map(_clone)
    result = _call(function, given)
    try:
        outputs = as_tuple(result)
    except TypeError as error:
        raise WrongError("shape", str(error)) from error
    _check_form(exam, outputs, given, expected)
    for old, new in zip(before.tensors(), given.tensors(), strict=True):
        if not agreement.same_bits(old, new):
            raise WrongError("inputs", f"changed an input of shape {list(new.shape)}")
    compared = oracle.comparable(exam.op, outputs, given)
    return _check_values(exam, "value", compared, expected.compared)


def _check_form(
    exam: Exam, outputs: tuple[Tensor, ...], given: Inputs, expected: oracle.Expected
) -> None:
    if len(outputs) != len(expected.outputs):
        raise WrongError("shape", f"{len(outputs)} outputs instead of {len(expected.outputs)}")
    for output, truth in zip(outputs, expected.outputs, strict=True):
        floating = truth.value.is_floating_point()
        named = getattr(torch, exam.op.output_dtype or exam.case.dtype)
        wanted = named if floating else truth.value.dtype
        for stage, found, want in (
            ("shape", list(output.shape), list(truth.value.shape)),
            ("dtype", output.dtype, wanted),
            ("device", output.device.type, torch.device(exam.case.device).type),
        ):
            if found != want:
                raise WrongError(stage, f"{stage} {found} instead of {want}")
        _check_board(exam.case.board, output, given)


def _check_board(board: str, output: Tensor, given: Inputs) -> None:
    aliases = any(agreement.shares_storage(output, tensor) for tensor in given.tensors())
    if board == "view":
        if not aliases and output.numel():
            raise WrongError("aliasing", "copies, where this board is for views")
        return
    if aliases:
        raise WrongError("aliasing", f"aliases an input, on the {board} board")
    if board == "materialise" and not output.is_contiguous():
        raise WrongError("contiguity", f"strides {output.stride()} are not contiguous")


def _check_values(
    exam: Exam, stage: str, found: tuple[Tensor, ...], truths: tuple[Truth, ...]
) -> float:
    tolerance = exam.op.tolerance[exam.case.dtype]
    worst = 0.0
    for tensor, truth in zip(found, truths, strict=True):
        units = agreement.error_units(tensor.detach(), truth, tolerance)
        error = agreement.largest(units)
        if not error <= 1:
            raise WrongError(stage, agreement.worst_place(units, tensor.detach(), truth), error)
        worst = max(worst, error)
    return worst


def _refuse_memory(exam: Exam, function: Callable[..., Any]) -> None:
    """Two calls on equal values in fresh tensors must do the same work into fresh memory.

    The values are drawn anew each time: nobody can have seen them before the first of the calls.
    """
    for _ in range(_DRAWS):
        compiled = compilations()
        done, kept = _twice(exam, function)
        # Values may bring shapes with them that are compiled for first: work, but not of the op.
        if compilations() == compiled:
            break
    if exam.case.board != "view":
        for one, other in zip(*kept, strict=True):
            if agreement.shares_storage(one, other):
                raise WrongError("cache", "two calls on equal inputs returned the same memory")
    if done[0] != done[1]:
        raise WrongError(
            "cache",
            f"a call on equal inputs did other work the second time: {len(done[0])} operators, "
            f"then {len(done[1])}",
        )


def _twice(
    exam: Exam, function: Callable[..., Any]
) -> tuple[tuple[list[str], list[str]], tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]:
    """The operators and the outputs of two calls on equal, unseen values."""
    unseen = inputs.build(exam.op, exam.case, variant=secrets.randbits(32))
    first, second = unseen.map(_clone), unseen.map(_clone)
    # Not a dispatch mode: torch.compile refuses to run below one, and remembers that.
    with profiler.profile() as profiled:
        kept = as_tuple(_call(function, first))
        with profiler.record_function(_BETWEEN):
            pass
        again = as_tuple(_call(function, second))
    assert profiled.kineto_results is not None
    # The raw events: to make the profiler's own list of them takes ten times the calls.
    events = sorted(profiled.kineto_results.events(), key=lambda event: event.start_ns())
    names = [event.name() for event in events]
    middle = names.index(_BETWEEN)
    return (names[:middle], names[middle + 1 :]), (kept, again)


def _gradients(exam: Exam, function: Callable[..., Any]) -> float:
    bound, leaves = exam.first.map(_clone).leaves(exam.op.grad)
    outputs = as_tuple(_call(function, bound))
    truths = exam.expected_first.gradients
    if not any(o.requires_grad for o in outputs) and any(t.value.any() for t in truths):
        raise WrongError("gradient", "the output has no gradient")
    slopes = oracle.gradient(outputs, leaves, exam.expected_first.upstream)
    for slope, leaf in zip(slopes, leaves, strict=True):
        if slope.dtype != leaf.dtype or slope.shape != leaf.shape:
            raise WrongError(
                "gradient",
                f"gradient is {slope.dtype} {list(slope.shape)} for an argument that is "
                f"{leaf.dtype} {list(leaf.shape)}",
            )
    return _check_values(exam, "gradient", slopes, truths)


def _call(function: Callable[..., Any], given: Inputs) -> Any:
    return function(*given.args, **given.options)


def _clone(tensor: Tensor) -> Tensor:
    """A copy with the same strides, gaps and all."""
    copy = torch.empty_strided(
        tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device
    )
    if not tensor.is_contiguous():
        # What lies between the elements must stay garbage.
        copy = torch.as_strided(
            tensor.as_strided((_extent(tensor),), (1,), tensor.storage_offset()).clone(),
            tensor.shape,
            tensor.stride(),
        )
    return copy.copy_(tensor)


def _extent(tensor: Tensor) -> int:
    if tensor.numel() == 0:
        return 0
    return 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))


def _refilled(given: Inputs, source: Inputs) -> Inputs:
    """`source`'s values in `given`'s memory, where their shapes (often, not always) agree."""
    if [t.shape for t in given.tensors()] != [t.shape for t in source.tensors()]:
        return source.map(_clone)
    values = iter(source.tensors())
    refilled = given.map(lambda tensor: tensor.copy_(next(values)))
    return Inputs(source.names, refilled.args, source.options)
