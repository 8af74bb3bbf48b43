"""Requests to end: Ctrl-C, a signal of the system, a terminal that is closed.

All of them raise one KeyboardInterrupt, at which workers are ended, worktrees removed and folders
released. A cleanup that is under way is not interrupted by an impatient second request, and steps
that mustn't be torn apart defer signals until they are done.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

#: Signals that mean "end now". A process that nohup started ignores SIGHUP, and still does.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds in which a repeated request doesn't interrupt the cleanup.
PATIENCE_S = 3.0

_Handler = Callable[[int, FrameType | None], Any]


@contextmanager
def as_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt for each of SIGNALS, so that the process cleans up before it ends.

    Those that follow soon, as when a key is pressed again, are the same request and raise nothing.
    """
    with _handled(_Interrupt()):
        yield


def ignore_until_the_end() -> None:
    """Ignore SIGNALS from now on, in a process that was interrupted and is about to end.

    Python removes handlers before its cleanup is done; a signal would then change the exit code.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Defer SIGNALS until the end, and let them have their effect then."""
    waiting: dict[int, None] = {}
    try:
        with _handled(lambda number, _: waiting.setdefault(number)):
            yield
    finally:
        for number in waiting:
            signal.raise_signal(number)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Put the handlers of SIGNALS back at the end, whatever others are set meanwhile."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                if handler is not None and signal.getsignal(number) != handler:
                    signal.signal(number, handler)


@dataclass(slots=True)
class _Interrupt:
    """A signal handler that raises KeyboardInterrupt, but for repeated requests."""

    #: Seconds of the monotonic clock at which it last did.
    at: float = float("-inf")

    def __call__(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            _leave_closed_terminal()
        now = time.monotonic()
        if now - self.at > PATIENCE_S:
            self.at = now
            raise KeyboardInterrupt


def _leave_closed_terminal() -> None:
    """Discard output to a closed terminal: failing to print would break off the cleanup."""
    for descriptor in (1, 2):
        try:
            os.write(descriptor, b"")
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, descriptor)
            os.close(null)


@contextmanager
def _handled(handler: _Handler) -> Iterator[None]:
    """Set the handler of SIGNALS that aren't ignored; Python allows that in a main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Mapping[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}
    # None stands for a handler that isn't Python's, and can't be put back.
    taken = [n for n in SIGNALS if before[n] is not None and before[n] != signal.SIG_IGN]
    try:
        for number in taken:
            signal.signal(number, handler)
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])
