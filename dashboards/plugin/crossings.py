"""Where the lines of two contenders cross, and whether that is certain.

A line's own interval is wider than the interval of a ratio, since the rounds that two contenders
share were slow or fast for both: crossings are found among the ratios of the race.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from opbench.results.ranking.verdicts import Samples, ratio_to
from opbench.results.records import Rules
from opbench.results.statistics.interval import Interval
from opbench.results.statistics.intervals import median, paired_log_ratios

#: The contenders that were timed at a place of the axis, with their samples.
Place = Mapping[str, Samples]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Two contenders that change places between two places of the axis, given by their numbers."""

    #: The quicker one before, and the quicker one after.
    before: str
    after: str
    low: int
    high: int
    #: Whether the intervals at both places exclude that they are equal.
    certain: bool


def crossings(places: Sequence[Place], rules: Rules) -> Iterator[Crossing]:
    """The crossings of all pairs; places in the order of the axis.

    rules: of the race, whose error every pair has its part of.
    """
    names = dict.fromkeys(name for place in places for name in place)
    for one, other in combinations(names, 2):
        shared = [n for n, place in enumerate(places) if one in place and other in place]
        estimates = [_estimate(places[n][one], places[n][other]) for n in shared]
        # Most pairs never cross, and intervals take long.
        if len({ratio < 1 for ratio in estimates}) == 2:
            ratios = [
                _interval(places[n][one], places[n][other], len(places[n]), rules) for n in shared
            ]
            for low, high, certain in changes(ratios):
                pair = (one, other) if ratios[low].value < 1 else (other, one)
                yield Crossing(
                    before=pair[0],
                    after=pair[1],
                    low=shared[low],
                    high=shared[high],
                    certain=certain,
                )


def changes(ratios: Sequence[Interval]) -> Iterator[tuple[int, int, bool]]:
    """Between which ratios, one at least, the sides of 1 change, and whether that is certain.

    Between two that are certain to be on one side, others may stray: nothing crosses there.
    """
    known = [n for n, ratio in enumerate(ratios) if ratio.high < 1 or ratio.low > 1]
    first, last = (known[0], known[-1]) if known else (len(ratios) - 1, len(ratios) - 1)
    yield from _uncertain(ratios, 0, first)
    for low, high in pairwise(known):
        if _is_below(ratios[low]) != _is_below(ratios[high]):
            yield low, high, True
    yield from _uncertain(ratios, last, len(ratios) - 1)


def _uncertain(
    ratios: Sequence[Interval], first: int, last: int
) -> Iterator[tuple[int, int, bool]]:
    """The change between two ends of which one at most is certain: where the sides are mixed."""
    start, end = _is_below(ratios[first]), _is_below(ratios[last])
    if start != end:
        sides = [_is_below(ratio) for ratio in ratios[first : last + 1]]
        low = first + sides.index(end) - 1
        high = last - sides[::-1].index(start) + 1
        yield low, high, False


def _is_below(ratio: Interval) -> bool:
    """Whether the estimate is below 1."""
    return ratio.value < 1


def _estimate(one: Samples, other: Samples) -> float:
    """The ratio of two contenders at a place, without its interval."""
    log_ratios = paired_log_ratios(one, other)
    if len(log_ratios):
        return math.exp(median(log_ratios))
    return median(tuple(one.values())) / median(tuple(other.values()))


def _interval(one: Samples, other: Samples, contenders: int, rules: Rules) -> Interval:
    """The ratio with its interval; unbounded where they share no round."""
    if any(key in other for key in one):
        return ratio_to(one, other, contenders=contenders, rules=rules)
    return Interval(_estimate(one, other), 0.0, math.inf)
