"""A slowdown of a known size, put into a call on purpose: what a gate should find.

Both sides of a comparison are wrapped alike, and the head's call is followed by turns of a loop
that does nothing. Their number is settled in the process that they run in, against the call: it
is a count and not a time, so that a machine that slows down slows both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import repeat

from harness.clock import Clock
from results.stats import median

Call = Callable[[], object]
#: Blocks that are timed last at least so long; how many there are, and the seconds that they may
#: take when there are enough.
_BLOCK_S = 0.0003
_FEWEST, _MOST, _SECONDS = 9, 60, 0.15
#: Turns of the loop by which their cost is guessed first.
_TURNS = 10_000


def slowed(calls: Mapping[str, Call], share: float, clock: Clock) -> dict[str, Call]:
    """The calls of both sides, wrapped; the head's takes longer by that share of its own time.

    A call of an accelerator returns before it is through, and would hide the loop.
    """
    turns = turns_of(calls["head"], share, clock)
    return {side: _spinning(call, turns * (side == "head")) for side, call in calls.items()}


def turns_of(call: Call, share: float, clock: Clock) -> int:
    """How many turns of the loop take at least that share of the call's time, as it is now."""
    guess = max(1, round(share * _TURNS * _over(call, _TURNS, clock)))
    # Beginning and leaving a loop takes as long as several turns of it, which count in short ones.
    return max(1, math.ceil(guess * share * _over(call, guess, clock)))


def _over(call: Call, turns: int, clock: Clock) -> float:
    """The call's time over that of so many turns; of the three blocks of a round, timed in turn."""
    calls = [_spinning(call, 0), _spinning(_nothing, turns), _spinning(_nothing, 0)]
    sizes = [_calls(one, clock) for one in calls]
    ratios, start = [], clock.now()
    for number in range(_MOST):
        if number >= _FEWEST and clock.now() - start > _SECONDS:
            break
        timed = [clock.block(c, n).host_s / n for c, n in zip(calls, sizes, strict=True)]
        ratios.append((timed[0] - timed[2]) / max(timed[1] - timed[2], 1e-9))
    return median(ratios)


def _calls(call: Call, clock: Clock) -> int:
    """How many calls make a block."""
    calls = 1
    while clock.block(call, calls).host_s < _BLOCK_S:
        calls *= 2
    return calls


def _nothing() -> None:
    """What is left when a call is taken away from what it is wrapped in."""


def _spinning(call: Call, turns: int) -> Call:
    """The call, followed by so many turns of a loop that does nothing."""

    def spun() -> object:
        result = call()
        for _ in repeat(None, turns):
            pass
        return result

    return spun
