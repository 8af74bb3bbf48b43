"""Find contenders that answer from memory."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.autograd import profiler

from opbench.harness.correctness import tolerance
from opbench.harness.correctness.reference import _DRAWS, Reference, WrongError, call, clone
from opbench.harness.preparation import inputs
from opbench.harness.preparation.compiler import compilations
from opbench.harness.preparation.output_modes import as_tuple

#: Marks the end of the first of two profiled calls.
_BETWEEN = "opbench: between two calls"


def refuse_memory(reference: Reference, function: Callable[..., Any]) -> None:
    """Two calls on equal values in fresh tensors must do the same work into fresh memory.

    The values are drawn anew each time: nobody can have seen them before the first of the calls.
    """
    for _ in range(_DRAWS):
        compiled = compilations()
        done, kept = _twice(reference, function)
        # Values may bring shapes with them that are compiled for first: work, but not of the op.
        if compilations() == compiled:
            break
    if reference.case.board != "view":
        for one, other in zip(*kept, strict=True):
            if tolerance.shares_storage(one, other):
                raise WrongError("cache", "two calls on equal inputs returned the same memory")
    if done[0] != done[1]:
        raise WrongError(
            "cache",
            f"a call on equal inputs did other work the second time: {len(done[0])} operators, "
            f"then {len(done[1])}",
        )


def _twice(
    reference: Reference, function: Callable[..., Any]
) -> tuple[tuple[list[str], list[str]], tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]:
    """The operators and the outputs of two calls on equal, unseen values."""
    unseen = inputs.build(reference.op, reference.case, variant=secrets.randbits(32))
    first, second = unseen.map(clone), unseen.map(clone)
    # Not a dispatch mode: torch.compile refuses to run below one, and remembers that.
    with profiler.profile() as profiled:
        kept = as_tuple(call(function, first))
        with profiler.record_function(_BETWEEN):
            pass
        again = as_tuple(call(function, second))
    assert profiled.kineto_results is not None
    # The raw events: to make the profiler's own list of them takes ten times the calls.
    events = sorted(profiled.kineto_results.events(), key=lambda event: event.start_ns())
    names = [event.name() for event in events]
    middle = names.index(_BETWEEN)
    return (names[:middle], names[middle + 1 :]), (kept, again)
