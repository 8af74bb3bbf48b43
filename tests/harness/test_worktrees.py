"""Versions of a real repository, checked out beside it and removed."""

import signal
import subprocess
import sys
import time

import pytest

from harness.worktrees import HERE, built, checked_out, toplevel
from results.errors import VersionError
from tests.harness.projects import commit, git, repository, worktrees


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository with a file that differs between its versions; temporary files are apart."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    root = repository(tmp_path / "theirs", {"a.txt": "old", "sub/b.txt": ""})
    commit(root, {"a.txt": "new"}, branch="later")
    git(root, "tag", "v1", "main")
    return root


def is_clean(project):
    """Whether nothing is left of what was checked out."""
    return worktrees(project) == 1 and not list((project.parent / "temporary").iterdir())


@pytest.mark.parametrize("ref", ["main", "v1", "HEAD~1"])
def test_a_version_is_checked_out_and_removed(project, ref):
    with checked_out(project, ref) as found:
        assert (found.root / "a.txt").read_text() == "old"
        assert found.root.name == project.name
        assert found.commit == git(project, "rev-parse", "main").strip()
        assert found.label == ref
        assert worktrees(project) == 2
    assert is_clean(project)
    assert (project / "a.txt").read_text() == "new"
    assert git(project, "branch", "--show-current").strip() == "later"


def test_the_working_tree_is_taken_as_it_is(project):
    commit_now = git(project, "rev-parse", "HEAD").strip()
    with checked_out(project, HERE) as found:
        assert (found.root, found.commit) == (project, commit_now)
    (project / "a.txt").write_text("not committed")
    with checked_out(project, HERE) as found:
        assert found.commit == commit_now + "+"
        assert (found.root / "a.txt").read_text() == "not committed"
    assert (project / "a.txt").read_text() == "not committed"
    assert is_clean(project)


def test_uncommitted_changes_are_not_in_a_version_that_is_named(project):
    (project / "a.txt").write_text("not committed")
    with checked_out(project, "HEAD") as found:
        assert (found.root / "a.txt").read_text() == "new"
        assert not found.commit.endswith("+")


def test_two_versions_are_there_at_once(project):
    with checked_out(project, "main") as base, checked_out(project, "later") as head:
        assert [(x.root / "a.txt").read_text() for x in (base, head)] == ["old", "new"]
        assert worktrees(project) == 3
    assert is_clean(project)


@pytest.mark.parametrize("error", [KeyboardInterrupt, VersionError])
def test_it_is_removed_whatever_happens_and_whatever_was_left_in_it(project, error):
    def build():
        with checked_out(project, "main") as found:
            (found.root / "a.txt").write_text("changed by a build")
            (found.root / "built").mkdir()
            (found.root / "built" / "library.so").write_text("")
            raise error

    with pytest.raises(error):
        build()
    assert is_clean(project)


def test_what_a_killed_gate_left_is_cleared_up_by_the_next(project):
    root = project.parent / "temporary" / "opbench-gate-x" / "theirs"
    git(project, "worktree", "add", "--quiet", "--detach", str(root), "main")
    subprocess.run(["rm", "-r", str(root.parent)], check=True)
    assert worktrees(project) == 2
    with checked_out(project, "main"):
        assert worktrees(project) == 2
    assert is_clean(project)


@pytest.mark.parametrize("ref", ["nope", "v9", "0123456789", "main:a.txt", ""])
def test_an_unknown_version_is_told_with_what_to_do(project, ref):
    with pytest.raises(VersionError, match="has no version") as caught, checked_out(project, ref):
        pass
    assert str(project) in str(caught.value)
    assert "give a commit, branch or tag (`git fetch`" in str(caught.value)
    assert is_clean(project)


def test_a_repository_is_found_from_below_and_missed_outside(project, tmp_path, monkeypatch):
    assert toplevel(project / "sub") == project
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(VersionError, match="is in no git repository"):
        toplevel(tmp_path)


def test_without_git_that_is_told(project, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(VersionError, match="git is not installed"):
        toplevel(project)


def test_a_version_is_built_in_its_own_root(project):
    with checked_out(project, "main") as found:
        built(found, "cp a.txt c.txt && echo done")
        assert (found.root / "c.txt").read_text() == "old"
    assert not (project / "c.txt").exists()


def test_what_a_failed_build_printed_last_is_told(project):
    with checked_out(project, "main") as found, pytest.raises(VersionError) as caught:
        built(found, "seq 1 20; echo no compiler >&2; exit 7")
    text = str(caught.value)
    assert text.startswith("main does not build: ")
    assert "ended with 7" in text
    assert text.endswith("17\n18\n19\n20\nno compiler")


def test_an_interrupted_build_leaves_no_process(tmp_path):
    """Neither the shell nor what it started."""
    program = (
        "import signal, sys; from pathlib import Path\n"
        "from harness.worktrees import Checkout, built\n"
        # Whoever was started in the background of a shell ignores it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "built(Checkout('main', Path(sys.argv[1]), ''), 'sleep 60 & echo $! > pid; wait; true')"
    )
    builder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (tmp_path / "pid").is_file():
        time.sleep(0.05)
    time.sleep(0.2)
    builder.send_signal(signal.SIGINT)
    builder.wait(timeout=20)
    sleeper = (tmp_path / "pid").read_text().strip()
    while time.monotonic() < deadline and is_alive(sleeper):
        time.sleep(0.05)
    assert not is_alive(sleeper)


def is_alive(process_id):
    """Whether there is such a process; one that nobody waited for yet is dead."""
    done = subprocess.run(["ps", "-o", "stat=", process_id], capture_output=True, text=True)
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")
