"""Several versions of a project in one process: each with modules of its own under one name.

Which version's modules an import finds, and which folder is the working directory, is switched by
entering its world. opbench's own modules, and all that is installed, are shared by the worlds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from opbench.harness.catalog import Catalog, load
from opbench.harness.declare import Impl
from opbench.harness.versions import own_packages
from opbench.harness.versions.finders import turn_finders
from opbench.harness.versions.sources import Version, copies, is_opbench, search_path, to_load
from opbench.harness.versions.trees import Trees, places_of, resolved
from opbench.results.errors import DeclarationError, VersionError


@dataclass(slots=True)
class World:
    """One version, loaded.

    absent: those of the modules asked for that it doesn't have. lacking: files of the installed
    tree that an import hook has for a module, at the same place of which it has none. checked: how
    many modules the process had when they were last seen to be its own.
    """

    version: Version
    catalog: Catalog = field(init=False)
    modules: dict[str, ModuleType] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    folder: str = ""
    absent: tuple[str, ...] = ()
    lacking: set[str] = field(default_factory=set)
    checked: int = 0

    def owns(self, contender: Impl) -> bool:
        """Whether the version itself declares the contender, rather than an installed package."""
        return contender.module in self.modules


class Worlds:
    """The worlds of this process, one of which is entered; or none, before the first."""

    def __init__(self) -> None:
        self._current: World | None = None
        self._count = 0
        self._trees = Trees()
        self._shared_path = list(sys.path)
        self._shared_folder = str(Path.cwd())
        self._at_start = frozenset(sys.modules)
        self._pinned: tuple[str, ...] = own_packages.PINNED

    def load(self, version: Version, modules: tuple[str, ...] = ()) -> World:
        """Load a version and `modules`, which all worlds share, and stay in its world.

        A version may be loaded more than once: each time it has modules of its own. Raises
        VersionError, with the reason, where it can't be loaded, or loads what isn't its own.
        """
        self._trees.add((version.root, version.home))
        project = version.project()
        self._pin(is_opbench(project))
        path = search_path(self._shared_path, version, self._trees)
        world = World(version, path=path, folder=str(version.directory))
        self.enter(world)
        turn_finders(self._turn)
        wanted, world.absent = to_load(version, project, self._trees)
        try:
            world.catalog = load(*modules, *wanted, entry_points=False, may_be_empty=True)
        except DeclarationError as error:
            raise VersionError(f"{version.label} does not load: {error}") from error
        self._refresh()
        self.ensure_own(world)
        return world

    def _pin(self, is_opbench: bool) -> None:
        """Keep opbench's own packages for itself: to its own versions, suites are their own."""
        if not is_opbench:
            self._pinned = (*own_packages.PINNED, *own_packages.BUILT_IN)
            own_packages.pin(self._pinned)
        elif self._current is None:
            own_packages.release(own_packages.BUILT_IN)

    @property
    def trees(self) -> Trees:
        """Those of the versions that were loaded."""
        return self._trees

    def enter(self, world: World) -> None:
        """From now on imports find the modules of this world."""
        if world is self._current:
            return
        self._put_away()
        sys.modules.update(world.modules)
        sys.path[:] = world.path
        os.chdir(world.folder)
        self._current, self._count = world, len(sys.modules)

    def leave(self) -> None:
        """Be in no world: imports and the working directory are as they were before the first."""
        if self._current is None:
            return
        self._put_away()
        sys.path[:] = self._shared_path
        os.chdir(self._shared_folder)
        self._current = None

    @contextmanager
    def visiting(self) -> Iterator[Worlds]:
        """Be in no world at the end, however it ends, and import as before."""
        finders, hooks = list(sys.meta_path), list(sys.path_hooks)
        try:
            yield self
        finally:
            self.leave()
            sys.meta_path[:], sys.path_hooks[:] = finders, hooks

    def ensure_own(self, world: World) -> None:
        """Raises VersionError where a world, in which one is, has modules that aren't its own."""
        if world.checked == len(sys.modules):
            return
        self._refresh()
        for reason in (*self._strays(world), *self._copies(world)):
            raise VersionError(reason)
        world.checked = len(sys.modules)

    def _strays(self, world: World) -> Iterator[str]:
        root = resolved(world.version.root)
        for name, module in world.modules.items():
            for place in places_of(module):
                if self._trees.of(place) not in (root, None):
                    yield (
                        f"{world.version.label} imports {name} from {place}, which is not its own: "
                        "let what imports it find it relative to its own file"
                    )

    def _copies(self, world: World) -> Iterator[str]:
        shared = {n: m for n, m in list(sys.modules.items()) if self._may_be_copy(n)}
        for name, what in copies(world.version, shared, world.modules, self._trees):
            yield (
                f"{world.version.label} imports {name} from {places_of(shared[name])[0]}, an "
                f"installed copy of {what}, which both versions would share: install the project "
                "for editing (pip install -e), or compare two environments (--base-python)"
            )

    def _may_be_copy(self, name: str) -> bool:
        return name not in self._at_start and name.partition(".")[0] not in self._pinned

    def _put_away(self) -> None:
        """Take the modules of the world that is left out of sight, and keep what is its own."""
        if self._current is None:
            left = self._own_modules()
        else:
            # Looking through all modules takes milliseconds, and worlds change with every block.
            if len(sys.modules) != self._count:
                self._refresh()
            left = self._current.modules
            self._current.path, self._current.folder = list(sys.path), _folder(self._current)
        for name in left:
            sys.modules.pop(name, None)

    def _refresh(self) -> None:
        """What the current world imported meanwhile is its own."""
        assert self._current is not None
        self._current.modules, self._count = self._own_modules(), len(sys.modules)

    def _own_modules(self) -> dict[str, ModuleType]:
        return {
            name: module
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] not in self._pinned
            and self._trees.of_module(module) is not None
        }

    def _turn(self, place: str) -> str | None:
        """As `opbench.harness.versions.finders.Turn`, for the world that is entered."""
        if self._current is None:
            return place
        turned = self._current.version.moved(place, self._trees)
        if turned == place or Path(turned).exists():
            return turned
        if Path(place).is_file():
            self._current.lacking.add(place)
        return None


def _folder(world: World) -> str:
    """The working directory; that of the version where it was removed meanwhile."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return str(world.version.directory)
