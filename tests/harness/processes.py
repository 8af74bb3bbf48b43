"""Waiting for processes to come to an end, known by a token in their environment."""

import signal
import time

import psutil

#: Seconds that nothing takes that comes to an end, however busy the machine is.
PATIENCE = 600.0


def interruptible():
    """For who is started (`preexec_fn`): SIGINT ends it, though it is ignored in the background."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def gone(token):
    """Whether every process with TOKEN=token in its environment ends."""
    return within(PATIENCE, lambda: not any(environments(token)))


def within(seconds, condition):
    """Whether the condition holds in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def environments(token):
    """The environment of every process that has TOKEN=token in it."""
    for process in psutil.process_iter():
        try:
            variables = process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if variables.get("TOKEN") == token:
            yield variables
