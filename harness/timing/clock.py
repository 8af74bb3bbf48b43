"""Clocks: what the race times blocks by. The fake one is public, for tests of decisions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds that a block took: by the host, and by the device's own events where it has any."""

    host_s: float
    device_s: float | None = None


class Clock(Protocol):
    """Times a block of calls; seconds, of which only differences mean something."""

    def now(self) -> float:
        """Seconds since some moment."""

    def synchronize(self) -> None:
        """Return when the device has done all that was asked of it."""

    def block(self, call: Callable[[], object], calls: int) -> Reading:
        """Call so many times on an idle device, until it is idle again."""


@dataclass(frozen=True, slots=True)
class HostClock:
    """The host's monotonic clock; `wait` blocks until the device is idle, None where none is."""

    wait: Callable[[], None] | None = None

    def now(self) -> float:
        """Seconds of the host's performance counter."""
        return time.perf_counter()

    def synchronize(self) -> None:
        """Wait for the device."""
        if self.wait is not None:
            self.wait()

    def block(self, call: Callable[[], object], calls: int) -> Reading:
        """Host time of the calls, waiting for the device included."""
        return Reading(timed(call, calls, time.perf_counter, self.wait))


@dataclass(frozen=True, slots=True)
class EventClock:
    """Host time and, beside it, the device's own: events recorded before and after the calls.

    event: makes an event with `record()` and `elapsed_time(other)` in milliseconds, as
    `torch.Event` is. Events see one stream: work on another looks free, which is why the host's
    time is kept too. Not run on a device yet.
    """

    wait: Callable[[], None]
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
    """A clock that moves only when it is told to; a fake contender calls `advance`."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """The seconds advanced so far."""
        return self._now

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def block(self, call: Callable[[], object], calls: int) -> Reading:
        """What the calls advanced it by."""
        return Reading(timed(call, calls, self.now, None))

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


def timed(
    call: Callable[[], object],
    calls: int,
    now: Callable[[], float],
    finish: Callable[[], None] | None,
) -> float:
    """Seconds that so many calls take, until they are finished.

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
