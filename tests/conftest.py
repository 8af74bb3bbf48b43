"""Fixtures that several tests share."""

import os

import pytest

# Read when torch is imported: the profiler's own log would print two lines per profile.
os.environ.setdefault("KINETO_LOG_LEVEL", "6")
# Taken out: a pytest that a test starts would take itself for a worker, and not time anything.
if os.environ.pop("PYTEST_XDIST_WORKER", ""):
    # Several processes on the same cores: threads that wait must not keep others from working.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def catalog():
    """The built-in catalogue."""
    import opbench

    return opbench.load()
