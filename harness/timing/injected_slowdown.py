"""A slowdown of a known size, injected into a call: a gate should find it.

Both sides of a comparison are wrapped alike, and the head's call is followed by the turns of a loop
that does nothing. Their number is found in the process that they run in, relative to the call: it
is a count and not a time, so that a machine that slows down slows both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import repeat

from opbench.harness.timing.blocks import BlockSize, Call, primed_block
from opbench.harness.timing.clock import Clock
from opbench.results.statistics.intervals import median

#: The slowdown at which the cost of a turn is measured: more than the call differs from itself, and
#: not far from what is injected. Behind a call whose other threads still run a turn costs up to
#: twice what it costs alone, and how much depends on how many follow: measured at a slowdown of
#: half of the call's time, 3% came out as 2% for calls of a millisecond.
_PROBE_SLOWDOWN = 0.15
#: Turns from which the number of those is guessed.
_PILOT_TURNS = 10_000
#: The least seconds of a block.
_BLOCK_S = 0.0003
#: Blocks of either call, and the seconds after which the fewest are enough.
_FEWEST_BLOCKS, _MOST_BLOCKS, _BUDGET_S = 9, 100, 0.5


def slowed(calls: Mapping[str, Call], slowdown: float, clock: Clock) -> dict[str, Call]:
    """Wrap the calls of both sides; the head's takes longer by a fraction of its own time.

    slowdown: that fraction, 0.03 for 3%. Of no use on an accelerator: its calls return before they
        are done, and would hide the loop.
    """
    turns = turns_of(calls["head"], slowdown, clock)
    return {side: _spinning(call, turns * (side == "head")) for side, call in calls.items()}


def turns_of(call: Call, slowdown: float, clock: Clock) -> int:
    """The number of turns that slow the call down by that fraction of its time."""
    unslowed = _spinning(call, 0)
    loops = _ratio(_spinning(_empty_call, _PILOT_TURNS), unslowed, clock)
    turns = max(1, round(_PROBE_SLOWDOWN * _PILOT_TURNS / loops))
    measured = _ratio(_spinning(call, turns), unslowed, clock) - 1
    return max(1, math.ceil(turns * slowdown / max(measured, 0.1 * _PROBE_SLOWDOWN)))


def _ratio(one: Call, other: Call, clock: Clock) -> float:
    """The time of one call over that of another, timed in turn."""
    sizes = [BlockSize(_calls(call, clock), 1) for call in (one, other)]
    ratios, start = [], clock.now()
    for number in range(_MOST_BLOCKS):
        if number >= _FEWEST_BLOCKS and clock.now() - start > _BUDGET_S:
            break
        # Either is first as often as the other.
        order = (0, 1) if number % 2 else (1, 0)
        timed = {n: primed_block((one, other)[n], sizes[n], clock).host_s for n in order}
        ratios.append(timed[0] / sizes[0].calls / (timed[1] / sizes[1].calls))
    return median(ratios)


def _calls(call: Call, clock: Clock) -> int:
    """The number of calls that make a block."""
    calls = 1
    while clock.block(call, calls).host_s < _BLOCK_S:
        calls *= 2
    return calls


def _spinning(call: Call, turns: int) -> Call:
    """The call, followed by `turns` of a loop that does nothing."""

    def spun() -> object:
        """Call, and then turn in a loop."""
        result = call()
        for _ in repeat(None, turns):
            pass
        return result

    return spun


def _empty_call() -> None:
    """Take next to no time."""
