"""Waiting for processes to come to an end, known by a token in their environment."""

import time

import psutil

#: Seconds that nothing takes that comes to an end, however busy the machine is.
PATIENCE = 600.0


def gone(token):
    """Whether every process with TOKEN=token in its environment ends."""

    def none_left():
        return not any(_has(process, token) for process in psutil.process_iter())

    return within(PATIENCE, none_left)


def within(seconds, condition):
    """Whether the condition holds in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def _has(process, token):
    try:
        return process.environ().get("TOKEN") == token
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
