"""Run folders for tests."""

from datetime import datetime

from opbench.harness.machine.environment import describe
from opbench.results.records import RunInfo
from opbench.results.records.run_folder import create


def new_run(root, name="test"):
    """An empty run below `root`."""
    info = RunInfo(
        id=name,
        created=datetime.now().astimezone().isoformat(),
        command=("test",),
        environment=describe(),
    )
    return create(root, info)
