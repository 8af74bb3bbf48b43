"""Versions that are built where they were checked out, and not installed."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

from opbench.harness.versions.builds import build, ensure_builds_in_place, pointing_into
from opbench.harness.versions.worktrees import checked_out
from opbench.results.errors import SelectionError, VersionError
from tests.harness.processes import PATIENCE, within
from tests.harness.projects import is_clean, two_versions


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository with a file that differs between its versions; temporary files are apart."""
    return two_versions(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "command",
    [
        *("pip install -e .", "python -m pip install --no-deps --editable .", "pip3.11 install ."),
        *("make && pip install './python'", "uv pip install -e .[dev]", "pip install -q .[dev]"),
        *("python setup.py develop", "poetry install", "uv sync", "maturin develop --release"),
        *(
            "pip install '.[dev]'",
            "pip install ../x -r ./needs.txt",
            "pip install ..",
            "pip install -e.",
        ),
        "pip install numpy && (pip install . --no-build-isolation)",
    ],
)
def test_a_command_that_installs_a_version_is_refused(command):
    with pytest.raises(SelectionError, match=r"installs a version into this environment.*in place"):
        ensure_builds_in_place(command)


@pytest.mark.parametrize(
    "command",
    [
        *(
            "",
            "make",
            "python setup.py build_ext --inplace",
            "cmake -S . -B build && make -C build",
        ),
        *("pip install cython==3.1", "pip install -r requirements.txt; make", "pip install numpy"),
        *("git submodule update --init", "pip download .", "npm install ."),
        *("pip install -r ./needs.txt -c ./limits.txt", "pip install --find-links ./wheels numpy"),
        *("pip install -t ./vendor .", "pip install --prefix=./here ./there", "pip install ...x"),
    ],
)
def test_other_commands_are_not(command):
    ensure_builds_in_place(command)


def test_one_that_installs_behind_a_make_is_found_out(project, tmp_path, monkeypatch):
    site = tmp_path / "site"
    (site / "theirs.dist-info").mkdir(parents=True)
    (site / "other.pth").write_text("/somewhere/else\n")
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(site))
    with checked_out(project, "main") as found:
        build(found, "true")
        with pytest.raises(
            VersionError, match=r"installed main into .*easy\.pth.*your own version"
        ):
            build(found, f"pwd > {site}/easy.pth")
        (site / "theirs.dist-info" / "direct_url.json").write_text(f'"file://{found.root}"')
        assert [path.name for path in pointing_into(found.root, [site])] == [
            *("easy.pth", "direct_url.json")
        ]
    assert is_clean(project)


def test_a_hook_that_checks_out_leaves_the_commit_as_it_was(project, monkeypatch):
    """git tells hooks which index it writes, and ours must not write there."""
    for name, value in (("GIT_INDEX_FILE", f"{project}/.git/index"), ("GIT_DIR", ".git")):
        monkeypatch.setenv(name, value)
    before = (project / ".git" / "index").read_bytes()
    with checked_out(project, "main") as found:
        build(found, "git add --all && git rev-parse --show-toplevel > ../top; env > ../env")
        assert (found.root.parent / "top").read_text() == f"{found.root}\n"
        assert "GIT_INDEX_FILE" not in (found.root.parent / "env").read_text()
    assert (project / ".git" / "index").read_bytes() == before


def test_build_outputs_without_write_permission_are_removed(project):
    with checked_out(project, "main") as found:
        build(found, "mkdir -p cache/deep && touch cache/deep/x && chmod -R a-w cache")
    assert is_clean(project)


def test_a_version_is_built_in_its_own_root(project):
    with checked_out(project, "main") as found:
        build(found, "cp a.txt c.txt && echo done")
        assert (found.root / "c.txt").read_text() == "old"
    assert not (project / "c.txt").exists()


def test_a_failed_build_shows_its_last_lines(project):
    with checked_out(project, "main") as found, pytest.raises(VersionError) as caught:
        build(found, "seq 1 20; echo no compiler >&2; exit 7")
    text = str(caught.value)
    assert text.startswith("main does not build: ")
    assert "ended with 7" in text
    assert text.endswith("17\n18\n19\n20\nno compiler")


#: Builds with the command that it is given, and is interrupted by Ctrl-C.
BUILDER = """
import signal, sys
from pathlib import Path
from opbench.harness.versions.builds import build
from opbench.harness.versions.worktrees import Checkout
# Whoever was started in the background of a shell ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
build(Checkout("main", Path(sys.argv[1]), ""), sys.argv[2])
"""


@pytest.mark.parametrize(
    ("command", "times"),
    [
        ("sleep 6000 & echo $! > pid; wait; true", 1),
        # Its end is waited for, and that waiting is broken off by the second Ctrl-C.
        ("trap '' TERM INT; echo $$ > pid; while true; do sleep 0.1; done", 2),
    ],
)
def test_an_interrupted_build_leaves_no_process(tmp_path, command, times):
    """Neither the shell nor what it started, nor one that doesn't listen."""
    words = [sys.executable, "-c", BUILDER, str(tmp_path), command]
    builder = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    pid = tmp_path / "pid"
    assert within(PATIENCE, lambda: pid.is_file() and pid.read_text().strip())
    for _ in range(times):
        # By now it waits for the shell, however late it learnt that there is one.
        assert within(PATIENCE, lambda: is_asleep(builder.pid))
        builder.send_signal(signal.SIGINT)
        time.sleep(0.5)
    builder.wait()
    assert within(PATIENCE, lambda: not is_alive(pid.read_text().strip()))


def is_asleep(process):
    """Whether a process waits, or is through."""
    return psutil.Process(process).status() in (psutil.STATUS_SLEEPING, psutil.STATUS_ZOMBIE)


def is_alive(process_id):
    """Whether there is such a process; one that nobody waited for yet is dead."""
    done = subprocess.run(["ps", "-o", "stat=", process_id], capture_output=True, text=True)
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")
