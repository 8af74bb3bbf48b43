"""Several versions of a project in one process: each with modules of its own under one name.

Which version's modules an import finds is switched by entering its world. opbench's own modules,
and all that is installed, are shared by the worlds.
"""

from __future__ import annotations

import importlib.metadata
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from harness.catalog import GROUP, Catalog, load
from harness.declare import Impl
from results.errors import DeclarationError, VersionError

#: opbench's own packages: every version is measured by the same harness.
PINNED = ("harness", "results", "dashboards")


@dataclass(frozen=True, slots=True)
class Version:
    """Where one version of a project lies.

    label: what messages call it. root: of its repository. home: the root whose places are in
    `sys.path` already; this version has the same places below its own root. modules: as `--load`
    takes them, files relative to the root.
    """

    label: str
    root: Path
    home: Path
    modules: tuple[str, ...] = ()


@dataclass(slots=True)
class World:
    """One version, loaded."""

    version: Version
    catalog: Catalog = field(init=False)
    modules: dict[str, ModuleType] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)

    def owns(self, contender: Impl) -> bool:
        """Whether the version itself declares the contender, rather than an installed package."""
        return contender.module in self.modules


class Worlds:
    """The worlds of this process, one of which is entered; or none, before the first."""

    def __init__(self) -> None:
        self._current: World | None = None
        self._count = 0
        self._roots: list[Path] = []
        self._shared_path = list(sys.path)

    def load(self, version: Version, modules: tuple[str, ...] = ()) -> World:
        """Load a version and `modules`, which all worlds share, and stay in its world.

        A version may be loaded more than once: each time it has modules of its own. Raises
        VersionError, with the reason, where it can't be loaded.
        """
        self._roots += [version.root, version.home]
        world = World(version, path=_turned(self._shared_path, version))
        self.enter(world)
        try:
            world.catalog = load(
                *modules, *_sources(version), entry_points=False, may_be_empty=True
            )
        except DeclarationError as error:
            raise VersionError(f"{version.label} does not load: {error}") from error
        world.modules, self._count = self._own_modules(), len(sys.modules)
        return world

    def enter(self, world: World) -> None:
        """From now on imports find the modules of this world."""
        if world is self._current:
            return
        for name in self._left():
            del sys.modules[name]
        sys.modules.update(world.modules)
        sys.path[:] = world.path
        self._current, self._count = world, len(sys.modules)

    def _left(self) -> Iterable[str]:
        """The modules of the world that is left; what it imported meanwhile is its own."""
        if self._current is None:
            return list(self._own_modules())
        # Looking through all modules takes milliseconds, and worlds change with every block.
        if len(sys.modules) != self._count:
            self._current.modules = self._own_modules()
        return self._current.modules

    def _own_modules(self) -> dict[str, ModuleType]:
        return {
            name: module
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] not in PINNED and self._is_versioned(module)
        }

    def _is_versioned(self, module: ModuleType) -> bool:
        file = getattr(module, "__file__", None)
        places = [file] if file else list(getattr(module, "__path__", ()))
        return any(_lies_in(Path(place), root) for place in places for root in self._roots)


def _sources(version: Version) -> Iterator[str | Path]:
    """What is to be loaded: what the version declares, what is installed, what was asked for."""
    yield from _declared(version)
    for module in version.modules:
        yield _file(version, module) if module.endswith(".py") else module


def _declared(version: Version) -> Iterator[str]:
    """The modules of entry points: of the project from its own pyproject.toml, as it may have
    others than the version that is installed; of other packages as they are installed.
    """
    path = version.root / "pyproject.toml"
    project = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    head = project.get("project", {})
    declared = head.get("entry-points", {}).get(GROUP, {})
    yield from sorted(declared.values())
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda p: p.value):
        owner = point.dist.name if point.dist else ""
        if not declared or _plain(owner) != _plain(head.get("name", "")):
            yield point.value


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _file(version: Version, module: str) -> Path:
    """The file of a version. Raises VersionError where it isn't there."""
    path = version.root / _moved(Path(module), version)
    if not path.is_file():
        raise VersionError(f"{version.label} has no file {module}")
    return path


def _turned(entries: Iterable[str], version: Version) -> list[str]:
    """The search path, its places in the version that is installed turned to this version's."""
    turned = [str(_moved(Path(entry), version)) for entry in entries if entry]
    return list(dict.fromkeys((str(version.root), *turned)))


def _moved(path: Path, version: Version) -> Path:
    if path.is_absolute() and _lies_in(path, version.home):
        return version.root / path.relative_to(version.home)
    return path


def _lies_in(path: Path, root: Path) -> bool:
    """Whether a file is the project's own: an environment may lie inside the repository too."""
    return path.is_relative_to(root) and not any(path.is_relative_to(p) for p in _INSTALLED)


_INSTALLED = tuple({Path(sysconfig.get_path(n)) for n in ("stdlib", "purelib", "platlib")})
