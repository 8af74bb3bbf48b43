"""A slowdown of a known size, put into a call on purpose: what a gate should find.

Both sides of a comparison are wrapped alike, and the head's call is followed by turns of a loop
that does nothing. Their number is settled in the process that they run in, against the call: it
is a count and not a time, so that a machine that slows down slows both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import repeat

from opbench.harness.timing.clock import Clock
from opbench.harness.timing.interleaving import Size, led_block
from opbench.results.statistics.intervals import median

Call = Callable[[], object]
#: The cost of a turn is found from so many of them that the call takes longer by about this share:
#: more than it differs from itself, and not far from what is injected. Behind a call whose other
#: threads still run a turn costs up to twice what it costs alone, and how much depends on how many
#: follow: from half of the call's time, 3% came out as 2% for calls of a millisecond.
_MUCH = 0.15
#: Turns from which that number is guessed.
_TURNS = 10_000
#: Blocks last at least so long; how many there are of each, and the seconds that all may take when
#: there are enough.
_BLOCK_S = 0.0003
_FEWEST, _MOST, _SECONDS = 9, 100, 0.5


def slowed(calls: Mapping[str, Call], share: float, clock: Clock) -> dict[str, Call]:
    """The calls of both sides, wrapped; the head's takes longer by that share of its own time.

    A call of an accelerator returns before it is through, and would hide the loop.
    """
    turns = turns_of(calls["head"], share, clock)
    return {side: _spinning(call, turns * (side == "head")) for side, call in calls.items()}


def turns_of(call: Call, share: float, clock: Clock) -> int:
    """How many turns of the loop after it take about that share of the call's time."""
    plain = _spinning(call, 0)
    loops = _over(_spinning(_nothing, _TURNS), plain, clock)
    many = max(1, round(_MUCH * _TURNS / loops))
    longer = _over(_spinning(call, many), plain, clock) - 1
    return max(1, math.ceil(many * share / max(longer, 0.1 * _MUCH)))


def _over(one: Call, other: Call, clock: Clock) -> float:
    """The time of one call over that of another, timed in turn."""
    sizes = [Size(_calls(call, clock), 1) for call in (one, other)]
    ratios, start = [], clock.now()
    for number in range(_MOST):
        if number >= _FEWEST and clock.now() - start > _SECONDS:
            break
        # Either is first as often as the other.
        order = (0, 1) if number % 2 else (1, 0)
        timed = {n: led_block((one, other)[n], sizes[n], clock).host_s for n in order}
        ratios.append(timed[0] / sizes[0].calls / (timed[1] / sizes[1].calls))
    return median(ratios)


def _calls(call: Call, clock: Clock) -> int:
    """How many calls make a block."""
    calls = 1
    while clock.block(call, calls).host_s < _BLOCK_S:
        calls *= 2
    return calls


def _spinning(call: Call, turns: int) -> Call:
    """The call, followed by so many turns of a loop that does nothing."""

    def spun() -> object:
        result = call()
        for _ in repeat(None, turns):
            pass
        return result

    return spun


def _nothing() -> None:
    """A call that takes no time."""
