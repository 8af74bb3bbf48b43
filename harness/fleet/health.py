"""Whether a node is as it was: its anchors against its own history. Pure.

Not against other nodes: of one environment key, some are always a little slower than others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opbench.results.statistics.intervals import median

#: Fewer measurements are no history.
FEWEST = 3
#: Of the median of its history, and of the distance of that to what is unusual in it.
MOST_RATIO, MOST_SPREADS = 1.25, 5.0
#: Seconds per call of each anchor, by its name.
AnchorSeconds = Mapping[str, float]


def deviation(now: AnchorSeconds, history: Sequence[AnchorSeconds]) -> str:
    """How a node is off its own history, in words; "" where it isn't, or has too short a one.

    Slower by a quarter, and by more than it varies: neither alone. One that is quicker than it was
    is off as well, as what it ran before is then no measure of it.
    """
    for name, seconds in now.items():
        before = [times[name] for times in history if name in times]
        if len(before) < FEWEST or seconds <= 0 or min(before) <= 0:
            continue
        middle = median(before)
        spread = median([abs(value - middle) for value in before])
        ratio = seconds / middle
        is_far = abs(seconds - middle) > MOST_SPREADS * spread
        if is_far and max(ratio, 1 / ratio) > MOST_RATIO:
            return f"{name} takes {ratio:.2f} times what it took in {len(before)} measurements"
    return ""
