"""Where a series of runs changes its level. Pure functions.

The segmentation is that of the library `ruptures`, on ranks: how many times a step lowers the
scatter of ranks doesn't depend on how the noise is distributed, so that one penalty holds for quiet
and for noisy series, with and without hits. `python -m benchmarks.history` measures what it gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from results.stats import median

#: Fewest runs on one level: of three in a row that something else slowed down two don't count.
SHORTEST = 3
#: A step smaller than this doesn't matter.
MIN_CHANGE = 0.05
#: The penalty of a step by the number of runs, so that a step of any size is told of one series in a
#: hundred that never changes; hardly one in five hundred has a step that matters.
_PENALTY, _PENALTY_PER_LOG = 5.2, 1.45

Series = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Step:
    """A level that ends and another that begins at index `at` of the series.

    ratio: the median of the new level over that of the old one. evidence: how much worse the series
    is told without this step, over the least that counts; at least 1.
    """

    at: int
    ratio: float
    evidence: float


def steps(values: Sequence[float], *, min_change: float = MIN_CHANGE) -> tuple[Step, ...]:
    """The steps of a series of positive values, in order; none where it is too short to tell.

    min_change: the smallest step that matters, as a share.
    """
    ranks = _ranks(values)
    if len(values) < 2 * SHORTEST or not ranks.any():
        return ()
    ends = _breakpoints(ranks, penalty(len(values)))
    while ends:
        found = _steps(values, ranks, ends)
        small = min(found, key=lambda step: abs(math.log(step.ratio)))
        if abs(math.log(small.ratio)) >= math.log1p(min_change):
            return found
        # Its levels become one, which may tell other steps apart more clearly or less.
        ends.remove(small.at)
    return ()


def penalty(runs: int) -> float:
    """What a step has to lower the scatter of so many ranks by, in units of their variance."""
    return _PENALTY + _PENALTY_PER_LOG * math.log(runs)


def fewest() -> int:
    """The runs that a series needs until the clearest step, in its middle, can be told."""
    return next(n for n in range(2 * SHORTEST, 100) if _most(n) > penalty(n))


def _most(runs: int) -> float:
    """What a step in the middle lowers the scatter by where all before it are below all after."""
    half = np.repeat((0.0, 1.0), (runs // 2, runs - runs // 2)) + np.arange(runs) * 1e-6
    return _gain(_ranks(half.tolist()), 0, runs // 2, runs)


def _ranks(values: Sequence[float]) -> Series:
    """Ranks about zero whose variance is 1 where all differ."""
    count = len(values)
    scale = math.sqrt((count**2 - 1) / 12) if count > 1 else 1.0
    ranks: Series = (rankdata(np.asarray(values)) - (count + 1) / 2) / scale
    return ranks


def _breakpoints(ranks: Series, penalty: float) -> list[int]:
    """Where levels begin, the first apart."""
    # Imported where it is needed: it takes longer than all else that reads a run.
    from ruptures import KernelCPD

    found = KernelCPD(kernel="linear", min_size=SHORTEST).fit(ranks.reshape(-1, 1))
    return [int(end) for end in found.predict(pen=penalty)[:-1]]


def _steps(values: Sequence[float], ranks: Series, ends: Sequence[int]) -> tuple[Step, ...]:
    edges = (0, *ends, len(values))
    least = penalty(len(values))
    return tuple(
        Step(
            at,
            median(values[at:end]) / median(values[start:at]),
            _gain(ranks, start, at, end) / least,
        )
        for start, at, end in zip(edges, edges[1:], edges[2:], strict=False)
    )


def _gain(ranks: Series, start: int, at: int, end: int) -> float:
    """By how much the scatter about two levels is lower than that about one."""
    before, after = ranks[start:at], ranks[at:end]
    weight = len(before) * len(after) / (end - start)
    return float(weight * (before.mean() - after.mean()) ** 2)
