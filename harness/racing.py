"""The race: contenders of one case timed in turn, in short blocks, in an order drawn anew.

Times drift together on a shared machine, so what is compared are the contenders' blocks of the
same round, never their absolute times.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat

from harness.clock import Clock
from harness.guard import attempt
from harness.policy import Policy, decide
from results.record import Failed, Unsupported

#: A contender with its arguments bound.
Call = Callable[[], object]

#: A block is begun by this many untimed calls of the same contender, as far as they fit into
#: LEAD_S: after one alone, threads that slept and memory that was given back still show.
LEAD_CALLS = 3
LEAD_S = 0.01


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds per call of each block, the round of each, the calls in a block, and why it ended."""

    samples_s: tuple[float, ...]
    rounds: tuple[int, ...]
    calls: int
    stopped: str


@dataclass(slots=True)
class _Lane:
    """A contender during the race."""

    call: Call
    calls: int
    lead: int
    samples: dict[int, float] = field(default_factory=dict)
    stopped: str = ""


def measure(
    contenders: Mapping[str, Call], *, clock: Clock, policy: Policy, seed: int = 0
) -> dict[str, Timing | Failed | Unsupported]:
    """Time the contenders against each other until each is decided or the budget is spent.

    contenders: by name, each a function without arguments. What raises while it is timed is
    `Failed` and the others go on.
    """
    outcomes: dict[str, Timing | Failed | Unsupported] = {}
    lanes: dict[str, _Lane] = {}
    with _quiet():
        for name, call in contenders.items():
            settled = attempt("warm-up", partial(_settle, call, clock, policy))
            if isinstance(settled, float):
                lanes[name] = _lane(call, settled, policy)
            else:
                outcomes[name] = settled
        outcomes |= _run_rounds(lanes, clock, policy, random.Random(seed))
    for name, lane in lanes.items():
        if name not in outcomes:
            rounds, samples = tuple(lane.samples), tuple(lane.samples.values())
            outcomes[name] = Timing(samples, rounds, lane.calls, lane.stopped)
    return {name: outcomes[name] for name in contenders}


def _run_rounds(
    lanes: Mapping[str, _Lane], clock: Clock, policy: Policy, rng: random.Random
) -> dict[str, Failed | Unsupported]:
    failures: dict[str, Failed | Unsupported] = {}
    active = list(lanes)
    start = clock.now()
    for number in range(policy.max_rounds):
        rng.shuffle(active)
        for name in tuple(active):
            lane = lanes[name]
            sample = attempt("measure", partial(_block, lane, clock))
            if isinstance(sample, float):
                lane.samples[number] = sample
            else:
                failures[name] = sample
                active.remove(name)
        if policy.looks_at(number + 1):
            samples = {n: lane.samples for n, lane in lanes.items() if n not in failures}
            for name, reason in decide(samples, active, policy).items() if samples else ():
                lanes[name].stopped = reason
                active = [other for other in active if other != name]
        spent = clock.now() - start
        if not active or (number + 1 >= policy.min_rounds and spent > policy.budget_s):
            break
    for name in active:
        lanes[name].stopped = "budget"
    return failures


def _block(lane: _Lane, clock: Clock) -> float:
    """Seconds per call of one block, after untimed calls that make the caches its own."""
    call = lane.call
    for _ in repeat(None, lane.lead):
        call()
    clock.synchronize()
    start = clock.now()
    for _ in repeat(None, lane.calls):
        call()
    clock.synchronize()
    return (clock.now() - start) / lane.calls


def _settle(call: Call, clock: Clock, policy: Policy) -> float:
    """Call until the time no longer falls; the settled seconds per call.

    The first calls of a threaded op take up to 40 times its settled time, so the size of a block
    comes from settled calls.
    """
    single = _Lane(call, calls=1, lead=0)
    start = clock.now()
    fastest, stale = float("inf"), 0
    while stale < 5 and clock.now() - start < policy.settle_s:
        elapsed = _block(single, clock)
        stale = stale + 1 if elapsed > 0.95 * fastest else 0
        fastest = min(fastest, elapsed)
    return fastest


def _lane(call: Call, settled_s: float, policy: Policy) -> _Lane:
    settled_s = max(settled_s, 1e-9)
    calls = max(1, round(policy.block_s / settled_s))
    return _Lane(call, calls, lead=min(LEAD_CALLS, int(LEAD_S / settled_s)))


@contextmanager
def _quiet() -> Iterator[None]:
    """Garbage is collected before the race and not within it."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
