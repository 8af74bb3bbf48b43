"""Files that git doesn't have and Python would load: only the working tree has them, no ref does.

A compiled extension, say: the base, checked out, may fall back to slower code for want of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES, all_suffixes
from itertools import islice
from pathlib import Path

from opbench.harness.versions.git import git

#: Suffixes of files that can be loaded as a library or kernel.
_COMPILED = (*EXTENSION_SUFFIXES, ".so", ".pyd", ".dll", ".dylib", ".cubin", ".ptx", ".hsaco")
#: Those, and the suffixes of files that can be imported.
_LOADABLE = tuple({*all_suffixes(), *_COMPILED})
#: Folders of installed packages, packages to be built, or caches: nothing is imported from there.
_SET_ASIDE = ("__pycache__", "dist", "node_modules", "site-packages")
#: A folder of builds: no module is imported from there, but libraries may be loaded.
_BUILT = "build"
#: How folders of builds by setuptools begin, which are only packed: nothing is loaded from there.
_BUILT_TO_BE_PACKED = ("lib.", "temp.", "bdist.")
#: Files that mark a folder as an environment.
_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")
#: How many files are named, and how many are looked at in a folder, which may hold a data set.
_NAMED, _LOOKED_AT = 3, 100_000


def warnings(root: Path, base: str) -> Iterator[str]:
    """Warnings of the files in a working tree that Python can load and git doesn't have.

    base: the label of the other version, which lacks them.
    """
    for how, names in (("ignores", ignored(root)), ("doesn't track", untracked(root))):
        files = sorted(set(names))
        if files:
            more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
            yield (
                f"git {how} {', '.join(files[:_NAMED])}{more} in the working tree: {base} doesn't "
                "have that, and may run other code for want of it; have it made in each version "
                "with --build"
            )


def unmade(root: Path, lacking: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A warning of each file that a version lacks, and imports or opens where it is there.

    root: of the tree that is installed. lacking: the label of a version, and the place of a file in
    that tree. Files that git tracks come and go with the versions: there is no warning of them.
    """
    relative = [(label, os.path.relpath(os.path.realpath(place), root)) for label, place in lacking]
    if not relative:
        return
    listing = ("--literal-pathspecs", "ls-files", "--others", "-z", "--")
    made = set(git(root, *listing, *(name for _, name in relative)).split("\0"))
    for label, name in relative:
        if name in made:
            yield (
                f"{label} has no {name}, which it looks for and git doesn't have, and may run "
                "other code for want of it; have it made in each version with --build"
            )


def ignored(root: Path) -> Iterator[str]:
    """Files that git ignores and Python can load, relative to the root.

    Raises VersionError if the root is in no repository.
    """
    for name in _others(root, "--ignored", "--directory"):
        for file in islice(_files(root / name), _LOOKED_AT):
            path = file.relative_to(root)
            is_module = file.name.endswith(_LOADABLE) and _BUILT not in path.parts
            if is_module or _is_compiled(file.name):
                yield str(path)


def untracked(root: Path) -> Iterator[str]:
    """Libraries that are new to git, as `ignored`; a new module is a change, to be compared."""
    return (name for name in _others(root) if _is_compiled(name))


def _others(root: Path, *options: str) -> Iterator[str]:
    """Files that git doesn't track, by options of `git ls-files`, without those set aside."""
    listing = ("ls-files", "--others", "--exclude-standard", *options, "-z")
    names = filter(None, git(root, *listing).split("\0"))
    return (name for name in names if not any(map(_is_set_aside, Path(name).parts)))


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
    """Whether a file of that name is a library or kernel."""
    # Libraries may have their version behind the suffix.
    return name.endswith(_COMPILED) or ".so." in name


def _is_set_aside(name: str) -> bool:
    """Whether nothing is loaded from a folder of that name."""
    is_hidden = name.startswith((".", *_BUILT_TO_BE_PACKED))
    return is_hidden or name in _SET_ASIDE or name.endswith((".egg-info", ".dist-info"))
