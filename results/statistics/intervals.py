"""Statistics of paired rounds: medians, ratios and their intervals. Pure functions.

A round is the unit of evidence: within it every contender was timed a few milliseconds apart, so
the logarithm of the ratio of two of them is free of what slowed both down. Where contenders met in
several fresh processes, the process is the unit: what is peculiar to one shows in all its rounds.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import TypeVar

import numpy as np

from opbench.results.statistics.interval import Interval

#: The log of a ratio that is none any more.
_BEYOND = 300.0

Values = Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]
Key = TypeVar("Key", bound=Hashable)


def median(samples: Values) -> float:
    """The median of at least one sample; NaN where one is."""
    # Leaderboards take tens of thousands of medians: numpy's own takes five times as long.
    ordered = np.array(samples, dtype=np.float64)
    ordered.sort()
    middle = len(ordered) // 2
    # NaN comes last.
    if math.isnan(ordered[-1]):
        return math.nan
    if len(ordered) % 2:
        return float(ordered[middle])
    return float((ordered[middle - 1] + ordered[middle]) / 2)


def paired_log_ratios(
    slower: Mapping[Key, float], faster: Mapping[Key, float]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """log(slower / faster) of seconds by round, for the rounds that both have, in their order."""
    # As nearly always: neither left the race before the other.
    if list(slower) == list(faster):
        pairs = zip(slower.values(), faster.values(), strict=True)
        return np.log([slow / fast for slow, fast in pairs])
    shared = [key for key in slower if key in faster]
    return np.log([slower[key] / faster[key] for key in shared])


def ratio_interval(log_ratios: Values, *, error: float) -> Interval:
    """Median ratio with the interval that misses the true median with a chance of at most `error`.

    log_ratios: one per round. The ends are order statistics (the sign test turned round), so that
    nothing is assumed of the noise but that rounds are independent; with too few rounds for
    that error the interval is unbounded.
    """
    if len(log_ratios) == 0:
        return Interval(math.nan, 0.0, math.inf)
    low, high = _median_bounds(log_ratios, error)
    return Interval(math.exp(median(log_ratios)), math.exp(low), math.exp(high))


def gross_interval(log_ratios: Values, *, hit: float) -> Interval:
    """Median ratio with the range of all rounds, wider by a factor on both sides.

    For rounds that are too few for `ratio_interval`. What lies outside of it would need that in
    every round one of the two was hit so hard as to take `hit` times as long as it does otherwise.
    log_ratios: of at least one round.
    """
    low, high = float(np.min(log_ratios)), float(np.max(log_ratios))
    return Interval(math.exp(median(log_ratios)), math.exp(low) / hit, math.exp(high) * hit)


def ratio_of_units(log_ratios: Sequence[Values], *, error: float) -> Interval:
    """Mean ratio over units (fresh processes) with its t-interval.

    log_ratios: the rounds of each unit, whose median is the unit's one observation. Units are few,
    so that a normal spread between them has to be assumed; one unit gives no evidence.
    """
    medians = np.array([median(rounds) for rounds in log_ratios if len(rounds)])
    if medians.size == 0:
        return Interval(math.nan, 0.0, math.inf)
    centre = math.exp(float(medians.mean()))
    if medians.size == 1:
        return Interval(centre, 0.0, math.inf)
    spread = float(medians.std(ddof=1)) / math.sqrt(medians.size)
    reach = t_quantile(medians.size - 1, 1 - error / 2) * spread
    if reach > _BEYOND:
        # Two processes of many contenders that differ by a tenth: a float can't hold the end.
        return Interval(centre, 0.0, math.inf)
    return Interval(centre, centre / math.exp(reach), centre * math.exp(reach))


def t_quantile(freedom: float, chance: float) -> float:
    """What Student's t of that freedom stays below with that chance."""
    # Imported late: it takes half as long as torch, and a process in which contenders race does
    # without.
    from scipy import special

    return float(special.stdtrit(freedom, chance))


def median_interval(samples: Values, *, error: float = 0.01) -> Interval:
    """Median of at least one sample with its interval, as `ratio_interval`.

    For drawing a contender by itself; contenders are compared by their ratios.
    """
    low, high = _median_bounds(samples, error)
    return Interval(median(samples), max(low, 0.0), high)


def rounds_needed(error: float) -> int:
    """The fewest rounds of which an interval has two ends.

    error: the chance that the interval misses; one end alone would take one round less.
    """
    return max(2, math.ceil(1 - math.log2(error)))


def _median_bounds(values: Values, error: float) -> tuple[float, float]:
    """The order statistics around the median; infinite where there are too few values."""
    rank = _rank(len(values), error)
    if rank == 0:
        return -math.inf, math.inf
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    return float(ordered[rank - 1]), float(ordered[-rank])


@cache
def _rank(count: int, error: float) -> int:
    """The number of values that may be left out at either end.

    The median lies below the k-th smallest of n with the chance that fewer than k of n fair coins
    show heads.
    """
    heads = np.arange(1, max(count // 2, 1))
    ways = np.concatenate(([0.0], np.cumsum(np.log2((count - heads + 1) / heads))))
    at_most = np.cumsum(np.exp2(ways - count))[: count // 2]
    return int(np.count_nonzero(2 * at_most <= error))
