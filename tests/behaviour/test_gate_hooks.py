"""The real `opbench gate` in real git hooks: what is being committed is committed."""

import sys

import pytest

from tests.harness.projects import OPS, commit, git, repository, worktrees

#: The gate measures nothing: main has no such file. What it says is kept beside the repository.
HOOK = f"""#!/bin/sh
{sys.executable} -P -m opbench gate --base main --load bench/none.py 2>>"$REPORTED"
exit 0
"""
#: What it says, of git nothing.
MISSING = (
    "opbench gate: main has no file bench/none.py, nor has the working tree: --load asks for it"
)
WHO = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository on a branch of its own, with hooks that gate it against main."""
    monkeypatch.setenv("REPORTED", str(tmp_path / "reported"))
    root = repository(tmp_path / "theirs", {"ops.py": OPS})
    commit(root, {"feature.txt": "1\n", "other.txt": "1\n"}, branch="feature")
    (root / ".git" / "hooks" / "pre-commit").write_text(HOOK)
    (root / ".git" / "hooks" / "pre-commit").chmod(0o755)
    return root


@pytest.mark.parametrize("words", [("--all",), ("--amend", "feature.txt")])
@pytest.mark.parametrize("where", ["plain", "linked"])
def test_a_commit_has_the_staged_files(project, tmp_path, where, words):
    root = project
    if where == "linked":
        root = tmp_path / "linked"
        git(project, "worktree", "add", "--quiet", "-b", "mine", str(root), "feature")
    count = worktrees(root)
    (root / "feature.txt").write_text("1\n2\n")

    git(root, *WHO, "commit", "--quiet", "--message", "more", *words)

    assert git(root, "show", "HEAD:feature.txt") == "1\n2\n"
    assert git(root, "ls-tree", "-r", "--name-only", "HEAD").split() == [
        *("feature.txt", "ops.py", "other.txt"),
    ]
    assert git(root, "status", "--porcelain") == ""
    assert worktrees(root) == count
    reported = set((tmp_path / "reported").read_text().splitlines())
    assert reported == {MISSING}


def test_other_commands_that_call_a_gate(project, tmp_path):
    """An alias, a rebase: git speaks to what they start as well."""
    command = HOOK.splitlines()[1] + "; true"
    git(project, "config", "alias.bench", f"!{command}")
    git(project, "bench")
    git(project, *WHO, "rebase", "--quiet", "--exec", command, "main")

    assert git(project, "show", "HEAD:feature.txt") == "1\n"
    assert git(project, "status", "--porcelain") == ""
    assert worktrees(project) == 1
    reported = set((tmp_path / "reported").read_text().splitlines())
    assert reported == {MISSING}
