"""A process that stays its own, whatever a file does to it that is imported there.

Such a file may set what everything else relies on, by mistake or since it would be a program by
itself: the names that are built in, the streams, a timer that ends it.
"""

from __future__ import annotations

import builtins
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opbench.harness.system.interruption import handlers_kept

#: The attributes of `sys` that the command and Python's own end need.
_OF_SYS = ("argv", "excepthook", "exit", "stderr", "stdin", "stdout", "unraisablehook")


@contextmanager
def process_kept() -> Iterator[None]:
    """Put back at the end what was set meanwhile."""
    names = dict(vars(builtins))
    own = {name: getattr(sys, name) for name in _OF_SYS}
    argv = list(sys.argv)
    timer = signal.getitimer(signal.ITIMER_REAL)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        with handlers_kept():
            yield
    finally:
        vars(builtins).update(names)
        for name, value in own.items():
            setattr(sys, name, value)
        sys.argv[:] = argv
        _open_again()
        if timer == (0.0, 0.0) and threading.current_thread() is threading.main_thread():
            signal.setitimer(signal.ITIMER_REAL, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _open_again() -> None:
    """Make new streams of those that were closed; what they wrote to is still open."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is not None and stream.closed:
            setattr(sys, name, open(number, "w", errors="backslashreplace", closefd=False))
