"""Worker processes that end before anybody has told them anything."""

import shutil

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


def test_who_does_not_start_is_told(ended):
    with pytest.raises(WorkerError, match="did not start: exited with code 1"):
        ended.handshake()


def test_what_is_sent_to_who_has_ended_is_lost_and_its_end_is_received(ended):
    ended.send(TimeRequest("nobody"))
    death = ended.receive(Limits(), ())
    assert (death.contender, death.failed.cause) == ("", "exited")
    assert "exited with code 1" in death.failed.reason
