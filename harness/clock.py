"""Clocks: what the race reads time from. The fake one is public, for tests of decision rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Seconds since some moment, and waiting for the device."""

    def now(self) -> float:
        """Seconds; only differences mean something."""

    def synchronize(self) -> None:
        """Return when the device has done all that was asked of it."""


@dataclass(frozen=True, slots=True)
class HostClock:
    """The host's monotonic clock; `wait` blocks until the device is idle."""

    wait: Callable[[], None] = lambda: None

    def now(self) -> float:
        """Seconds of the host's performance counter."""
        return time.perf_counter()

    def synchronize(self) -> None:
        """Wait for the device."""
        self.wait()


class FakeClock:
    """A clock that moves only when it is told to; a fake contender calls `advance`."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """The seconds advanced so far."""
        return self._now

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
