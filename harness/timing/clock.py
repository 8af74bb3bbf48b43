"""Clocks, by which the race times blocks. The fake one is public, for tests of decisions.

What a race needs of the world is three methods: the time, waiting for the device, and timing a
block. That seam is where tests put a clock of their own, and accelerators their events.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Reading:
    """The time of a block, in seconds."""

    #: By the host's clock, waiting for the device included.
    host_s: float
    #: By the device's own events; None where it has none.
    device_s: float | None = None


class Clock(Protocol):
    """Times blocks of calls, in seconds."""

    def now(self) -> float:
        """Seconds since an arbitrary moment: only differences mean something."""

    def synchronize(self) -> None:
        """Return when the device is idle."""

    def block(self, call: Callable[[], object], calls: int) -> Reading:
        """Time a number of calls on an idle device, until it is idle again."""


class HostClock:
    """The host's monotonic clock, for calls that are done when they return: those of a CPU."""

    def now(self) -> float:
        """Seconds of the host's performance counter."""
        return time.perf_counter()

    def synchronize(self) -> None:
        """Return at once: there is no device."""

    def block(self, call: Callable[[], object], calls: int) -> Reading:
        """Host time of the calls."""
        return Reading(timed(call, calls, time.perf_counter, None))


@dataclass(frozen=True, slots=True)
class EventClock:
    """Host time and, beside it, the device's own: events recorded before and after the calls.

    Events see one stream: work on another looks free, which is why the host's time is kept too.
    Not run on a device yet.
    """

    #: Returns when the device is idle.
    wait: Callable[[], None]
    #: Makes an event with `record()` and `elapsed_time(other)` in milliseconds, as `torch.Event`.
    event: Callable[[], Any]

    def now(self) -> float:
        """Seconds of the host's performance counter."""
        return time.perf_counter()

    def synchronize(self) -> None:
        """Wait for the device."""
        self.wait()

    def block(self, call: Callable[[], object], calls: int) -> Reading:
        """Both times of the calls."""
        first, last = self.event(), self.event()

        def finish() -> None:
            last.record()
            self.wait()

        first.record()
        host_s = timed(call, calls, time.perf_counter, finish)
        return Reading(host_s, first.elapsed_time(last) / 1e3)


class FakeClock:
    """A clock that moves only when it is advanced.

        clock = FakeClock()
        measure({"slow": lambda: clock.advance(2e-3), "fast": lambda: clock.advance(1e-3)},
                clock=clock, policy=Policy())

    For tests of decisions: contenders take exactly as many seconds as they advance it by.
    """

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """The seconds advanced so far."""
        return self._now

    def synchronize(self) -> None:
        """Return at once: there is no device."""

    def block(self, call: Callable[[], object], calls: int) -> Reading:
        """The seconds that the calls advanced it by."""
        return Reading(timed(call, calls, self.now, None))

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._now += seconds


def timed(
    call: Callable[[], object],
    calls: int,
    now: Callable[[], float],
    finish: Callable[[], None] | None,
) -> float:
    """Seconds that a number of calls take, `finish` (waiting for a device) included.

    Between the two readings of the clock is next to nothing but the calls, written out so that
    looping costs each of them a fraction of a nanosecond.
    """
    tens, ones = repeat(None, calls // 10), repeat(None, calls % 10)
    start = now()
    for _ in tens:
        call()
        call()
        call()
        call()
        call()
        call()
        call()
        call()
        call()
        call()
    for _ in ones:
        call()
    if finish is not None:
        finish()
    return now() - start
