"""Several versions of a project in one process: each with modules of its own under one name.

Activating a version switches which modules imports find, and the working directory. opbench's own
modules, and all that is installed, are shared by the versions.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from opbench.harness.catalog import Catalog, load
from opbench.harness.declare import Impl
from opbench.harness.versions import own_packages
from opbench.harness.versions.finders import relocate_finders
from opbench.harness.versions.opened_files import opened_files
from opbench.harness.versions.sources import Version, copies, is_opbench, search_path, to_load
from opbench.harness.versions.trees import Trees, places_of, resolved
from opbench.results.errors import DeclarationError, VersionError


@dataclass(slots=True, kw_only=True)
class LoadedVersion:
    """One version, loaded."""

    #: Where it lies.
    version: Version
    #: Its ops and contenders, and the installed ones.
    catalog: Catalog = field(init=False)
    #: Its own modules, by name.
    modules: dict[str, ModuleType] = field(default_factory=dict)
    #: The search path for imports.
    path: list[str] = field(default_factory=list)
    #: The working directory.
    folder: str = ""
    #: The modules that were requested and that it doesn't have.
    absent: tuple[str, ...] = ()
    #: Files of the installed tree that an import hook has for a module, or that are opened while
    #: the version is loaded, and that it hasn't.
    lacking: set[str] = field(default_factory=set)
    #: How many modules the process had when they were last checked to be the version's own.
    checked: int = 0

    def owns(self, contender: Impl) -> bool:
        """Whether the version itself declares the contender, rather than an installed package."""
        return contender.module in self.modules


class LoadedVersions:
    """The versions that are loaded in this process, of which at most one is active."""

    def __init__(self) -> None:
        """Note the search path, working directory and modules to return to."""
        self._current: LoadedVersion | None = None
        self._count = 0
        self._trees = Trees()
        self._shared_path = list(sys.path)
        self._shared_folder = str(Path.cwd())
        self._at_start = frozenset(sys.modules)
        #: Whether the versions are those of opbench itself, whose suites are each version's own.
        self._is_opbench = False

    def load(self, version: Version, modules: tuple[str, ...] = ()) -> LoadedVersion:
        """Load a version and `modules`, which all versions share, and activate it.

        A version may be loaded more than once: each time it has modules of its own. Raises
        VersionError, with the reason, if it can't be loaded, or loads modules of another version.
        """
        self._trees.add((version.root, version.home))
        project = version.project()
        self._set_project(is_opbench(project))
        path = search_path(self._shared_path, version, self._trees)
        loaded = LoadedVersion(version=version, path=path, folder=str(version.directory))
        self.activate(loaded)
        relocate_finders(self._relocate)
        with opened_files() as opened:
            modules_to_load, loaded.absent = to_load(version, project, self._trees)
            try:
                loaded.catalog = load(
                    *modules, *modules_to_load, entry_points=False, may_be_empty=True
                )
            except DeclarationError as error:
                raise VersionError(f"{version.label} does not load: {error}") from error
        loaded.lacking |= set(_lacking(version, opened))
        self._refresh()
        self.ensure_own(loaded)
        return loaded

    def _set_project(self, is_opbench: bool) -> None:
        """Prepare for versions of opbench itself, whose suites may be loaded already."""
        if is_opbench and self._current is None:
            own_packages.release()
        self._is_opbench = is_opbench

    @property
    def trees(self) -> Trees:
        """The trees of the versions that were loaded."""
        return self._trees

    def activate(self, loaded: LoadedVersion) -> None:
        """Make imports find the modules of this version from now on."""
        if loaded is self._current:
            return
        self._put_away()
        sys.modules.update(loaded.modules)
        sys.path[:] = loaded.path
        if self._is_opbench:
            own_packages.show(loaded.modules, loaded.version.root)
        os.chdir(loaded.folder)
        self._current, self._count = loaded, len(sys.modules)

    def deactivate(self) -> None:
        """Activate none: imports and the working directory are as they were at the beginning."""
        if self._current is None:
            return
        self._put_away()
        sys.path[:] = self._shared_path
        if self._is_opbench:
            own_packages.show({}, None)
        os.chdir(self._shared_folder)
        self._current = None

    @contextmanager
    def restored_at_end(self) -> Iterator[LoadedVersions]:
        """Activate none at the end, however it ends, and import as before."""
        finders, hooks = list(sys.meta_path), list(sys.path_hooks)
        try:
            yield self
        finally:
            self.deactivate()
            sys.meta_path[:], sys.path_hooks[:] = finders, hooks

    def ensure_own(self, loaded: LoadedVersion) -> None:
        """Raise VersionError if the version, which is active, has modules of another version."""
        if loaded.checked == len(sys.modules):
            return
        self._refresh()
        for reason in (*self._strays(loaded), *self._copies(loaded)):
            raise VersionError(reason)
        loaded.checked = len(sys.modules)

    def _strays(self, loaded: LoadedVersion) -> Iterator[str]:
        """A reason for each module that lies in the tree of another version."""
        root = resolved(loaded.version.root)
        for name, module in loaded.modules.items():
            for place in places_of(module):
                if self._trees.of(place) not in (root, None):
                    yield (
                        f"{loaded.version.label} imports {name} from {place}, which is not its "
                        "own: let what imports it find it relative to its own file"
                    )

    def _copies(self, loaded: LoadedVersion) -> Iterator[str]:
        """A reason for each module that is an installed copy of the project's own."""
        shared = {n: m for n, m in list(sys.modules.items()) if self._may_be_copy(n)}
        for name, what in copies(loaded.version, shared, loaded.modules, self._trees):
            yield (
                f"{loaded.version.label} imports {name} from {places_of(shared[name])[0]}, an "
                f"installed copy of {what}, which both versions would share: install the project "
                "for editing (pip install -e), or compare two environments (--base-python)"
            )

    def _may_be_copy(self, name: str) -> bool:
        """Whether a module was loaded since, and isn't opbench's."""
        return name not in self._at_start and not self._is_shared(name)

    def _is_shared(self, name: str) -> bool:
        """Whether a module is opbench's, and so shared by all versions."""
        return own_packages.is_own(name, declared=not self._is_opbench)

    def _put_away(self) -> None:
        """Hide the modules of the active version, and note which are its own."""
        if self._current is None:
            left = self._own_modules()
        else:
            # Looking through all modules takes milliseconds, and loaded change with every block.
            if len(sys.modules) != self._count:
                self._refresh()
            left = self._current.modules
            self._current.path, self._current.folder = list(sys.path), _folder(self._current)
        for name in left:
            sys.modules.pop(name, None)

    def _refresh(self) -> None:
        """Note what the active version imported meanwhile as its own."""
        assert self._current is not None
        self._current.modules, self._count = self._own_modules(), len(sys.modules)

    def _own_modules(self) -> dict[str, ModuleType]:
        """The modules that lie in the tree of any version."""
        return {
            name: module
            for name, module in list(sys.modules.items())
            if not self._is_shared(name) and self._trees.of_module(module) is not None
        }

    def _relocate(self, place: str) -> str | None:
        """Relocate a place, as `finders.Relocate`, into the active version."""
        if self._current is None:
            return place
        relocated = self._current.version.relocated(place, self._trees)
        if relocated == place or Path(relocated).exists():
            return relocated
        if Path(place).is_file():
            self._current.lacking.add(place)
        return None


def _lacking(version: Version, opened: Iterable[str]) -> Iterator[str]:
    """The files of the installed tree that a version looked for at its own places in vain."""
    for path in opened:
        place = Path(path)
        if place.is_relative_to(version.root) and not place.exists():
            there = version.home / place.relative_to(version.root)
            if there.is_file() and there.suffix != ".pyc":
                yield str(there)


def _folder(loaded: LoadedVersion) -> str:
    """The working directory; that of the version if it was removed meanwhile."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return str(loaded.version.directory)
