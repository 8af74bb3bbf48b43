"""Import hooks that know where one version of a project lies, made to find another's files.

Editable installs put finders into `sys.meta_path` and `sys.path_hooks` that know absolute places of
the tree which is installed. What they find there is looked up at the same place of the version that
imports.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

#: Where a place of the installed tree lies in the version that imports; None where it isn't there.
#: Places outside of that tree come back as they are.
Turn = Callable[[str], str | None]
#: The module of Python's own path hooks, which find what lies in `sys.path`.
_PYTHONS_OWN = ("_frozen_importlib_external", "zipimport")


def turn_finders(turn: Turn) -> None:
    """Make the finders of this process look where `turn` says; those that already do are left."""
    sys.meta_path[:] = [_turned(finder, turn) for finder in sys.meta_path]
    sys.path_hooks[:] = [_turned_hook(hook, turn) for hook in sys.path_hooks]
    # What was found for a place before would be asked again.
    for place in [p for p, f in sys.path_importer_cache.items() if _is_foreign(f)]:
        del sys.path_importer_cache[place]


@dataclass(slots=True)
class _Turned:
    """A finder of modules, or of those at a place of the search path."""

    finder: Any
    turn: Turn

    def find_spec(self, name: str, *args: Any, **named: Any) -> ModuleSpec | None:
        """What the finder finds, at the place of the version that imports."""
        found = self.finder.find_spec(name, *args, **named)
        return None if found is None else turned_spec(found, self.turn)

    def find_distributions(self, *args: Any, **named: Any) -> Iterable[Any]:
        """What the finder knows to be installed."""
        find = getattr(self.finder, "find_distributions", None)
        return () if find is None else find(*args, **named)

    def invalidate_caches(self) -> None:
        """Forget what was seen of the file system."""
        forget = getattr(self.finder, "invalidate_caches", None)
        if forget is not None:
            forget()


@dataclass(frozen=True, slots=True)
class _TurnedHook:
    """A path hook whose finders are turned."""

    hook: Callable[[str], Any]
    turn: Turn

    def __call__(self, place: str) -> Any:
        """The finder of a place. Raises ImportError where the hook has none."""
        return _Turned(self.hook(place), self.turn)


def turned_spec(found: ModuleSpec, turn: Turn) -> ModuleSpec | None:
    """The spec of a module at the place of the version that imports; None if it isn't there."""
    folders = found.submodule_search_locations
    if found.origin is None or not found.has_location:
        if folders is None:
            return found
        there = [place for place in map(turn, folders) if place is not None]
        if there == list(folders):
            return found
        package = ModuleSpec(found.name, None, is_package=True)
        package.submodule_search_locations = there
        return package if there else None
    file = turn(found.origin)
    if file == found.origin:
        return found
    if file is None or not Path(file).is_file():
        return None
    inside = None if folders is None else [p for p in map(turn, folders) if p is not None]
    return spec_from_file_location(found.name, file, submodule_search_locations=inside)


def _turned(finder: Any, turn: Turn) -> Any:
    # PathFinder looks into `sys.path`, whose places are turned; and some libraries look for it.
    known = finder in (BuiltinImporter, FrozenImporter, PathFinder) or isinstance(finder, _Turned)
    return finder if known or not hasattr(finder, "find_spec") else _Turned(finder, turn)


def _turned_hook(hook: Any, turn: Turn) -> Any:
    known = isinstance(hook, _TurnedHook) or getattr(hook, "__module__", "") in _PYTHONS_OWN
    return hook if known else _TurnedHook(hook, turn)


def _is_foreign(finder: Any) -> bool:
    """Whether a place's finder is of an import hook, and not turned yet."""
    own = isinstance(finder, _Turned) or type(finder).__module__ in _PYTHONS_OWN
    return finder is not None and not own
