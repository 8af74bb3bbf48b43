"""Fixtures that several tests share."""

import os

import pytest

# Read when torch is imported: the profiler's own log would print two lines per profile.
os.environ.setdefault("KINETO_LOG_LEVEL", "6")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Several processes on the same cores: threads that wait must not keep others from working.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def catalog():
    """The built-in catalogue."""
    import harness

    return harness.load()
