"""Being told to end: by Ctrl-C, by a signal of the system, by a terminal that is closed."""

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

#: What is meant as "end now". Who is started by nohup ignores SIGHUP, and goes on doing so.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds in which the same wish, said again, interrupts no clearing up.
PATIENCE_S = 3.0

_Handler = Callable[[int, FrameType | None], Any]


@contextmanager
def as_interrupt() -> Iterator[None]:
    """Every one of SIGNALS raises KeyboardInterrupt, so that whoever is told to end clears up.

    It does so once: those that follow soon, as when a key is pressed again or several signals are
    sent at a time, are the same wish.
    """
    with _handled(_Interrupt()):
        yield


def ignore_until_the_end() -> None:
    """Of a process that was interrupted and is about to end: the same wish, said again, is heard.

    Python takes handlers away before it is through with its clearing up, and a signal would then
    end it with another exit code than that of an interruption.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """SIGNALS wait until the end, and then do what they would have done."""
    waiting: dict[int, None] = {}
    try:
        with _handled(lambda number, _: waiting.setdefault(number)):
            yield
    finally:
        for number in waiting:
            signal.raise_signal(number)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Whatever others make of SIGNALS meanwhile, they do at the end what they did before."""
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
    """Raises KeyboardInterrupt; at: when it last did, in the clock's seconds."""

    at: float = float("-inf")

    def __call__(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            _leave_closed_terminal()
        now = time.monotonic()
        if now - self.at > PATIENCE_S:
            self.at = now
            raise KeyboardInterrupt


def _leave_closed_terminal() -> None:
    """Let what can't be printed any more go nowhere; it would break off the clearing up."""
    for descriptor in (1, 2):
        try:
            os.write(descriptor, b"")
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


@contextmanager
def _handled(handler: _Handler) -> Iterator[None]:
    """SIGNALS go to the handler, those apart that are ignored; only a main thread can have that."""
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
