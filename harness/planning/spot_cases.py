"""The cases of a spot check: what a contender is held to before its first race. No torch.

A race calls contenders on the shapes that are timed. What is wrong with a contender shows on other
ones as a rule: those that a check has, and that are small.
"""

from __future__ import annotations

from opbench.harness.declare import LAYOUTS, Impl, Op
from opbench.harness.planning.borders import is_border
from opbench.harness.planning.checked_cases import checked_cases, is_checked_on
from opbench.harness.planning.selection import Selection
from opbench.results.records import Case

#: Of the cases of a check; on all cores the race itself checks.
_THREADS = 1


def spot_cases(op: Op, *, device: str, seed: int) -> tuple[Case, ...]:
    """The cases of a check of the op, on one thread, the most telling first.

    These are all input kinds, layouts and edge shapes in the first dtype; then long sums, and the
    first kind in each dtype; then sizes by rule of the first kind; then the rest.
    """
    selection = Selection(devices=(device,), threads=_THREADS, seed=seed)
    return tuple(sorted(checked_cases(op, selection), key=lambda case: _rank(op, case)))


def is_spot_checked_on(op: Op, contender: Impl, case: Case) -> bool:
    """Whether a contender is checked on such a case; what is compiled anew for each is on none."""
    return contender.prepare is None and is_checked_on(op, contender, case, threads=_THREADS)


def _rank(op: Op, case: Case) -> int:
    """0 for the cases that tell most, more for others."""
    is_first_kind = case.inputs == next(iter(op.inputs))
    if is_border(case):
        return 2 if is_first_kind else 3
    if case.dtype == op.dtypes[0]:
        return 0
    is_simple = (case.shape, case.layout) == (next(iter(op.edge or op.quick)), LAYOUTS[0])
    return 1 if (is_simple and is_first_kind) or case.inputs in op.long_sums else 3
