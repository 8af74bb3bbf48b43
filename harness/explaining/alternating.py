"""Time a call in two states in turn: what the second state saves or costs, as a ratio.

States are those of the process: its threads, its allocator, its floating-point unit. As in a race,
blocks of both take turns, so that what slows the machine down slows both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import repeat

#: Seconds that a block takes at least, and that one comparison may take.
_BLOCK_S, _BUDGET_S = 0.0006, 0.35
#: Rounds that are taken however long they last, and the most.
_FEWEST, _MOST = 5, 15
#: A call that takes longer needs no other before it to get used to a state.
_LONG_S = 0.01

Call = Callable[[], object]
State = Callable[[], object]


def calls_per_block(call: Call) -> int:
    """How many calls make a block."""
    calls = 1
    while calls < 1 << 16 and seconds(call, calls) < _BLOCK_S:
        calls *= 2
    return calls


def seconds(call: Call, calls: int) -> float:
    """Seconds that so many calls take together."""
    start = time.perf_counter()
    for _ in repeat(None, calls):
        call()
    return time.perf_counter() - start


def ratio(call: Call, calls: int, default: State, other: State) -> float:
    """The time of a call in another state over that in the default one.

    Of the blocks in either state the lower quartile counts, which interruptions hardly reach.
    default, other: put the process into either state; it is left in the default one.
    """
    before: list[float] = []
    after: list[float] = []
    start = time.perf_counter()
    while len(before) < _MOST:
        if len(before) >= _FEWEST and time.perf_counter() - start > _BUDGET_S:
            break
        before.append(_block(call, calls, default))
        after.append(_block(call, calls, other))
    default()
    return _lower(after) / _lower(before)


def _lower(times: list[float]) -> float:
    """The lower quartile: interruptions by others only ever add to a time."""
    return sorted(times)[len(times) // 4]


def _block(call: Call, calls: int, state: State) -> float:
    """The seconds of a block in a state, after calls that get used to it."""
    state()
    if seconds(call, 1) < _LONG_S:
        call()
    return seconds(call, calls)
