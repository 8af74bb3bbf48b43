"""The smallest case on which a contender still fails: in which a person can see what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from opbench.harness.declare import Op
from opbench.results.records import Case

#: The most cases that are tried.
MOST_TRIES = 60


def smallest_case(op: Op, case: Case, fails: Callable[[Case], bool]) -> Case:
    """A case like `case` that is no simpler without the failure: plainer first, then smaller.

        smallest_case(op, case, lambda smaller: dict(smaller.axes)["N"] > 5)

    has N=6, every other axis 1, contiguous inputs of the op's first kind.

    fails: whether the contender fails on a case in the same way; it doesn't where there is no such
        case. It is asked 60 times at most.
    """
    tried: set[Case] = set()
    simplest = case
    while len(tried) < MOST_TRIES:
        untried = (simpler for simpler in _simpler(op, simplest) if simpler not in tried)
        simpler = next(untried, None)
        if simpler is None:
            break
        tried.add(simpler)
        if fails(simpler):
            simplest = simpler
    return simplest


def _simpler(op: Op, case: Case) -> Iterator[Case]:
    """The cases that differ from a case by one thing that is simpler, the simplest first."""
    if case.layout != "contiguous":
        yield replace(case, layout="contiguous")
    if case.inputs != next(iter(op.inputs)):
        yield replace(case, inputs=next(iter(op.inputs)))
    for place, (axis, size) in enumerate(case.axes):
        if isinstance(size, int):
            for smaller in _smaller(size):
                axes = (*case.axes[:place], (axis, smaller), *case.axes[place + 1 :])
                yield replace(case, axes=axes)


def _smaller(size: int) -> list[int]:
    """Smaller sizes of an axis that are worth a try, the smallest first."""
    sizes = {1, 2, 3, size // 2, size - size // 4, size - size // 8, size - 1}
    return sorted(smaller for smaller in sizes if 0 < smaller < size)
