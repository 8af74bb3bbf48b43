"""The tree that a file belongs to: that of a version, or of an installed package.

An environment inside of a repository is no part of its tree.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

#: Names of folders of installed packages, wherever they lie.
_PACKAGES = ("site-packages", "dist-packages")
_INSTALLED = tuple(
    {Path(os.path.realpath(sysconfig.get_path(n))) for n in ("stdlib", "purelib", "platlib")}
)
_STDLIB = {Path(os.path.realpath(sysconfig.get_path(n))) for n in ("stdlib", "platstdlib")}
#: Places of the search path that hold Python's own modules.
_PYTHONS = _STDLIB | {place / "lib-dynload" for place in _STDLIB}


class Trees:
    """The trees of a project's versions; links are followed."""

    def __init__(self) -> None:
        """Begin without any tree."""
        self._roots: tuple[Path, ...] = ()
        self._known: dict[str, Path | None] = {}

    def add(self, roots: Iterable[Path]) -> None:
        """Add the trees of these roots."""
        self._roots = tuple(dict.fromkeys((*self._roots, *map(resolved, roots))))
        self._known.clear()

    def of(self, place: str) -> Path | None:
        """The root of the innermost tree around a path; None without one, or in an environment."""
        if place not in self._known:
            self._known[place] = self._of(Path(place))
        return self._known[place]

    def of_module(self, module: ModuleType) -> Path | None:
        """The root of the tree that a module comes from; None if it comes from none."""
        return next((tree for p in places_of(module) if (tree := self.of(p)) is not None), None)

    def _of(self, place: Path) -> Path | None:
        """As `of`, without the cache."""
        if not place.is_absolute():
            return None
        path = resolved(place)
        around = [root for root in self._roots if path.is_relative_to(root)]
        root = max(around, key=lambda root: len(root.parts), default=None)
        return None if root is None or _is_in_environment(path, root) else root


def places_of(module: ModuleType) -> list[str]:
    """The file of a module, or the folders of a package without one."""
    # Without attribute access: the module may be a lazy one, which that would execute.
    known = getattr(module, "__dict__", {})
    spec = known.get("__spec__")
    file = known.get("__file__") or (spec.origin if spec and spec.has_location else None)
    return [file] if file else [str(place) for place in known.get("__path__") or ()]


def resolved(path: Path) -> Path:
    """The path with all links followed."""
    return Path(os.path.realpath(path))


def is_pythons(place: str) -> bool:
    """Whether a place of the search path holds Python's own modules, not installed packages."""
    path = Path(place)
    name = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    return path.name == name or (place != "" and resolved(path) in _PYTHONS)


def is_installed(path: Path) -> bool:
    """Whether a path belongs to Python's library or to an installed package."""
    path = resolved(path)
    return any(path.is_relative_to(place) for place in _INSTALLED) or not set(_PACKAGES).isdisjoint(
        path.parts
    )


def _is_in_environment(path: Path, root: Path) -> bool:
    """Whether a path below a root belongs to an environment that lies there."""
    below = path.relative_to(root)
    if any(path.is_relative_to(place) for place in _INSTALLED) or not set(_PACKAGES).isdisjoint(
        below.parts
    ):
        return True
    return any((root / parent / "pyvenv.cfg").is_file() for parent in below.parents)
