"""The race: contenders of one case timed in turn, in short blocks, in an order drawn anew.

Times drift together on a shared machine, so what is compared are the contenders' blocks of the
same round, never their absolute times.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from typing import Protocol

from opbench.harness.outcomes import attempt
from opbench.harness.timing.clock import Clock, Reading
from opbench.harness.timing.stopping import Policy, lead_of, settled
from opbench.results.ranking.verdicts import looks
from opbench.results.records import Failed, Unsupported, Wrong

#: A contender with its arguments bound.
Call = Callable[[], object]
#: What a contender gets instead of times.
Out = Failed | Unsupported | Wrong


class Referee(Protocol):
    """Watches the race from outside of what is timed, and may put a contender out of it."""

    def begin(self, name: str) -> None:
        """A block of the contender is about to begin."""

    def fault(self, name: str) -> Failed | Wrong | None:
        """What the contender did in its last block that it must not do."""

    def recheck(self, name: str) -> Out | None:
        """What is wrong with the contender's result on inputs it has not seen."""


class Lenient:
    """A referee that sees nothing."""

    def begin(self, name: str) -> None:
        """Let it begin."""

    def fault(self, name: str) -> Failed | Wrong | None:
        """Nothing."""
        return None

    def recheck(self, name: str) -> Out | None:
        """Nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Size:
    """Of a block: the calls that are timed, and those that lead up to them."""

    calls: int
    lead: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds per call of each block, the round of each, the calls in a block, and why it ended.

    device_s: seconds per call by the device's events, where it has any.
    """

    samples_s: tuple[float, ...]
    rounds: tuple[int, ...]
    calls: int
    stopped: str
    device_s: tuple[float, ...] = ()


@dataclass(slots=True)
class _Lane:
    """A contender during the race."""

    call: Call
    calls: int
    lead: int
    samples: dict[int, float] = field(default_factory=dict)
    device_s: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Race:
    """A race under way: who is in it, and who is out of it for good."""

    clock: Clock
    policy: Policy
    referee: Referee
    rng: random.Random
    evict: Call | None
    lanes: dict[str, _Lane] = field(default_factory=dict)
    out: dict[str, Out] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    rechecking_s: float = 0.0

    @property
    def running(self) -> dict[str, _Lane]:
        return {name: lane for name, lane in self.lanes.items() if name not in self.out}


def measure(
    contenders: Mapping[str, Call],
    *,
    clock: Clock,
    policy: Policy,
    seed: int | str = 0,
    evict: Call | None = None,
    referee: Referee | None = None,
) -> dict[str, Timing | Failed | Unsupported | Wrong]:
    """Time the contenders against each other until each is decided or the budget is spent.

    contenders: by name, each a function without arguments. What raises while it is timed is
    `Failed` and the others go on. evict: empties the caches; called before each call that is then
    timed by itself, cold. referee: may put a contender out of the race.
    """
    race = _Race(clock, policy, referee or Lenient(), random.Random(seed), evict)
    with _quiet():
        for name, call in contenders.items():
            _warm_up(race, name, call)
        _run_rounds(race)
        # Who turned wrong only at the end is found out at the end.
        for name in race.running:
            _recheck(race, name)
    return {name: race.out.get(name) or _timing(race, name) for name in contenders}


def _run_rounds(race: _Race) -> None:
    order: list[str] = list(race.lanes)
    upcoming: Iterator[int] = looks(len(order), race.policy.rules)
    first = look = next(upcoming)
    start = race.clock.now()
    for number in range(race.policy.max_rounds):
        race.rng.shuffle(order)
        for name in order:
            _time(race, name, number)
        if number + 1 == look:
            look = next(upcoming)
            race.stopped = _settled(race)
        order = [name for name in race.running if name not in race.stopped]
        spent = race.clock.now() - start
        allowed = race.policy.budget_s * (1 if number + 1 >= first else race.policy.patience)
        if not order or spent > allowed:
            break
        _recheck_at_random(race, order, spent)


def _settled(race: _Race) -> dict[str, str]:
    samples = {name: lane.samples for name, lane in race.running.items()}
    return dict(settled(samples, race.policy)) if samples else {}


def _time(race: _Race, name: str, number: int) -> None:
    """Time a block of the contender, or put it out of the race."""
    lane = race.lanes[name]
    race.referee.begin(name)
    reading = attempt("measure", partial(_block, race, lane))
    fault = race.referee.fault(name)
    if not isinstance(reading, Reading):
        race.out[name] = reading
    elif fault is not None:
        race.out[name] = fault
    else:
        lane.samples[number] = reading.host_s / lane.calls
        if reading.device_s is not None:
            lane.device_s.append(reading.device_s / lane.calls)


def _block(race: _Race, lane: _Lane) -> Reading:
    return led_block(lane.call, Size(lane.calls, lane.lead), race.clock, evict=race.evict)


def led_block(call: Call, size: Size, clock: Clock, *, evict: Call | None = None) -> Reading:
    """A block, after untimed calls that make the caches its own, or after emptying them."""
    for _ in repeat(None, size.lead):
        call()
    if evict is not None:
        evict()
    clock.synchronize()
    return clock.block(call, size.calls)


def _recheck_at_random(race: _Race, active: Sequence[str], spent_s: float) -> None:
    """Now and then, as long as it takes a small share of the time."""
    if race.rng.random() < 0.5 and race.rechecking_s < race.policy.recheck * spent_s:
        _recheck(race, race.rng.choice(active))


def _recheck(race: _Race, name: str) -> None:
    start = race.clock.now()
    race.referee.begin(name)
    verdict = race.referee.recheck(name)
    if verdict is not None:
        race.out[name] = verdict
    race.rechecking_s += race.clock.now() - start


def _warm_up(race: _Race, name: str, call: Call) -> None:
    """Find how many calls make a block of the contender, or put it out of the race."""
    race.referee.begin(name)
    settled_s = attempt("warm-up", partial(settle, call, race.clock, race.policy))
    fault = race.referee.fault(name)
    if not isinstance(settled_s, float):
        race.out[name] = settled_s
        return
    if isinstance(fault, Wrong):
        # Compiling is what warming up is for; anything else that it must not do counts.
        race.out[name] = fault
        return
    size = size_of(settled_s, race.policy) if race.evict is None else Size(1, 0)
    race.lanes[name] = _Lane(call, size.calls, size.lead)


def size_of(settled_s: float, policy: Policy) -> Size:
    """How many calls of so many settled seconds make a block."""
    settled_s = max(settled_s, 1e-9)
    lead = lead_of(settled_s, policy)
    # Where leading takes longer than the block, a longer block is the better use of the time.
    return Size(max(1, round(policy.block_s / settled_s), (lead + 1) // 2), lead)


def settle(call: Call, clock: Clock, policy: Policy) -> float:
    """Call until the time no longer falls; the settled seconds per call.

    The first calls of a threaded op take up to 40 times its settled time, so the size of a block
    comes from settled calls.
    """
    start = clock.now()
    fastest, stale = float("inf"), 0
    while stale < 5 and clock.now() - start < policy.settle_s:
        clock.synchronize()
        elapsed = clock.block(call, 1).host_s
        stale = stale + 1 if elapsed > 0.95 * fastest else 0
        fastest = min(fastest, elapsed)
    return fastest


def _timing(race: _Race, name: str) -> Timing:
    lane = race.lanes[name]
    samples, rounds = tuple(lane.samples.values()), tuple(lane.samples)
    stopped = race.stopped.get(name, "budget")
    return Timing(samples, rounds, lane.calls, stopped, tuple(lane.device_s))


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
