"""Two versions of a repository side by side: git worktrees, made for a while and removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from results.errors import VersionError

#: How the working tree as it is, changes that are not committed included, is called.
HERE = "."


@dataclass(frozen=True, slots=True)
class Checkout:
    """A version of a repository on disk. commit: its full name; with "+" where it was changed."""

    label: str
    root: Path
    commit: str


def toplevel(folder: Path) -> Path:
    """The root of the repository that `folder` is in. Raises VersionError where it is in none."""
    missing = f"{folder} is in no git repository, and the gate compares versions of one"
    return Path(_git(folder, "rev-parse", "--show-toplevel", otherwise=missing).strip())


@contextmanager
def checked_out(repository: Path, ref: str) -> Iterator[Checkout]:
    """The version `ref` of `repository`, in a worktree that is removed at the end.

    ref: a commit, branch or tag; "." stands for the working tree as it is, which is left alone.
    Raises VersionError where there is no such version.
    """
    if ref == HERE:
        changed = "+" if _is_changed(repository) else ""
        commit = _git(repository, "rev-parse", "HEAD").strip()
        yield Checkout("the working tree", repository, commit + changed)
        return
    missing = (
        f"{repository} has no version {ref!r}; give a commit, branch or tag (`git fetch` brings "
        "what only the remote has)"
    )
    wanted = ("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    commit = _git(repository, *wanted, otherwise=missing).strip()
    # What an earlier gate left behind that was killed with no chance to clear up.
    _git(repository, "worktree", "prune")
    folder = Path(tempfile.mkdtemp(prefix="opbench-gate-"))
    root = folder / repository.name
    try:
        _git(repository, "worktree", "add", "--quiet", "--detach", str(root), commit)
        yield Checkout(ref, root, commit)
    finally:
        with contextlib.suppress(VersionError):
            _git(repository, "worktree", "remove", "--force", str(root))
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(VersionError):
            _git(repository, "worktree", "prune")


def built(checkout: Checkout, command: str) -> None:
    """Run the shell command that builds a version, in its root. Raises VersionError if it fails."""
    with subprocess.Popen(
        command,
        shell=True,
        cwd=checkout.root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            printed, _ = process.communicate()
        except BaseException:
            # Whoever is interrupted leaves nobody behind: neither the shell nor what it started.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        last = "\n".join(printed.strip().splitlines()[-5:])
        raise VersionError(
            f"{checkout.label} does not build: {command!r} ended with {process.returncode}:\n{last}"
        )


def _is_changed(repository: Path) -> bool:
    """Whether the working tree differs from its commit; what Python compiled is no difference."""
    lines = _git(repository, "status", "--porcelain").splitlines()
    return any(not line.endswith("__pycache__/") for line in lines)


def _git(folder: Path, *words: str, otherwise: str = "") -> str:
    """What git prints. Raises VersionError with what `otherwise` says, and with git's own words."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
        )
    except FileNotFoundError as error:
        raise VersionError("git is not installed, and the gate compares git versions") from error
    except subprocess.CalledProcessError as error:
        failed = otherwise or f"git {' '.join(words)} failed in {folder}"
        told = error.stderr.strip()
        raise VersionError(f"{failed}: {told}" if told else failed) from error
    return done.stdout
