"""The first steps of a child process, which need nothing but Python."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1


def stand_apart() -> None:
    """Leave the terminal's signals to the parent, and end with it."""
    os.setsid()
    die_with_parent()


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends, so that it doesn't outlive it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
