"""Versions of a repository side by side: temporary git worktrees.

They lie in folders that their process keeps locked, and are removed at the end; those of
processes that were killed are removed by the next one.
"""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from opbench.harness.system import owned_folders
from opbench.harness.system.interruption import uninterrupted
from opbench.harness.versions.git import git
from opbench.results.errors import SelectionError, VersionError

#: The ref that stands for the working tree, uncommitted changes included.
HERE = "."
#: How many changed paths are named.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Checkout:
    """A version of a repository on disk."""

    #: Its name in messages.
    label: str
    #: The folder that it lies in.
    root: Path
    #: The full name of its commit; with "+" if it was changed since.
    commit: str


def toplevel(folder: Path) -> Path:
    """The root of the repository that `folder` is in. Raises VersionError if it is in none."""
    missing = f"{folder} is in no git repository, and versions are compared of one"
    return Path(git(folder, "rev-parse", "--show-toplevel", otherwise=missing))


@contextmanager
def checked_out(repository: Path, ref: str) -> Iterator[Checkout]:
    """Check out the version `ref` of `repository` in a worktree, which is removed at the end.

    ref: a commit, branch or tag; "." stands for the working tree, which is left as it is. Worktrees
    left by killed processes are removed as well. Raises SelectionError if there is no such version.
    """
    if ref == HERE:
        changed = "+" if any(uncommitted(repository)) else ""
        yield Checkout(
            "the working tree", repository, git(repository, "rev-parse", "HEAD") + changed
        )
        return
    commit = _commit(repository, ref)
    with ExitStack() as stack:
        with uninterrupted():
            remove_abandoned(repository)
            owned = owned_folders.make()
            root = owned.path / repository.name
            stack.callback(_remove, repository, root, owned)
        git(repository, "worktree", "add", "--quiet", "--detach", str(root), commit)
        yield Checkout(ref, root, commit)


def ensure_different(repository: Path, base: Checkout, head: Checkout) -> None:
    """Raise VersionError if two versions are one and the same tree."""
    commits = (base.commit, head.commit)
    if any(commit.endswith("+") for commit in commits):
        return
    if len({git(repository, "rev-parse", f"{commit}^{{tree}}") for commit in commits}) == 1:
        raise VersionError(
            f"{base.label} and {head.label} are the same tree (commit {base.commit[:12]}), and "
            "there is nothing to compare; give the --base that the change started from"
        )


def only_uncommitted(repository: Path, base: Checkout, head: Checkout) -> Iterator[str]:
    """A warning if two versions differ by uncommitted changes alone.

    A file that a job left behind is one, and hides a wrong base.
    """
    if head.commit != f"{base.commit}+":
        return
    paths = sorted(uncommitted(repository))
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    yield (
        f"{base.label} is the commit that {head.label} is based on: all that differs is what isn't "
        f"committed, {', '.join(paths[:_NAMED])}{more}"
    )


@contextmanager
def naming_missing_submodules(checkouts: Sequence[Checkout]) -> Iterator[None]:
    """Add the submodules that aren't checked out to VersionErrors that are raised meanwhile."""
    try:
        yield
    except VersionError as error:
        for checkout in checkouts:
            missing = _missing_submodules(checkout.root)
            if missing:
                raise VersionError(
                    f"{error}; {checkout.label} has submodules that aren't checked out "
                    f"({', '.join(missing)}): --build 'git submodule update --init --recursive'"
                ) from error
        raise


def _missing_submodules(root: Path) -> list[str]:
    """The paths of submodules that aren't checked out."""
    if not (root / ".gitmodules").exists():
        return []
    try:
        lines = git(root, "submodule", "status").splitlines()
    except VersionError:
        return []
    return [line.split(" ", 1)[1] for line in lines if line.startswith("-")]


def remove_abandoned(repository: Path) -> None:
    """Remove the leftovers of ended processes: worktrees of this repository, folders of any."""
    shared = repository / git(repository, "rev-parse", "--git-common-dir")
    for pointer in shared.glob("worktrees/*/gitdir"):
        with contextlib.suppress(OSError):
            # Git may have written it relative to where it stands.
            target = os.fsdecode(pointer.read_bytes()).removesuffix("\n")
            root = (pointer.parent / target).parent
            if root != repository and owned_folders.is_abandoned(root.parent):
                owned_folders.remove(root.parent)
                _forget(repository, root)
    for folder in owned_folders.abandoned():
        if folder != repository.parent:
            owned_folders.remove(folder)


def _remove(repository: Path, root: Path, owned: owned_folders.Owned) -> None:
    """Remove a worktree and its folder, without being interrupted."""
    with uninterrupted():
        owned_folders.release(owned)
        _forget(repository, root)


def _forget(repository: Path, root: Path) -> None:
    """Make git forget a worktree whose folder is gone; also one that was only half made."""
    with contextlib.suppress(VersionError):
        git(repository, "worktree", "remove", "--force", "--force", str(root))


def _commit(repository: Path, ref: str) -> str:
    """The full name of a commit. Raises SelectionError, with suggestions."""
    try:
        return git(repository, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    except VersionError as error:
        known = git(repository, "for-each-ref", "--format=%(refname:short)").splitlines()
        remote = [name for name in known if ref and name.endswith(f"/{ref}")]
        meant = remote or difflib.get_close_matches(ref, known)
        advice = (
            f"did you mean {' or '.join(meant[:3])}?"
            if meant
            else "give a commit, branch or tag (`git fetch` brings what only the remote has)"
        )
        raise SelectionError(f"{repository} has no version {ref!r}; {advice}") from error


def uncommitted(repository: Path) -> Iterator[str]:
    """The paths at which the working tree differs from its commit.

    Files of __pycache__ are no difference, nor are opbench's own folders, if temporary files lie in
    the repository. Files that git is to ignore changes of (`git update-index --assume-unchanged`)
    count as changed.
    """
    listing = ("--porcelain", "-z", "--untracked-files=all", "--ignore-submodules=none")
    # Two letters and a blank precede each path.
    changed = (line[3:] for line in git(repository, "status", *listing).split("\0") if line)
    yield from (path for path in changed if not _is_by_product(path.split("/")))
    tagged = git(repository, "ls-files", "-v", "-z").split("\0")
    unseen = (line[2:] for line in tagged if line[:1].islower() or line[:1] == "S")
    yield from (name for name in unseen if (repository / name).exists())


def _is_by_product(parts: Sequence[str]) -> bool:
    """Whether a path, by its parts, was made by Python's compiler or by opbench itself."""
    return "__pycache__" in parts[:-1] or any(p.startswith(owned_folders.PREFIX) for p in parts)
