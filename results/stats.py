"""Statistics of paired rounds: medians, ratios and their bootstrap intervals. Pure functions.

A round is the unit of evidence: within it every contender was timed a few milliseconds apart, so
the logarithm of the ratio of two of them is free of what slowed both down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

#: Resamples of the bootstrap: the interval's ends move by less than a tenth of its width.
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the interval that holds it with the asked confidence."""

    value: float
    low: float
    high: float

    @property
    def relative_width(self) -> float:
        """Half the width of the interval, relative to the estimate."""
        return (self.high - self.low) / (2 * self.value)


def median(samples: Sequence[float]) -> float:
    """The median of at least one sample."""
    return float(np.median(np.asarray(samples)))


def by_round(rounds: Sequence[int], samples: Sequence[float]) -> dict[int, float]:
    """Each round's sample (a contender is timed once in a round)."""
    return dict(zip(rounds, samples, strict=True))


def paired_log_ratios(
    slower: Mapping[int, float], faster: Mapping[int, float]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """log(slower / faster) for the rounds that both have, in order of the rounds."""
    shared = sorted(set(slower) & set(faster))
    return np.log([slower[r] / faster[r] for r in shared])


def ratio_interval(
    log_ratios: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]],
    *,
    confidence: float = 0.99,
    seed: int = 0,
) -> Interval:
    """Median ratio with its percentile-bootstrap interval, rounds being resampled.

    log_ratios: one per round. One round gives no evidence: the interval is then unbounded.
    Of few rounds the interval is too narrow: simulated with normal and with skewed noise, one of
    99% held the truth in 96-97% of the cases with 6 to 10 rounds, 97% with 15, 98% with 25 and 40.
    """
    values = np.asarray(log_ratios, dtype=np.float64)
    if values.size == 0:
        return Interval(float("nan"), 0.0, float("inf"))
    centre = float(np.exp(np.median(values)))
    if values.size == 1:
        return Interval(centre, 0.0, float("inf"))
    low, high = np.exp(_bootstrap_median(values, confidence=confidence, seed=seed))
    return Interval(centre, float(low), float(high))


def median_interval(
    samples: Sequence[float], *, confidence: float = 0.99, seed: int = 0
) -> Interval:
    """Median of at least one sample with its percentile-bootstrap interval.

    For drawing a contender by itself; contenders are compared by `ratio_interval`, which is free
    of what slowed both down. One sample gives no evidence: the interval is then unbounded.
    """
    values = np.asarray(samples, dtype=np.float64)
    if values.size == 1:
        return Interval(float(values[0]), 0.0, float("inf"))
    low, high = _bootstrap_median(values, confidence=confidence, seed=seed)
    return Interval(float(np.median(values)), float(low), float(high))


def _bootstrap_median(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], *, confidence: float, seed: int
) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    draws = rng.choice(values, size=(RESAMPLES, values.size))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.median(draws, axis=1), (tail, 1 - tail))
    return float(low), float(high)
