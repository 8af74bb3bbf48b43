"""What a choice costs: the time of the chosen over the best's, on shapes that it wasn't made from.

The best of a shape is named on one half of its rounds and priced on the other: the least of several
noisy times is too small, and would make any choice look bad that had less luck.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from opbench.results.statistics.interval import Interval

#: Resampled sets of shapes, of which the interval of a mean is made.
_RESAMPLED = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Regret:
    """Ratios of the chosen contender's time to the best's, over shapes."""

    #: Their geometric mean, with its 95% interval from resampled shapes.
    mean: Interval
    #: What 95 of 100 shapes stay within.
    p95: float
    worst: float
    #: How many shapes there were.
    shapes: int


def regret_of(logs: Sequence[float], weights: Sequence[float] | None = None) -> Regret:
    """The regret of one shape at least, from the logarithms of its ratios.

    weights: how much each shape counts in the mean.
    """
    values = np.asarray(logs, dtype=np.float64)
    shares = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    rng = np.random.default_rng(0)
    picked = rng.integers(len(values), size=(_RESAMPLED, len(values)))
    means = (values[picked] * shares[picked]).sum(1) / np.maximum(shares[picked].sum(1), 1e-300)
    low, high = np.quantile(means, [0.025, 0.975])
    mean = float((values * shares).sum() / shares.sum())
    return Regret(
        mean=Interval(math.exp(mean), math.exp(low), math.exp(high)),
        p95=math.exp(float(np.quantile(values, 0.95))),
        worst=math.exp(float(values.max())),
        shapes=len(values),
    )
