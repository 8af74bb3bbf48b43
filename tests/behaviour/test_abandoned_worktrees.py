"""Worktrees of versions when processes are signalled to end or killed, and those of somebody's."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from opbench.harness.system.interruption import SIGNALS
from opbench.harness.versions.worktrees import checked_out
from tests.harness.processes import PATIENCE, interruptible, within
from tests.harness.projects import git, is_clean, two_versions, worktrees


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository with a file that differs between its versions; temporary files are apart."""
    return two_versions(tmp_path, monkeypatch)


#: Checks out a version as the command does, says so, and waits.
GATE = (
    "import sys, time\n"
    "from pathlib import Path\n"
    "from opbench.harness.system.interruption import as_interrupt\n"
    "from opbench.harness.versions.worktrees import checked_out\n"
    "with as_interrupt(), checked_out(Path(sys.argv[1]), 'main') as found:\n"
    "    (found.root / 'many').mkdir()\n"
    "    for number in range(1000):\n"
    "        (found.root / 'many' / str(number)).touch()\n"
    "    print(found.root, flush=True)\n"
    "    time.sleep(600)"
)


@contextmanager
def gating(project, *, wait=True):
    """A process that has a version checked out, and the worktree's root; it is killed at last.

    wait: until it is checked out; otherwise nothing is known of its root.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", GATE, str(project)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TMPDIR": str(project.parent / "temporary")},
        preexec_fn=interruptible,
    )
    with process:
        try:
            yield process, Path(process.stdout.readline().strip() if wait else "")
        finally:
            process.kill()


@pytest.mark.parametrize(
    "numbers",
    [
        *([number] for number in SIGNALS),
        [signal.SIGINT, signal.SIGTERM],
        [signal.SIGINT] * 3,
        [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGHUP],
    ],
)
def test_signals_leave_nothing_however_many_there_are(project, numbers):
    with gating(project) as (process, _):
        assert worktrees(project) == 2
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.01)
        process.wait(timeout=PATIENCE)
    assert is_clean(project)


def test_leftovers_of_a_killed_gate_are_removed_by_the_next(project):
    with gating(project) as (process, root):
        process.kill()
        process.wait()
        assert root.is_dir()
        with checked_out(project, "main"):
            assert not root.exists()
            assert worktrees(project) == 2
    assert is_clean(project)


@pytest.mark.parametrize("left", ["half", "nothing"])
def test_a_worktree_without_its_folder_is_forgotten(project, left):
    """As after what clears up temporary folders, or a start of the machine."""
    with gating(project) as (process, root):
        process.kill()
        process.wait()
        if left == "half":
            (root / ".git").unlink()
        else:
            shutil.rmtree(root.parent)
        assert worktrees(project) == 2
        with checked_out(project, "main"):
            pass
    assert is_clean(project)


def test_a_gate_that_runs_is_left_alone_by_others(project, monkeypatch):
    """Also where others keep their temporary files elsewhere, or see nothing of its folder."""
    with gating(project) as (_, root):
        monkeypatch.setattr("tempfile.tempdir", str(project.parent))
        with checked_out(project, "main"):
            assert worktrees(project) == 3
        hidden = project.parent / "hidden"
        root.parent.rename(hidden)
        with checked_out(project, "main"):
            pass
        hidden.rename(root.parent)
        assert worktrees(project) == 2
        assert git(root, "status", "--porcelain", "--untracked-files=no") == ""


def test_an_interrupted_checkout_is_not_left_half_made(project):
    """A filter that takes long, as that of large files does, is still at work then."""
    git(project, "config", "filter.slow.smudge", "touch ../smudging; sleep 60; cat")
    (project / ".git" / "info" / "attributes").write_text("*.txt filter=slow\n")
    with gating(project, wait=False) as (process, _):
        assert within(PATIENCE, lambda: any((project.parent / "temporary").glob("*/smudging")))
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE)
    assert is_clean(project)


def test_a_worktree_of_a_user_that_is_absent_is_left_alone(project):
    """Its drive isn't mounted, or this is a container; and it may be called as ours are."""
    for name in ("drive", "opbench-gate-drive", "opbench-gate-x/theirs"):
        place = project.parent / name
        git(project, "worktree", "add", "--quiet", "-b", name.replace("/", "-"), str(place))
        (place / "new.txt").write_text("not committed")
        git(place, "add", "new.txt")
        place.rename(project.parent / "unmounted")
        with checked_out(project, "main"):
            pass
        (project.parent / "unmounted").rename(place)
        assert git(place, "status", "--short") == "A  new.txt\n"
    assert worktrees(project) == 4
