"""A function in a process of its own: its result, and that nothing is left of the process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from opbench.harness.execution.subprocess_call import call_in_subprocess
from opbench.results.errors import VersionError
from tests.harness.processes import PATIENCE, within

#: Calls a function in a subprocess that writes its process id to a file, and never returns.
PROGRAM = """
import os, sys, time
from pathlib import Path
from opbench.harness.execution.subprocess_call import call_in_subprocess
from opbench.harness.system.interruption import as_interrupt

def wait(path):
    Path(path + ".part").write_text(str(os.getpid()))
    Path(path + ".part").rename(path)
    time.sleep(600)

if __name__ == "__main__":
    with as_interrupt():
        call_in_subprocess(wait, sys.argv[1])
"""


def test_results_and_errors_come_back():
    assert call_in_subprocess(os.path.basename, "a/b") == "b"
    assert call_in_subprocess(os.getpid) != os.getpid()
    with pytest.raises(FileNotFoundError):
        call_in_subprocess(os.stat, "/nowhere")


def test_a_process_that_dies_is_an_error():
    with pytest.raises(VersionError, match="has died of it"):
        call_in_subprocess(os.abort)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("target", ["the command", "its terminal's processes"])
def test_no_process_is_left_after_an_interruption(tmp_path, number, target):
    program, path = tmp_path / "program.py", tmp_path / "process"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), str(path)]
    caller = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert within(60, path.exists)
    os.kill(caller.pid, number) if target == "the command" else os.killpg(caller.pid, number)
    _, printed = caller.communicate(timeout=60)
    assert "SpawnProcess" not in printed
    assert within(20, lambda: not runs(int(path.read_text())))


#: As the program above, beside a process of the caller's own, of which it says whether it goes on.
BESIDE = (
    PROGRAM.partition("if __name__")[0].replace(
        "import os, sys,", "import multiprocessing, os, sys,"
    )
    + """
if __name__ == "__main__":
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    other.start()
    try:
        with as_interrupt():
            call_in_subprocess(wait, sys.argv[1])
    except KeyboardInterrupt:
        print(other.is_alive())
    other.kill()
"""
)


def test_an_interruption_leaves_processes_of_the_caller_alone(tmp_path):
    program, path = tmp_path / "program.py", tmp_path / "process"
    program.write_text(BESIDE)
    command = [sys.executable, str(program), str(path)]
    caller = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert within(PATIENCE, path.exists)
    os.kill(caller.pid, signal.SIGTERM)
    printed, _ = caller.communicate(timeout=PATIENCE)
    assert printed == "True\n"


def runs(process):
    """Whether there is such a process; one that wasn't waited for yet is dead."""
    try:
        stat = Path("/proc", str(process), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
