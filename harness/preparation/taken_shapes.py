"""Whether ops take the shapes that a selection gives: found out before a run is begun.

The inputs of small ones are made here, for the op's own `validate` to see them. Large ones aren't
made twice: the process that races them, which has a limit of memory, reports what is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from opbench.harness.declaration.named_arguments import call_named, parameter_names
from opbench.harness.declare import Cost, Op
from opbench.harness.outcomes import catch, charged_to
from opbench.harness.preparation.inputs import build
from opbench.results.errors import OpFaultError, SelectionError
from opbench.results.records import Case, Failed

#: Inputs of more compulsory bytes aren't made.
_MOST_BYTES = 2**26


def ensure_taken(ops: Mapping[str, Op], cases: Iterable[Case]) -> None:
    """Raise SelectionError, with the op's reason, where an op refuses the shape of a case."""
    alike = dict.fromkeys(
        replace(case, device="cpu", direction="forward", layout="contiguous", cache="warm")
        for case in cases
    )
    for case in alike:
        op = ops[case.op]
        try:
            if _is_small(op, case):
                _try(op, case)
        except OpFaultError as error:
            raise SelectionError(
                f"{case.op} doesn't take the shape {case.sizes}: {error.where} {error.why}"
            ) from error


def _is_small(op: Op, case: Case) -> bool:
    """Whether a shape is small: by the op's cost, or by all of its sizes where that can't tell."""
    known = {**op.defaults, **dict(case.axes), "e": 4, "dtype": case.dtype, "device": case.device}
    known |= {"direction": "forward", "board": case.board}
    if not set(parameter_names(op.cost)) <= set(known):
        sizes = [value for _, value in case.axes if isinstance(value, int)]
        return math.prod(max(abs(size), 1) for size in sizes) <= _MOST_BYTES
    with charged_to(op.name, "cost", op.cost):
        cost = call_named(op.cost, known)
    return isinstance(cost, Cost) and cost.bytes <= _MOST_BYTES


def _try(op: Op, case: Case) -> None:
    """Make the inputs, and show them to `validate`. Raises OpFaultError for what it refuses."""
    given = catch("inputs", partial(build, op, case))
    if isinstance(given, Failed):
        raise SelectionError(f"{case.op}: the shape {case.sizes} can't be made: {given.reason}")
    validate = op.validate
    # What can't be laid out shows in the race.
    if validate is not None and hasattr(given, "values"):
        with charged_to(op.name, f"validate, of inputs[{case.inputs!r}],", validate):
            call_named(validate, {**op.defaults, **given.values})
