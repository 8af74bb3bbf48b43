"""Find contenders that cache their results.

A function that remembers its inputs would win every race. By address it is found when the same
memory gets other values, which the checks of values do; by content it is found here, since it does
less work on values that it has met before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.autograd import profiler

from opbench.harness.correctness import tolerance
from opbench.harness.correctness.memory import clone
from opbench.harness.correctness.reference import DRAWS, Reference, WrongError, call
from opbench.harness.preparation import inputs
from opbench.harness.preparation.compiler import compilations
from opbench.harness.preparation.output_modes import as_tuple

#: Marks the end of the first of two profiled calls.
_BETWEEN = "opbench: between two calls"


def refuse_caching(reference: Reference, function: Callable[..., Any]) -> None:
    """Raise WrongError unless two calls on equal values do the same work into new memory.

    The values are drawn anew, so that no contender has seen them before the first of the calls.
    """
    for _ in range(DRAWS):
        compiled = compilations()
        operators, outputs = _call_twice(reference, function)
        # New values may have new shapes, which are compiled first: work, but not of the op.
        if compilations() == compiled:
            break
    if reference.case.board != "view":
        for one, other in zip(*outputs, strict=True):
            if tolerance.shares_storage(one, other):
                raise WrongError("cache", "two calls on equal inputs returned the same memory")
    if operators[0] != operators[1]:
        raise WrongError(
            "cache",
            f"a call on equal inputs did other work the second time: {len(operators[0])} "
            f"operators, then {len(operators[1])}",
        )


def _call_twice(
    reference: Reference, function: Callable[..., Any]
) -> tuple[tuple[list[str], list[str]], tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]:
    """The operators and the outputs of two calls on equal, unseen values."""
    unseen = inputs.build(reference.op, reference.case, variant=secrets.randbits(32))
    first, second = unseen.map(clone), unseen.map(clone)
    # No dispatch mode: torch.compile refuses to run below one, and remembers that.
    with profiler.profile() as profiled:
        earlier = as_tuple(call(function, first))
        with profiler.record_function(_BETWEEN):
            pass
        later = as_tuple(call(function, second))
    assert profiled.kineto_results is not None
    # The raw events: the profiler's own list of them takes ten times as long as the calls.
    events = sorted(profiled.kineto_results.events(), key=lambda event: event.start_ns())
    names = [event.name() for event in events]
    middle = names.index(_BETWEEN)
    return (names[:middle], names[middle + 1 :]), (earlier, later)
