"""Find contenders that cache their results.

A function that remembers its inputs would win every race. By address it is found when the same
memory gets other values, which the checks of values do; by content it is found here, since it does
less work on values that it has met before.

Random numbers are no memory: both calls draw the same. Neither is a table that depends on sizes
alone, which follow from values in some ops: then values that were never seen do as little work.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.autograd import profiler

from opbench.harness.correctness import tolerance
from opbench.harness.correctness.memory import clone
from opbench.harness.correctness.random_numbers import same_random_numbers
from opbench.harness.correctness.reference import DRAWS, Reference, WrongError, call
from opbench.harness.preparation import inputs
from opbench.harness.preparation.compiler import compilations
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import as_tuple

#: Marks the end of the first of two profiled calls.
_BETWEEN = "opbench: between two calls"
#: The most unseen inputs that are tried until one needs as little work as inputs that were seen.
_TRIES = 20


def refuse_caching(reference: Reference, function: Callable[..., Any]) -> None:
    """Raise WrongError unless two calls on equal values do the same work into new memory.

    The values are drawn anew, so that no contender has seen them before the first of the calls.
    """
    for _ in range(DRAWS):
        compiled = compilations()
        unseen = _unseen(reference)
        operators, outputs = _call_twice(function, unseen, reference.case.device)
        # New values may have new shapes, which are compiled first: work, but not of the op.
        if compilations() == compiled:
            break
    if reference.case.board != "view":
        for one, other in zip(*outputs, strict=True):
            if tolerance.shares_storage(one, other):
                raise WrongError("cache", "two calls on equal inputs returned the same memory")
    first, second = operators
    if first != second and not _is_table(reference, function, second):
        raise WrongError(
            "cache", f"a call on equal inputs did other work: {_change(first, second)}"
        )


def _is_table(reference: Reference, function: Callable[..., Any], repeated: list[str]) -> bool:
    """Whether values that were never seen need no more work than those that were.

    repeated: the operators of a call on values that were seen.
    """
    for _ in range(_TRIES):
        unseen = _unseen(reference).map(clone)
        # No dispatch mode: torch.compile refuses to run below one, and remembers that.
        with profiler.profile() as profiled:
            call(function, unseen)
        if _operators(profiled) == repeated:
            return True
    return False


def _change(first: list[str], second: list[str]) -> str:
    """How the operators of the second of two calls differ from those of the first."""
    pairs = itertools.zip_longest(first, second, fillvalue="nothing")
    before, after = next(pair for pair in pairs if pair[0] != pair[1])
    return (
        f"{len(first)} operators, then {len(second)}; the first that differs is {before}, "
        f"then {after}"
    )


def _unseen(reference: Reference) -> Inputs:
    """Inputs of the case that were never drawn before."""
    return inputs.build(reference.op, reference.case, variant=secrets.randbits(32))


def _call_twice(
    function: Callable[..., Any], unseen: Inputs, device: str
) -> tuple[tuple[list[str], list[str]], tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]:
    """The operators and the outputs of two calls on equal values, with equal random numbers."""
    first, second = unseen.map(clone), unseen.map(clone)
    with profiler.profile() as profiled:
        with same_random_numbers(device):
            earlier = as_tuple(call(function, first))
        with profiler.record_function(_BETWEEN):
            pass
        later = as_tuple(call(function, second))
    names = _operators(profiled)
    middle = names.index(_BETWEEN)
    return (names[:middle], names[middle + 1 :]), (earlier, later)


def _operators(profiled: profiler.profile) -> list[str]:
    """The operators that were profiled, in their order."""
    assert profiled.kineto_results is not None
    # The raw events: the profiler's own list of them takes ten times as long as the calls.
    events = sorted(profiled.kineto_results.events(), key=lambda event: event.start_ns())
    return [event.name() for event in events]
