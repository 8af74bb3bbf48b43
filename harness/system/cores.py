"""The cores of this machine."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """How many cores this process may use."""
    # Affinity where the system has it: taskset and containers restrict it.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
