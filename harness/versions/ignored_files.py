"""What git has not and Python would load: only the working tree has it, and no version of a ref."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES, all_suffixes
from itertools import islice
from pathlib import Path

from opbench.harness.versions.git import git

#: Files that can be loaded as a library or kernel.
_COMPILED = (*EXTENSION_SUFFIXES, ".so", ".pyd", ".dll", ".dylib", ".cubin", ".ptx", ".hsaco")
#: Those, and what can be imported.
_LOADABLE = tuple({*all_suffixes(), *_COMPILED})
#: Folders of what is installed, built to be packed, or kept for speed: nobody imports from there.
_SET_ASIDE = ("__pycache__", "dist", "node_modules", "site-packages")
#: What others than setuptools build stays there and is loaded from there; nobody imports from it.
_BUILT = "build"
_BUILT_TO_BE_PACKED = ("lib.", "temp.", "bdist.")
#: What marks a folder as an environment.
_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")
#: So many are named, and so many are looked at in a folder, which may hold a set of data.
_NAMED, _LOOKED_AT = 3, 100_000


def warnings(root: Path, base: str) -> Iterator[str]:
    """What to tell of the files in a working tree that Python can load and git hasn't got.

    base: what the other version is called, which hasn't got them.
    """
    for how, names in (("ignores", ignored(root)), ("was never told of", untracked(root))):
        found = sorted(set(names))
        if found:
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            yield (
                f"git {how} {', '.join(found[:_NAMED])}{more} in the working tree: {base} doesn't "
                "have that, and may run other code for want of it; have it made in each version "
                "with --build"
            )


def unmade(root: Path, lacking: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What to tell of files that a version lacks, though the project is installed with them.

    root: of the tree that is installed. lacking: of each file the version, and where it lies in
    that tree. Those that git knows come and go with the versions.
    """
    found = [(label, os.path.relpath(os.path.realpath(place), root)) for label, place in lacking]
    if not found:
        return
    words = ("--literal-pathspecs", "ls-files", "--others", "-z", "--")
    made = set(git(root, *words, *(name for _, name in found)).split("\0"))
    for label, name in found:
        if name in made:
            yield (
                f"{label} has no {name}, which is imported where the project is installed, and may "
                "run other code for want of it; have it made in each version with --build"
            )


def ignored(root: Path) -> Iterator[str]:
    """Files that git ignores and Python can load, relative to the root.

    Raises VersionError where the root is of no repository.
    """
    for name in _others(root, "--ignored", "--directory"):
        for file in islice(_files(root / name), _LOOKED_AT):
            path = file.relative_to(root)
            is_module = file.name.endswith(_LOADABLE) and _BUILT not in path.parts
            if is_module or _is_compiled(file.name):
                yield str(path)


def untracked(root: Path) -> Iterator[str]:
    """Libraries that are new to git, as `ignored`: a module that is new is a change to be tried."""
    return (name for name in _others(root) if _is_compiled(name))


def _others(root: Path, *words: str) -> Iterator[str]:
    names = git(root, "ls-files", "--others", "--exclude-standard", *words, "-z").split("\0")
    return (name for name in names if name and not any(map(_is_set_aside, Path(name).parts)))


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


def _is_compiled(name: str) -> bool:
    # Libraries may have their version behind the suffix.
    return name.endswith(_COMPILED) or ".so." in name


def _is_set_aside(name: str) -> bool:
    is_hidden = name.startswith((".", *_BUILT_TO_BE_PACKED))
    return is_hidden or name in _SET_ASIDE or name.endswith((".egg-info", ".dist-info"))
