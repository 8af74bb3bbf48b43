"""Run folders for tests, and what short runs of somebody's contenders are asked for."""

from datetime import datetime

from opbench.harness.machine.environment import describe
from opbench.results.records import RunInfo
from opbench.results.records.run_folder import create
from tests.places import LOADED

MINE = ["--load", str(LOADED / "row_sum.py")]
TROUBLE = [*MINE, "--load", str(LOADED / "row_sum_trouble.py")]
BRIEF = ["--budget", "0.1", "--threads", "1"]


def new_run(root, name="test"):
    """An empty run below `root`."""
    info = RunInfo(
        id=name,
        created=datetime.now().astimezone().isoformat(),
        command=("test",),
        environment=describe(),
    )
    return create(root, info)
