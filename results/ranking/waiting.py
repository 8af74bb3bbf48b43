"""Whether the threads of a contender waited for cores in use. A pure rule of its samples.

A thread that waits for a core gets it when the scheduler takes it from another, which is at a tick
of its clock. An op on several threads is through when the last of them is. Where other processes
use the cores, many of its times are then whole ticks, and have little to do with the op.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from opbench.results.statistics.intervals import median


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick of a scheduler, and the signs that times are whole ticks."""

    seconds: float
    #: How far a time may be from a whole number of ticks, as a share of one.
    near: float
    #: How many different whole numbers there must be: a steady op may happen to take about one.
    numbers: int


#: The ticks of most kernels for servers, and of others.
TICKS = (Tick(0.004, near=0.01, numbers=1), Tick(0.001, near=0.03, numbers=2))
#: No block that is shorter is near a whole number of ticks.
_SHORTEST = min((1 - 2 * tick.near) * tick.seconds for tick in TICKS)
#: Of more ticks than these a time may be a whole number by chance.
_MOST = 12
#: The share of samples that are whole ticks where threads wait, and of those of one number.
_SHARE, _NUMBER_SHARE = 0.5, 0.1
#: Where the median is so many times the quickest, most blocks waited and some did not.
_FACTOR = 30.0
#: Fewer samples show nothing.
_LEAST = 8


def threads_waited(samples_s: Sequence[float], *, calls: int, threads: int) -> bool:
    """Whether the threads most probably waited for cores; never of one thread.

    samples_s: seconds per call of each block, of so many calls.
    """
    if threads < 2 or len(samples_s) < _LEAST:
        return False
    if median(samples_s) > _FACTOR * min(samples_s):
        return True
    blocks = np.asarray(samples_s) * calls
    # Nearly all blocks are shorter than any tick, and a leaderboard may ask of ten thousand rows.
    if np.count_nonzero(blocks >= _SHORTEST) < _SHARE * len(blocks):
        return False
    return any(_are_whole(blocks / tick.seconds, tick) for tick in TICKS)


def _are_whole(ticks: np.ndarray[tuple[int], np.dtype[np.float64]], tick: Tick) -> bool:
    """Whether most of the times, in ticks, are whole numbers, of as many kinds as it takes."""
    whole = np.rint(ticks)
    are = (whole >= 1) & (whole <= _MOST) & (np.abs(ticks - whole) <= tick.near)
    if np.count_nonzero(are) < _SHARE * len(ticks):
        return False
    _, counts = np.unique(whole[are], return_counts=True)
    return bool(np.count_nonzero(counts >= _NUMBER_SHARE * len(ticks)) >= tick.numbers)
