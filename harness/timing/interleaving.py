"""The race: contenders of one case timed in turn, in short blocks, in an order drawn anew.

Times drift together on a shared machine, so what is compared are the contenders' blocks of the
same round, never their absolute times.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol

from opbench.harness.outcomes import catch
from opbench.harness.timing.blocks import BlockSize, Call, block_size, pilot, primed_block
from opbench.harness.timing.clock import Clock, Reading
from opbench.harness.timing.stopping import Policy, decided
from opbench.results.ranking.verdicts import RaceVerdict, gross_looks, looks
from opbench.results.records import Failed, Unsupported, Wrong

#: The outcome of a contender that was excluded from the race: it has no times.
Excluded = Failed | Unsupported | Wrong


class Monitor(Protocol):
    """Watches a race from outside of what is timed, and may exclude a contender from it."""

    def begin(self, name: str) -> None:
        """A block of the contender is about to begin."""

    def fault(self, name: str) -> Failed | Wrong | None:
        """The outcome of a contender whose last block broke a rule; None where it broke none."""

    def recheck(self, name: str) -> Excluded | None:
        """The outcome of a contender whose result on unseen inputs is wrong; None where right."""


class NoMonitor:
    """A monitor that excludes no contender."""

    def begin(self, name: str) -> None:
        """Let it begin."""

    def fault(self, name: str) -> Failed | Wrong | None:
        """None."""
        return None

    def recheck(self, name: str) -> Excluded | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The times of one contender in a race, and why it was timed no further."""

    #: Host seconds per call, one for each block.
    samples_s: tuple[float, ...]
    #: The round of each block.
    rounds: tuple[int, ...]
    #: Calls in a block.
    calls: int
    #: The verdict that ended its timing, or "budget" where time or rounds ran out.
    stopped: RaceVerdict | Literal["budget"]
    #: Seconds per call by the device's own events, one for each block; empty on a CPU.
    device_s: tuple[float, ...] = ()


@dataclass(slots=True)
class _Entry:
    """A contender in the race, and its times so far."""

    call: Call
    size: BlockSize
    #: Seconds per call, by round.
    samples: dict[int, float] = field(default_factory=dict)
    device_s: list[float] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Race:
    """The state of a race under way."""

    clock: Clock
    policy: Policy
    monitor: Monitor
    rng: random.Random
    #: Flushes the caches before each block; None where they are to be warm.
    flush: Call | None
    #: By contender, those that came through the warm-up.
    entries: dict[str, _Entry] = field(default_factory=dict)
    #: By contender, the outcome for which it was excluded for good.
    excluded: dict[str, Excluded] = field(default_factory=dict)
    #: By contender, the verdict that ended its timing; drawn up anew at each look.
    stopped: dict[str, RaceVerdict] = field(default_factory=dict)
    #: Seconds that went into checking results again.
    rechecking_s: float = 0.0

    @property
    def running(self) -> dict[str, _Entry]:
        """The entries that weren't excluded."""
        return {name: entry for name, entry in self.entries.items() if name not in self.excluded}


def measure(
    contenders: Mapping[str, Call],
    *,
    clock: Clock,
    policy: Policy,
    seed: int | str = 0,
    flush: Call | None = None,
    monitor: Monitor | None = None,
) -> dict[str, Timing | Failed | Unsupported | Wrong]:
    """Time contenders against each other until each is decided or the budget is spent.

        measure({"sum": lambda: x.sum(), "mean": lambda: x.mean() * len(x)},
                clock=HostClock(), policy=Policy(budget_s=1.0))

    contenders: by name, each a function without arguments. One that raises while it is timed is
        `Failed`, and the others go on.
    clock: of the device that the contenders run on; times are seconds.
    seed: of the order in which contenders take turns.
    flush: empties the caches; called before each block, which is a single call then.
    monitor: may exclude contenders from the race; nobody is watched where it is None.
    """
    race = _Race(
        clock=clock,
        policy=policy,
        monitor=monitor or NoMonitor(),
        rng=random.Random(seed),
        flush=flush,
    )
    with _without_collector():
        for name, call in contenders.items():
            _warm_up(race, name, call)
        _run_rounds(race)
        # A contender that turned wrong only at the end is found out at the end.
        for name in race.running:
            _recheck(race, name)
    return {name: race.excluded.get(name) or _timing(race, name) for name in contenders}


def _run_rounds(race: _Race) -> None:
    """Time a block of every undecided contender per round, until none is left or time is up."""
    order: list[str] = list(race.entries)
    upcoming: Iterator[int] = looks(len(order), race.policy.rules)
    gross, first = {at for at, _ in gross_looks(len(order), race.policy.rules)}, next(upcoming)
    look = first
    start = race.clock.now()
    for number in range(race.policy.max_rounds):
        race.rng.shuffle(order)
        for name in order:
            _time(race, name, number)
        if number + 1 == look:
            look = next(upcoming)
            race.stopped = _decided(race)
        elif number + 1 in gross:
            race.stopped = _decided(race)
        order = [name for name in race.running if name not in race.stopped]
        spent = race.clock.now() - start
        allowed = race.policy.budget_s * (1 if number + 1 >= first else race.policy.patience)
        if not order or spent > allowed:
            break
        _recheck_at_random(race, order, spent)


def _decided(race: _Race) -> dict[str, RaceVerdict]:
    """The contenders that need no more samples, with their verdicts."""
    samples = {name: entry.samples for name, entry in race.running.items()}
    return dict(decided(samples, race.policy)) if samples else {}


def _time(race: _Race, name: str, number: int) -> None:
    """Time a block of the contender, or exclude it from the race."""
    entry = race.entries[name]
    race.monitor.begin(name)
    reading = catch("measure", partial(_block, race, entry))
    fault = race.monitor.fault(name)
    if not isinstance(reading, Reading):
        race.excluded[name] = reading
    elif fault is not None:
        race.excluded[name] = fault
    else:
        entry.samples[number] = reading.host_s / entry.size.calls
        if reading.device_s is not None:
            entry.device_s.append(reading.device_s / entry.size.calls)


def _block(race: _Race, entry: _Entry) -> Reading:
    """Time one block of a contender, led by untimed calls."""
    return primed_block(entry.call, entry.size, race.clock, flush=race.flush)


def _recheck_at_random(race: _Race, active: Sequence[str], spent_s: float) -> None:
    """Check a contender again now and then, as long as it takes a small part of the time."""
    if race.rng.random() < 0.5 and race.rechecking_s < race.policy.recheck * spent_s:
        _recheck(race, race.rng.choice(active))


def _recheck(race: _Race, name: str) -> None:
    """Exclude a contender whose answers are wrong by now; the time counts as no race's."""
    start = race.clock.now()
    race.monitor.begin(name)
    outcome = race.monitor.recheck(name)
    if outcome is not None:
        race.excluded[name] = outcome
    race.rechecking_s += race.clock.now() - start


def _warm_up(race: _Race, name: str, call: Call) -> None:
    """Find the block size of the contender by a pilot, or exclude it from the race."""
    race.monitor.begin(name)
    call_s = catch("warm-up", partial(pilot, call, race.clock, race.policy))
    fault = race.monitor.fault(name)
    if not isinstance(call_s, float):
        race.excluded[name] = call_s
        return
    if isinstance(fault, Wrong):
        # Compiling is what warming up is for; anything else that it must not do counts.
        race.excluded[name] = fault
        return
    size = block_size(call_s, race.policy) if race.flush is None else BlockSize(1, 0)
    race.entries[name] = _Entry(call, size)


def _timing(race: _Race, name: str) -> Timing:
    """The times of a contender as they are reported."""
    entry = race.entries[name]
    return Timing(
        samples_s=tuple(entry.samples.values()),
        rounds=tuple(entry.samples),
        calls=entry.size.calls,
        stopped=race.stopped.get(name, "budget"),
        device_s=tuple(entry.device_s),
    )


@contextmanager
def _without_collector() -> Iterator[None]:
    """Collect garbage before the race, and none within it."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
