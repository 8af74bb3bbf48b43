"""Run folders for tests."""

from datetime import datetime

from harness.environment import describe
from results.record import RunInfo
from results.store import create


def new_run(root, name="test"):
    """An empty run below `root`."""
    info = RunInfo(name, datetime.now().astimezone().isoformat(), ("test",), describe())
    return create(root, info)
