"""Check an op that draws random numbers by its own test of repeated calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opbench.harness.correctness.memory import clone
from opbench.harness.correctness.outputs import outputs_of
from opbench.harness.correctness.random_numbers import same_random_numbers
from opbench.harness.correctness.reference import Reference, WrongError
from opbench.harness.declaration.named_arguments import call_named


def refuse_bad_draws(reference: Reference, function: Callable[..., Any]) -> None:
    """Raise WrongError with the first fault that the op's `draws` finds, where it has one.

    The generators of random numbers are left as they were.
    """
    op, given = reference.op, reference.first
    if op.draws is None:
        return

    def draw() -> Any:
        """What the contender returns this time: a tensor, or a tuple of several."""
        outputs = outputs_of(function, given.map(clone))
        return outputs[0] if len(outputs) == 1 else outputs

    values = {**op.defaults, **given.values, "draw": draw}
    with same_random_numbers(reference.case.device):
        fault = next(iter(call_named(op.draws, values)), None)
    if fault is not None:
        raise WrongError("value", fault)
