"""Files that git ignores and Python would load: only the working tree has them, no ref does.

A compiled extension, say: the base, checked out, may fall back to slower code for want of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib.machinery import all_suffixes
from itertools import islice
from pathlib import Path

from opbench.harness.versions.git import git

#: Suffixes of files that can be imported, or loaded as a library or kernel by an import.
_LOADABLE = tuple({*all_suffixes(), ".so", ".pyd", ".dll", ".dylib", ".cubin", ".ptx", ".hsaco"})
#: Folders of installed packages, packages to be built, or caches: nothing is imported from there.
_SET_ASIDE = ("__pycache__", "build", "dist", "node_modules", "site-packages")
#: Files that mark a folder as an environment.
_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")
#: How many files are named, and how many are looked at in a folder, which may hold a data set.
_NAMED, _LOOKED_AT = 3, 100_000


def warnings(root: Path, base: str) -> Iterator[str]:
    """A warning of the files in a working tree that Python can load and git ignores.

    base: the label of the other version, which lacks them.
    """
    files = sorted(set(ignored(root)))
    if not files:
        return
    named = ", ".join(files[:_NAMED])
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    yield (
        f"git ignores {named}{more} in the working tree: {base} doesn't have that, and may run "
        "other code for want of it; have it made in each version with --build"
    )


def unmade(root: Path, lacking: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A warning of each file that a version lacks, though the project is installed with it.

    root: of the tree that is installed. lacking: the label of a version, and the place of a file in
    that tree. Files that git tracks come and go with the versions: there is no warning of them.
    """
    found = [(label, os.path.relpath(os.path.realpath(place), root)) for label, place in lacking]
    if not found:
        return
    listing = ("--literal-pathspecs", "ls-files", "--others", "-z", "--")
    made = set(git(root, *listing, *(name for _, name in found)).split("\0"))
    for label, name in found:
        if name in made:
            yield (
                f"{label} has no {name}, which is imported where the project is installed, and may "
                "run other code for want of it; have it made in each version with --build"
            )


def ignored(root: Path) -> Iterator[str]:
    """Files that git ignores and Python can load, relative to the root.

    Raises VersionError if the root is in no repository.
    """
    listing = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
    for name in filter(None, git(root, *listing).split("\0")):
        if not any(_is_set_aside(part) for part in Path(name).parts):
            files = islice(_files(root / name), _LOOKED_AT)
            yield from (str(file.relative_to(root)) for file in files if _is_loadable(file.name))


def _files(path: Path) -> Iterator[Path]:
    """A file, or those below a folder that may be imported from."""
    if path.is_file():
        yield path
    for folder, inner, files in os.walk(path):
        inner[:] = [name for name in inner if not _is_set_aside(name)]
        if any(mark in (*inner, *files) for mark in _ENVIRONMENT):
            inner.clear()
        else:
            yield from (Path(folder) / name for name in files)


def _is_loadable(name: str) -> bool:
    """Whether a file of that name can be loaded."""
    # Libraries may have their version behind the suffix.
    return name.endswith(_LOADABLE) or ".so." in name


def _is_set_aside(name: str) -> bool:
    """Whether nothing is imported from a folder of that name."""
    return name in _SET_ASIDE or name.startswith(".") or name.endswith((".egg-info", ".dist-info"))
