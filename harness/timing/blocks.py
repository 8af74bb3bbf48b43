"""Blocks: how many calls one holds, and how it is timed after warm-up calls.

A block is some calls in a row, timed together. It is short (0.2 ms), because noise on shared
machines comes in hits: of short blocks most are clean. Its size in calls comes from a pilot, once
per contender, so that all blocks of one contender are alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat

from opbench.harness.timing.clock import Clock, Reading
from opbench.harness.timing.stopping import Policy

#: A contender with its arguments bound.
Call = Callable[[], object]

#: The most seconds that the warm-up calls of a block may take together.
_WARMUP_S = 0.01
#: A pilot ends after so many calls in a row that weren't faster by 5% than the fastest before.
_STALE_CALLS = 5
#: What a call takes at least: it keeps a clock that doesn't advance from asking for endless blocks.
_LEAST_S = 1e-9


@dataclass(frozen=True, slots=True)
class BlockSize:
    """The number of calls that make up a block."""

    #: Timed calls.
    calls: int
    #: Untimed calls before them.
    warmup: int


def primed_block(
    call: Call, size: BlockSize, clock: Clock, *, flush: Call | None = None
) -> Reading:
    """Time a block after its warm-up calls, or after a flush of the caches.

    Warm-up calls fill the caches with the contender's own data. The reading is of the whole block.
    """
    for _ in repeat(None, size.warmup):
        call()
    if flush is not None:
        flush()
    clock.synchronize()
    return clock.block(call, size.calls)


def block_size(call_s: float, policy: Policy) -> BlockSize:
    """The size of a block of calls that take `call_s` seconds each."""
    call_s = max(call_s, _LEAST_S)
    warmup = warmup_calls(call_s, policy)
    # Where warming up takes longer than the block, a longer block is the better use of the time.
    return BlockSize(max(1, round(policy.block_s / call_s), (warmup + 1) // 2), warmup)


def warmup_calls(call_s: float, policy: Policy) -> int:
    """The number of warm-up calls of a block: as many as the policy says, and fit into 10 ms."""
    return min(policy.warmup_calls, int(_WARMUP_S / call_s))


def pilot(call: Call, clock: Clock, policy: Policy) -> float:
    """Call until the time no longer falls, and return the steady seconds per call.

    The first calls of a threaded op take up to 40 times its steady time, so the size of a block
    comes from steady calls.
    """
    start = clock.now()
    fastest, stale = float("inf"), 0
    while stale < _stale_calls(fastest) and clock.now() - start < policy.pilot_s:
        clock.synchronize()
        elapsed = clock.block(call, 1).host_s
        stale = stale + 1 if elapsed > 0.95 * fastest else 0
        fastest = min(fastest, elapsed)
    return fastest


def _stale_calls(fastest_s: float) -> int:
    """How many calls in a row have to be no faster, before the fastest is taken for steady.

    A block of a call that is too long for warm-up calls is one call, however long exactly.
    """
    return 1 if math.isfinite(fastest_s) and fastest_s > _WARMUP_S else _STALE_CALLS
