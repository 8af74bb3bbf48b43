"""Import hooks that know where one version of a project lies, made to find another's files.

Editable installs put finders into `sys.meta_path` and `sys.path_hooks` that know absolute places of
the installed tree. What they find there is looked up at the same place of the active version.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

#: The place in the active version of a place in the installed tree; None where it has none. Places
#: outside of that tree come back as they are.
Relocate = Callable[[str], str | None]
#: The module of Python's own path hooks, which find what lies in `sys.path`.
_PYTHONS_OWN = ("_frozen_importlib_external", "zipimport")


def relocate_finders(relocate: Relocate) -> None:
    """Make the finders of this process look where `relocate` says, unless they already do."""
    sys.meta_path[:] = [_relocating(finder, relocate) for finder in sys.meta_path]
    sys.path_hooks[:] = [_relocating_hook(hook, relocate) for hook in sys.path_hooks]
    # Finders cached for a place would be used again.
    for place in [p for p, f in sys.path_importer_cache.items() if _is_foreign(f)]:
        del sys.path_importer_cache[place]


@dataclass(slots=True)
class _RelocatingFinder:
    """A finder of modules, or of those at a place of the search path."""

    #: The one that knows the installed tree.
    finder: Any
    #: Into the active version.
    relocate: Relocate

    def find_spec(self, name: str, *args: Any, **named: Any) -> ModuleSpec | None:
        """The spec that the finder finds, relocated into the active version."""
        spec = self.finder.find_spec(name, *args, **named)
        return None if spec is None else relocated_spec(spec, self.relocate)

    def find_distributions(self, *args: Any, **named: Any) -> Iterable[Any]:
        """The distributions that the finder knows."""
        find = getattr(self.finder, "find_distributions", None)
        return () if find is None else find(*args, **named)

    def invalidate_caches(self) -> None:
        """Have the finder forget what it saw of the file system."""
        forget = getattr(self.finder, "invalidate_caches", None)
        if forget is not None:
            forget()


@dataclass(frozen=True, slots=True)
class _RelocatingHook:
    """A path hook whose finders relocate."""

    #: The one that knows the installed tree.
    hook: Callable[[str], Any]
    #: Into the active version.
    relocate: Relocate

    def __call__(self, place: str) -> Any:
        """The finder of a place. Raises ImportError if the hook has none."""
        return _RelocatingFinder(self.hook(place), self.relocate)


def relocated_spec(spec: ModuleSpec, relocate: Relocate) -> ModuleSpec | None:
    """The spec of a module, relocated into the active version; None if it isn't there."""
    folders = spec.submodule_search_locations
    if spec.origin is None or not spec.has_location:
        if folders is None:
            return spec
        there = [place for place in map(relocate, folders) if place is not None]
        if there == list(folders):
            return spec
        package = ModuleSpec(spec.name, None, is_package=True)
        package.submodule_search_locations = there
        return package if there else None
    file = relocate(spec.origin)
    if file == spec.origin:
        return spec
    if file is None or not Path(file).is_file():
        return None
    inside = None if folders is None else [p for p in map(relocate, folders) if p is not None]
    return spec_from_file_location(spec.name, file, submodule_search_locations=inside)


def _relocating(finder: Any, relocate: Relocate) -> Any:
    """A finder that relocates; one of Python's own as it is."""
    # PathFinder looks into `sys.path`, whose places are relocated; and some libraries look for it.
    own = (BuiltinImporter, FrozenImporter, PathFinder)
    if finder in own or isinstance(finder, _RelocatingFinder) or not hasattr(finder, "find_spec"):
        return finder
    return _RelocatingFinder(finder, relocate)


def _relocating_hook(hook: Any, relocate: Relocate) -> Any:
    """A path hook whose finders relocate; one of Python's own as it is."""
    known = isinstance(hook, _RelocatingHook) or getattr(hook, "__module__", "") in _PYTHONS_OWN
    return hook if known else _RelocatingHook(hook, relocate)


def _is_foreign(finder: Any) -> bool:
    """Whether a place's finder is of an import hook, and doesn't relocate yet."""
    own = isinstance(finder, _RelocatingFinder) or type(finder).__module__ in _PYTHONS_OWN
    return finder is not None and not own
