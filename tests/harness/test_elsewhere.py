"""A function in a process of its own: what it returns, and what is left of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from opbench.harness.execution.subprocess_call import called_elsewhere
from opbench.results.errors import VersionError
from tests.harness.processes import within

#: Calls a function elsewhere that says which process it is in, and never returns.
PROGRAM = """
import os, sys, time
from pathlib import Path
from opbench.harness.execution.subprocess_call import called_elsewhere
from opbench.harness.system.interruption import as_interrupt

def wait(path):
    Path(path + ".part").write_text(str(os.getpid()))
    Path(path + ".part").rename(path)
    time.sleep(600)

if __name__ == "__main__":
    with as_interrupt():
        called_elsewhere(wait, sys.argv[1])
"""


def test_what_it_returns_or_raises():
    assert called_elsewhere(os.path.basename, "a/b") == "b"
    assert called_elsewhere(os.getpid) != os.getpid()
    with pytest.raises(FileNotFoundError):
        called_elsewhere(os.stat, "/nowhere")


def test_one_that_dies():
    with pytest.raises(VersionError, match="has died of it"):
        called_elsewhere(os.abort)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("whom", ["the command", "its terminal's processes"])
def test_nothing_is_left_of_it(tmp_path, number, whom):
    program, path = tmp_path / "program.py", tmp_path / "process"
    program.write_text(PROGRAM)
    words = [sys.executable, str(program), str(path)]
    caller = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert within(60, path.exists)
    os.kill(caller.pid, number) if whom == "the command" else os.killpg(caller.pid, number)
    _, told = caller.communicate(timeout=60)
    assert "SpawnProcess" not in told
    assert within(20, lambda: not runs(int(path.read_text())))


def runs(process):
    """Whether there is such a process; one that nobody waited for yet is dead."""
    try:
        stat = Path("/proc", str(process), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
