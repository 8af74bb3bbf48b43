"""Whose a file is: of which version's tree, or of what is installed."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

#: Folders by these names hold what is installed, wherever they lie.
_PACKAGES = ("site-packages", "dist-packages")
_INSTALLED = tuple(
    {Path(os.path.realpath(sysconfig.get_path(n))) for n in ("stdlib", "purelib", "platlib")}
)
_STDLIB = {Path(os.path.realpath(sysconfig.get_path(n))) for n in ("stdlib", "platstdlib")}
_PYTHONS = _STDLIB | {place / "lib-dynload" for place in _STDLIB}


class Trees:
    """The trees of a project's versions. Links are followed: a file is where it really lies."""

    def __init__(self) -> None:
        self._roots: tuple[Path, ...] = ()
        self._known: dict[str, Path | None] = {}

    def add(self, roots: Iterable[Path]) -> None:
        """Tell files of these trees too."""
        self._roots = tuple(dict.fromkeys((*self._roots, *map(resolved, roots))))
        self._known.clear()

    def of(self, place: str) -> Path | None:
        """The root of the tree that a place lies in: the innermost, as one may hold another.

        None where it lies in none, or in an environment inside of one. A place that isn't absolute
        is the name of something else.
        """
        if place not in self._known:
            self._known[place] = self._of(Path(place))
        return self._known[place]

    def of_module(self, module: ModuleType) -> Path | None:
        """The root of the tree that a module comes from; None where it is of none."""
        return next((tree for p in places_of(module) if (tree := self.of(p)) is not None), None)

    def _of(self, place: Path) -> Path | None:
        if not place.is_absolute():
            return None
        path = resolved(place)
        around = [root for root in self._roots if path.is_relative_to(root)]
        root = max(around, key=lambda root: len(root.parts), default=None)
        return None if root is None or _is_in_environment(path, root) else root


def places_of(module: ModuleType) -> list[str]:
    """The file of a module, or the folders of a package without one."""
    # Looked up without asking the module, which may be a lazy one that mustn't be woken up.
    known = getattr(module, "__dict__", {})
    spec = known.get("__spec__")
    file = known.get("__file__") or (spec.origin if spec and spec.has_location else None)
    return [file] if file else [str(place) for place in known.get("__path__") or ()]


def resolved(path: Path) -> Path:
    """Where a path leads to, whatever links are on it."""
    return Path(os.path.realpath(path))


def is_pythons(place: str) -> bool:
    """Whether a place of the search path is one of Python's own modules, and not of packages."""
    path = Path(place)
    name = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    return path.name == name or (place != "" and resolved(path) in _PYTHONS)


def is_installed(path: Path) -> bool:
    """Whether a path is of Python's own, or of what is installed somewhere."""
    path = resolved(path)
    return any(path.is_relative_to(place) for place in _INSTALLED) or not set(_PACKAGES).isdisjoint(
        path.parts
    )


def _is_in_environment(path: Path, root: Path) -> bool:
    """Whether a path below a root is of an environment that lies there."""
    below = path.relative_to(root)
    if any(path.is_relative_to(place) for place in _INSTALLED) or not set(_PACKAGES).isdisjoint(
        below.parts
    ):
        return True
    return any((root / parent / "pyvenv.cfg").is_file() for parent in below.parents)
