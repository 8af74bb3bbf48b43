"""Git repositories that hold projects of others, and the real `opbench gate` run in them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opbench.harness.versions.trees import places_of

#: The real command, which finds its own modules, and not those of the folder that it is called in.
COMMAND = (sys.executable, "-P", "-m", "opbench")
#: As that, but a process of a gate times each contender for a twentieth of the usual seconds: what
#: is planted in these tests is so slow that a few rounds show it.
BRIEF = """\
import sys
from opbench.results.regression import verdicts
verdicts.FIRST_S = verdicts.SUSPECT_S = 0.05
from opbench.harness.cli.app import command
sys.exit(command())
"""
#: As short as a session can be; what isn't decided after the first look is inconclusive.
SHORT = ("--min-slowdown", "90%", "--budget", "1s")
#: Goes on until it is decided, on a machine that is far too busy as well.
PATIENT = ("--min-slowdown", "90%", "--budget", "10m")

#: An op of somebody else's, as small as it can be.
OPS = '''\
"""Somebody's op."""

import torch

from opbench import Cost, Op, impl

row_sum = Op(
    name="row_sum",
    oracle=lambda x: x.sum(1),
    axes={"N": "rows", "M": "columns"},
    inputs={"normal": lambda N, M, rng: {"x": torch.randn(N, M, generator=rng)}},
    quick={"small": {"N": 64, "M": 64}},
    dtypes=("float32",),
    cost=lambda N, M, e: Cost(N * M, e * (N * M + N)),
)


@impl("row_sum")
def summed(x):
    return x.sum(1)


@impl("row_sum")
def multiplied(x):
    return x @ torch.ones(x.shape[1])


@impl("row_sum")
def with_scratch(x):
    torch.empty(1 << 20)
    return x.sum(1)
'''


@dataclass(frozen=True)
class Gated:
    """What came of `opbench gate`: its exit code and what it printed."""

    code: int
    out: str
    error: str

    @property
    def reported(self) -> dict[str, Any]:
        """What it printed with --json."""
        return json.loads(self.out)

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict on each contender of what it printed with --json."""
        return {found["contender"]: found["verdict"] for found in self.reported["findings"]}

    @property
    def uncompared(self) -> dict[str, str]:
        """The status of each contender that wasn't compared."""
        return {item["contender"]: item["status"] for item in self.reported["uncompared"]}


def repository(root: Path, files: Mapping[str, str]) -> Path:
    """A git repository at `root` whose only commit, on `main`, has those files. Returns `root`."""
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, files)
    return root


def commit(root: Path, files: Mapping[str, str], *, branch: str = "") -> None:
    """Commit the files; on a new branch that begins here, where one is named."""
    if branch:
        git(root, "checkout", "--quiet", "-b", branch)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(root, "add", "--all")
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    git(root, *who, "commit", "--quiet", "--message", "a version")


def git(root: Path, *words: str) -> str:
    """What git prints."""
    done = subprocess.run(("git", *words), cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


def two_versions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a file that differs between main, also v1, and later, which is checked out.

    Temporary files are in a folder beside it from now on.
    """
    (folder / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder / "temporary"))
    root = repository(folder / "theirs", {"a.txt": "old", "sub/b.txt": ""})
    commit(root, {"a.txt": "new"}, branch="later")
    git(root, "tag", "v1", "main")
    return root


def is_clean(root: Path) -> bool:
    """Whether nothing is left of what was checked out of `two_versions`."""
    return worktrees(root) == 1 and not list((root.parent / "temporary").iterdir())


def worktrees(root: Path) -> int:
    """How many working trees the repository has, its own included."""
    return len(git(root, "worktree", "list").splitlines())


def gate(root: Path, *words: str, python: str = "", **environment: str) -> Gated:
    """Run `opbench gate`, briefly, in a folder of a repository."""
    command = (python or sys.executable, "-P", "-c", BRIEF, "gate", *words)
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return Gated(done.returncode, done.stdout, done.stderr)


@contextmanager
def own_imports(folder: Path) -> Iterator[None]:
    """Afterwards this process finds modules where it did, and has none from below `folder`."""
    path, before, here = list(sys.path), set(sys.modules), Path.cwd()
    finders, hooks = list(sys.meta_path), list(sys.path_hooks)
    try:
        yield
    finally:
        os.chdir(here)
        sys.meta_path[:], sys.path_hooks[:] = finders, hooks
        for name in set(sys.modules) - before:
            if any(str(folder) in place for place in places_of(sys.modules[name])):
                del sys.modules[name]
        sys.path[:] = path
