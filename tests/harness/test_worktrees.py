"""Versions of a real repository, checked out beside it and removed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.interruption import SIGNALS
from harness.worktrees import HERE, built, checked_out, ensure_different, toplevel
from results.errors import VersionError
from tests.harness.processes import within
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


#: Checks out a version as the command does, says so, and waits.
GATE = (
    "import sys, time\n"
    "from pathlib import Path\n"
    "from harness.interruption import as_interrupt\n"
    "from harness.worktrees import checked_out\n"
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
        process.wait(timeout=60)
    assert is_clean(project)


def test_what_a_killed_gate_left_is_cleared_up_by_the_next(project):
    with gating(project) as (process, root):
        process.kill()
        process.wait()
        assert root.is_dir()
        with checked_out(project, "main"):
            assert not root.exists()
            assert worktrees(project) == 2
    assert is_clean(project)


@pytest.mark.parametrize("left", ["half", "nothing"])
def test_it_is_forgotten_too_where_little_or_nothing_is_left_of_it_on_disk(project, left):
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
        assert within(60, lambda: any((project.parent / "temporary").glob("*/smudging")))
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert is_clean(project)


def test_a_worktree_of_somebodys_that_is_not_there_just_now_is_left_alone(project):
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


HOOKS = ("post-checkout", "post-index-change", "reference-transaction", "pre-commit")


@pytest.mark.parametrize("where", [".git/hooks", "tools/hooks"])
def test_no_hook_of_the_repository_runs(project, where):
    folder = project / where
    folder.mkdir(parents=True, exist_ok=True)
    git(project, "config", "core.hooksPath", str(folder))
    for name in HOOKS:
        (folder / name).write_text(f"#!/bin/sh\ntouch {project.parent}/ran-{name}\nexit 1\n")
        (folder / name).chmod(0o755)
    with checked_out(project, "main") as found:
        assert (found.root / "a.txt").read_text() == "old"
    assert is_clean(project)
    assert list(project.parent.glob("ran-*")) == []


def test_filters_of_the_repository_do_run(project):
    git(project, "config", "filter.loud.smudge", "tr a-z A-Z")
    (project / ".git" / "info" / "attributes").write_text("*.txt filter=loud\n")
    with checked_out(project, "main") as found:
        assert (found.root / "a.txt").read_text() == "OLD"


@pytest.mark.parametrize("kind", ["linked", "linked to a bare one", "a submodule"])
def test_other_kinds_of_repositories(project, tmp_path, kind):
    root = tmp_path / "other"
    if kind == "linked":
        git(project, "config", "extensions.worktreeConfig", "true")
        git(project, "worktree", "add", "--quiet", "-b", "mine", str(root))
    elif kind == "linked to a bare one":
        git(tmp_path, "clone", "--quiet", "--bare", str(project), "bare.git")
        git(tmp_path / "bare.git", "worktree", "add", "--quiet", "-b", "mine", str(root))
    else:
        repository(root, {"b.txt": ""})
        add = ("submodule", "add", "--quiet", str(project), "inner")
        git(root, "-c", "protocol.file.allow=always", *add)
        root = root / "inner"
        git(root, "branch", "--force", "main", "origin/main")
    count = worktrees(root)
    with checked_out(toplevel(root), "main") as found:
        assert (found.root / "a.txt").read_text() == "old"
        assert worktrees(root) == count + 1
    assert worktrees(root) == count
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_hook_that_checks_out_leaves_the_commit_as_it_was(project, monkeypatch):
    """git tells hooks which index it writes, and ours must not write there."""
    for name, value in (("GIT_INDEX_FILE", f"{project}/.git/index"), ("GIT_DIR", ".git")):
        monkeypatch.setenv(name, value)
    before = (project / ".git" / "index").read_bytes()
    with checked_out(project, "main") as found:
        built(found, "git add --all && git rev-parse --show-toplevel > ../top; env > ../env")
        assert (found.root.parent / "top").read_text() == f"{found.root}\n"
        assert "GIT_INDEX_FILE" not in (found.root.parent / "env").read_text()
    assert (project / ".git" / "index").read_bytes() == before


def test_what_a_build_left_without_write_permission_is_removed(project):
    with checked_out(project, "main") as found:
        built(found, "mkdir -p cache/deep && touch cache/deep/x && chmod -R a-w cache")
    assert is_clean(project)


@pytest.mark.parametrize("base", ["later", "HEAD", "twin"])
def test_equal_trees_are_told(project, base):
    """Also those of two commits."""
    tree = git(project, "rev-parse", "HEAD^{tree}").strip()
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    twin = git(project, *who, "commit-tree", "-m", "the same again", tree).strip()
    git(project, "branch", "twin", twin)
    for head in (HERE, "later"):
        with checked_out(project, base) as old, checked_out(project, head) as new:
            with pytest.raises(VersionError, match=r"are the same tree .* nothing to compare"):
                ensure_different(project, old, new)
    with checked_out(project, "main") as old, checked_out(project, HERE) as new:
        ensure_different(project, old, new)


def edit(project):
    (project / "a.txt").write_text("edited")


def stage(project):
    edit(project)
    git(project, "add", "a.txt")


def add_unseen(project):
    git(project, "config", "status.showUntrackedFiles", "no")
    (project / "c.txt").touch()


def edit_unseen(project):
    git(project, "update-index", "--assume-unchanged", "a.txt")
    edit(project)


def edit_skipped(project):
    git(project, "update-index", "--skip-worktree", "a.txt")
    edit(project)


def remove(project):
    (project / "a.txt").unlink()


def rename(project):
    git(project, "mv", "a.txt", "é.txt")


@pytest.mark.parametrize(
    "change", [edit, stage, add_unseen, edit_unseen, edit_skipped, remove, rename]
)
def test_a_working_tree_that_was_changed_is_another(project, change):
    change(project)
    with checked_out(project, "HEAD") as old, checked_out(project, HERE) as new:
        assert new.commit == old.commit + "+"
        ensure_different(project, old, new)


def test_what_python_compiled_is_no_change(project):
    for folder in (project / "sub" / "__pycache__", project / "ü" / "__pycache__"):
        folder.mkdir(parents=True)
        (folder / "b.pyc").touch()
    with checked_out(project, HERE) as found:
        assert not found.commit.endswith("+")


@pytest.mark.parametrize(
    ("ref", "meant"),
    [("far", "origin/far"), ("mian", "main"), ("latr", "later"), ("feature/far", "up/feature/far")],
)
def test_what_may_be_meant_is_told(project, ref, meant):
    for name in ("origin/far", "up/feature/far"):
        git(project, "update-ref", f"refs/remotes/{name}", "main")
    with pytest.raises(VersionError, match=rf"no version '{ref}'; did you mean .*{meant}") as told:
        with checked_out(project, ref):
            pass
    assert "fetch" not in str(told.value)


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
