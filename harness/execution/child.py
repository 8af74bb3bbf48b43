"""What a process that is started by another does first: it needs nothing but Python to do so."""

from __future__ import annotations

import ctypes
import os
import signal

from opbench.harness.versions import own_packages

_PR_SET_PDEATHSIG = 1


def stand_apart() -> None:
    """Have opbench's own packages, leave the terminal's signals to the parent, and end with it."""
    own_packages.pin()
    os.setsid()
    die_with_parent()


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends, so that nothing runs behind it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
