"""Where a series of runs changes its level. Pure functions.

The library `ruptures` searches for them, among ranks: by how much a step lowers the scatter of
ranks doesn't depend on how the noise is distributed, so that one penalty holds for quiet and for
noisy series, with hits and without. `python -m benchmarks.history` measures what that gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import rankdata

from opbench.results.statistics.intervals import median

#: Fewest runs on one level: one or two slow runs in a row make none.
SHORTEST = 3
#: A step smaller than this doesn't matter.
MIN_CHANGE = 0.05
#: The penalty of a step by the number of runs, so that a step of any size is reported of one
#: series in a hundred that never changes.
_PENALTY, _PENALTY_PER_LOG = 5.2, 1.45

Series = np.ndarray[tuple[int], np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """A level of a series that ends, and another that begins."""

    #: The index at which the new one begins.
    at: int
    #: The median of the new level over that of the old one.
    ratio: float
    #: By how much the ranks of both scatter less about two levels than about one, over the least
    #: that counts.
    evidence: float


def steps(values: Sequence[float], *, min_change: float = MIN_CHANGE) -> tuple[Step, ...]:
    """The steps of a series of positive values, in order; none where it is too short.

    min_change: the smallest step that matters, as a share.
    """
    begin = _beginnings(np.log(np.asarray(values, dtype=np.float64)))
    while begin:
        candidates = _steps(values, begin)
        small = min(candidates, key=lambda step: abs(math.log(step.ratio)))
        if abs(math.log(small.ratio)) >= math.log1p(min_change):
            return candidates
        # Its levels become one, which may be farther from their neighbours, or nearer.
        begin.remove(small.at)
    return ()


def penalty(runs: int) -> float:
    """The least by which a step lowers the scatter of so many ranks, in multiples of variance.

    It grows with the logarithm of the length, as the best of more places is better by chance.
    """
    return _PENALTY + _PENALTY_PER_LOG * math.log(runs)


def fewest() -> int:
    """The fewest runs in which the clearest step can be found; shorter series never have one."""
    # All before it are below all after it: what that lowers the scatter of n ranks by.
    lengths = range(2 * SHORTEST, 100)
    return next(n for n in lengths if _gain(_ranks(np.arange(n)), n // 2) > penalty(n))


def _beginnings(logs: Series) -> list[int]:
    """Where levels begin, the first apart.

    Each level is searched anew: of two steps up the ranks of all show but one.
    """
    if len(logs) < 2 * SHORTEST:
        return []
    edges = [0, *_placed(logs, _segmented(_ranks(logs))), len(logs)]
    if len(edges) == 2:
        return []
    inner = [a + at for a, b in pairwise(edges) for at in _beginnings(logs[a:b])]
    return sorted([*edges[1:-1], *inner])


def _segmented(ranks: Series) -> list[int]:
    """The beginnings of levels among ranks, by their means."""
    # Imported where it is needed: that takes longer than all else that reads a run.
    from ruptures import KernelCPD

    if not ranks.any():
        return []
    search = KernelCPD(kernel="linear", min_size=SHORTEST).fit(ranks.reshape(-1, 1))
    return [int(end) for end in search.predict(pen=penalty(len(ranks)))[:-1]]


def _placed(logs: Series, begin: Sequence[int]) -> list[int]:
    """The same beginnings, each where the medians of both sides fit best.

    Ranks show that there is a step, but scatter as much within a quiet level as in a noisy one.
    """
    from ruptures import Dynp

    edges = [0, *begin, len(logs)]
    for number in range(1, len(edges) - 1):
        start, end = edges[number - 1], edges[number + 1]
        search = Dynp(model="l1", min_size=SHORTEST, jump=1).fit(logs[start:end].reshape(-1, 1))
        edges[number] = start + int(search.predict(n_bkps=1)[0])
    return edges[1:-1]


def _steps(values: Sequence[float], begin: Sequence[int]) -> tuple[Step, ...]:
    """The step at each beginning, from the level before to the level after."""
    edges = (0, *begin, len(values))
    return tuple(
        Step(
            at,
            median(values[at:end]) / median(values[start:at]),
            _gain(_ranks(np.asarray(values[start:end])), at - start) / penalty(end - start),
        )
        for start, at, end in zip(edges, edges[1:], edges[2:], strict=False)
    )


def _ranks(values: Series) -> Series:
    """Ranks about zero whose variance is 1 where all differ."""
    count = len(values)
    ranks: Series = (rankdata(values) - (count + 1) / 2) / math.sqrt((count**2 - 1) / 12)
    return ranks


def _gain(ranks: Series, at: int) -> float:
    """The scatter about one level less that about two."""
    before, after = ranks[:at], ranks[at:]
    weight = len(before) * len(after) / len(ranks)
    return float(weight * (before.mean() - after.mean()) ** 2)
