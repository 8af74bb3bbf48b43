"""git, started by us: it works on the folder that it is given, whatever our caller's git said."""

import os
import subprocess

import pytest

from opbench.harness.versions.git import forget_caller, git, without_local
from opbench.results.errors import VersionError
from tests.harness import projects
from tests.harness.projects import repository


@pytest.fixture
def project(tmp_path):
    return repository(tmp_path / "theirs", {"a.txt": "old"})


def local():
    """What this machine's git calls local."""
    words = ["git", "rev-parse", "--local-env-vars"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def test_gits_local_variables_are_not_handed_on():
    kept = {"PATH": os.environ["PATH"], "GIT_PAGER": "cat", "GIT_CEILING_DIRECTORIES": "/"}
    more = ["GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0", "GIT_QUARANTINE_PATH"]
    assert "GIT_INDEX_FILE" in local()
    assert without_local(kept | dict.fromkeys([*local(), *more], "x")) == kept


def test_trusted_folders_are_handed_on():
    said = [("core.bare", "true"), ("Safe.directory", "/a"), ("a.b", "c"), ("safe.directory", "")]
    given = {"GIT_CONFIG_COUNT": "4"}
    for number, (key, value) in enumerate(said):
        given |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    assert without_local(given) == {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "/a",
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "",
    }
    assert without_local({"GIT_CONFIG_COUNT": "many"}) == {}


@pytest.mark.parametrize("name", local())
def test_git_is_not_misled(project, tmp_path, monkeypatch, name):
    (tmp_path / "other").mkdir()
    monkeypatch.setenv(name, str(tmp_path / "other"))
    assert git(project, "ls-files") == "a.txt"
    assert git(project, "rev-parse", "--show-toplevel") == str(project)
    assert list((tmp_path / "other").iterdir()) == []


def test_a_process_forgets_the_calling_git(monkeypatch):
    monkeypatch.setenv("GIT_INDEX_FILE", "/somewhere/index")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ada")
    forget_caller()
    assert "GIT_INDEX_FILE" not in os.environ
    assert os.environ["GIT_AUTHOR_NAME"] == "Ada"


@pytest.mark.parametrize("name", ["ends in a space ", "two\nlines", "ends in one\n", "é\udcff"])
def test_a_folder_may_be_called_as_it_likes(tmp_path, name):
    root = repository(tmp_path / name, {"a.txt": ""})
    assert git(root, "rev-parse", "--show-toplevel") == str(root)


def test_no_hook_and_no_monitor_is_run(project):
    trap = project / ".git" / "hooks" / "trap"
    trap.write_text("#!/bin/sh\ntouch ../pwned\nexit 1\n")
    trap.chmod(0o755)
    projects.git(project, "config", "core.fsmonitor", ".git/hooks/trap")
    trap.with_name("post-index-change").symlink_to(trap)
    (project / "a.txt").touch()
    assert git(project, "status", "--porcelain") == ""
    assert not (project.parent / "pwned").exists()


def test_reading_commands_run_beside_a_commit(project):
    """The index is left as it is, and its lock is not asked for."""
    index = project / ".git" / "index"
    before = index.read_bytes()
    (project / ".git" / "index.lock").touch()
    os.utime(project / "a.txt", (1e9, 1e9))
    assert git(project, "status", "--porcelain") == ""
    assert index.read_bytes() == before


def test_gits_message_is_in_the_error(project):
    with pytest.raises(VersionError, match=r"git show nobody failed in .*nobody"):
        git(project, "show", "nobody")
    with pytest.raises(VersionError, match=r"^there is none: .*nobody"):
        git(project, "show", "nobody", otherwise="there is none")
