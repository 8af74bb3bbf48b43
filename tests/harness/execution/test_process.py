"""Worker processes: what they wait for, and those that end before they get a message."""

import shutil
import subprocess
import sys

import pytest

from opbench.harness.execution.messages import TimeRequest, WorkerConfig
from opbench.harness.execution.process import Limits, WorkerError, WorkerProcess


@pytest.fixture
def ended():
    """A process that ended at once, and would not have understood anyway."""
    worker = WorkerProcess(WorkerConfig((), None, (), shutil.which("false")))
    worker._process.wait()
    yield worker
    worker.end()


def test_a_worker_that_does_not_start_is_an_error(ended):
    with pytest.raises(WorkerError, match="did not start: exited with code 1"):
        ended.handshake()


def test_a_message_to_an_ended_worker_is_lost_and_its_end_received(ended):
    ended.send(TimeRequest("nobody"))
    death = ended.receive(Limits(), ())
    assert (death.contender, death.failed.cause) == ("", "exited")
    assert "exited with code 1" in death.failed.reason


def test_a_worker_imports_torch_and_not_scipy():
    """Which takes half as long again, in each of the many processes of a gate."""
    program = (
        "import sys; from opbench.harness.execution import worker, run_case, race_twins; "
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "torch" in loaded
    assert "scipy" not in loaded
