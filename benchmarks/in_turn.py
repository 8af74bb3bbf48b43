"""Time short calls in turn, in an order drawn anew each round, and compare them in pairs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence

from opbench.results.statistics.intervals import median, median_interval

Call = Callable[[], object]
#: Calls of a block, and rounds.
CALLS, ROUNDS = 2000, 200


def timed_in_turn(
    calls: Mapping[str, Call], *, number: int = CALLS, rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """By name, the seconds per call of each round. number: of calls in a block."""
    rng = random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name in rng.sample(list(calls), len(calls)):
            times[name].append(_block(calls[name], number))
    return times


def _block(call: Call, number: int) -> float:
    """Seconds per call of a block."""
    start = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - start) / number


def added(times: Sequence[float], beside: Sequence[float]) -> str:
    """The median difference in the same rounds, in µs, with its 99% interval."""
    differences = [one - other for one, other in zip(times, beside, strict=True)]
    # An interval of times isn't negative; differences may be.
    least = min(differences)
    interval = median_interval([difference - least for difference in differences])
    ends = f"[{(interval.low + least) * 1e6:.2f}, {(interval.high + least) * 1e6:.2f}]"
    return f"{median(differences) * 1e6:.2f} {ends}"
