"""Waiting for processes to come to an end, known by a token in their environment."""

import time

import psutil


def gone(token):
    """Whether every process with TOKEN=token in its environment ends within seconds."""
    return within(10, lambda: not any(_has(process, token) for process in psutil.process_iter()))


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
