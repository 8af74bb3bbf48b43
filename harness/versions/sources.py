"""The modules of a version to load, its search path, and installed copies of its packages.

A version loads what its own files declare and what is installed besides; a place of the installed
tree in the search path stands for the same place of the version.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from types import ModuleType

from opbench.harness.catalog import GROUP, load
from opbench.harness.declaration.loading import module_of
from opbench.harness.versions.project_files import Project, nearest, normalized, source_of
from opbench.harness.versions.trees import Trees, is_installed, is_pythons, places_of, resolved
from opbench.results.errors import DeclarationError, VersionError

#: Part of the names of the folders of links that an editable install in "strict" mode makes.
_STRICT = "__editable__"
#: Folders in which projects keep their packages, besides their own.
_LAYOUTS = ("src", "python", "lib")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The place of one version of a project, and the modules to load of it."""

    #: Its name in messages.
    label: str
    #: The root of its repository.
    root: Path
    #: The root whose places are in `sys.path`; this version has the same places below its own root.
    home: Path
    #: As given by --load, files relative to the root.
    modules: tuple[str, ...] = ()
    #: The working directory, relative to the root.
    folder: Path = Path()
    #: Whether an installed copy of the project will do, as there is no other version.
    with_copies: bool = False

    @property
    def directory(self) -> Path:
        """The working directory: the folder, or the nearest one above it that the version has."""
        places = (self.root / self.folder, *(self.root / self.folder).parents)
        return next(place for place in places if place.is_dir())

    def project(self) -> Project:
        """The project of its working directory. Raises VersionError if it can't be read."""
        return nearest(resolved(self.directory), resolved(self.root), GROUP)

    def relocated(self, place: str, trees: Trees) -> str:
        """The place in this version of a place in the installed tree; other places as they are."""
        home = resolved(self.home)
        if trees.of(place) != home:
            return place
        return str(self.root / resolved(Path(place)).relative_to(home))


def is_opbench(project: Project) -> bool:
    """Whether a project is opbench itself, whose suites and contenders are its own."""
    return normalized(project.name) == "opbench"


def search_path(entries: Iterable[str], version: Version, trees: Trees) -> list[str]:
    """The search path of a version: its root, and its places instead of the installed ones.

    The root comes before installed packages, but not before Python's own modules: torch doesn't
    import the `profile.py` of a project by that name.
    """
    # Relative places are meant from where the command was called.
    here = version.home / version.folder
    places = (place for entry in entries for place in _followed(entry, here, trees))
    relocated = [version.relocated(place, trees) for place in places]
    start = max((n for n, place in enumerate(relocated, start=1) if is_pythons(place)), default=0)
    return list(dict.fromkeys((*relocated[:start], str(version.root), *relocated[start:])))


def to_load(
    version: Version, project: Project, trees: Trees
) -> tuple[list[str | Path], tuple[str, ...]]:
    """The modules to load: of its entry points, of installed suites, of --load; and those absent.

    Modules of a repository come and go with its versions, so that it is no error if one isn't
    there. The version has to be active. Raises VersionError if a project can't be read.
    """
    there: list[str | Path] = list(project.declared or ())
    absent: list[str] = []
    for value, is_own in _installed(version, project, trees):
        (absent if is_own and _is_absent(value) else there).append(value)
    for module in version.modules:
        _ensure_checked_out(version, module)
        path = version.root / module
        if not module.endswith(".py"):
            (absent if _is_absent(module) else there).append(module)
        elif path.is_file():
            there.append(path)
        else:
            absent.append(module)
    return list(dict.fromkeys(there)), tuple(absent)


def _ensure_checked_out(version: Version, module: str) -> None:
    """Raise VersionError if a module's folder is empty: a submodule's that isn't checked out."""
    parts = Path(module).parts if module.endswith(".py") else tuple(module.split("."))
    for length in range(1, len(parts)):
        folder = version.root.joinpath(*parts[:length])
        if folder.is_dir() and not any(folder.iterdir()):
            raise VersionError(f"{version.label} has no {module}: {folder} is empty")


def copies(
    version: Version, modules: Mapping[str, ModuleType], own: Collection[str], trees: Trees
) -> Iterator[tuple[str, str]]:
    """The modules that are copies of the project's own, and of what they are copies.

    own: the names of the version's own modules.
    """
    if version.with_copies:
        return
    project = version.project()
    files = {
        str(resolved(Path(str(distribution.locate_file(file))))): distribution.name
        for distribution in _own_distributions(project, trees)
        for file in distribution.files or ()
    }
    for name, module in modules.items():
        places = places_of(module)
        if trees.of_module(module) is not None or not places:
            continue
        place = resolved(Path(places[0]))
        known = files.get(str(place)) or _own_place(name, project, version)
        known = known or _place_in_other_checkout(place, version)
        parent = name.rpartition(".")[0]
        # Of a build elsewhere, say. Installed projects may well add to a package that they share.
        if parent in own and module.__name__ == name and not is_installed(place):
            known = known or parent
        if known:
            yield name, known


def _followed(entry: str, here: Path, trees: Trees) -> Iterator[str]:
    """The places that an entry of the search path stands for, links followed."""
    path = here / entry
    if not path.exists():
        # Not a place: import hooks have names of their own in the search path.
        path = Path(entry)
    is_inside = trees.of(str(path)) is not None
    if path.is_dir() and (_STRICT in path.name or not is_inside):
        inside = path.glob("**/*" if _STRICT in path.name else "*")
        for link in sorted(place for place in inside if place.is_symlink()):
            parts, target = link.relative_to(path).parts, resolved(link)
            if trees.of(str(target)) is not None and target.parts[-len(parts) :] == parts:
                yield str(target.parents[len(parts) - 1])
    yield str(path) if path.is_absolute() else entry


def _installed(version: Version, project: Project, trees: Trees) -> Iterator[tuple[str, bool]]:
    """The modules of installed entry points, and whether they are the repository's own.

    For a project in the repository, those of the version's files: it may have others than the
    version that is installed.
    """
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: point.value):
        if point.dist is None or _is_of(point.dist, project):
            if project.declared is None:
                yield module_of(point.value), True
            continue
        source = str(source_of(point.dist) or point.dist.locate_file(""))
        if trees.of(source) is None:
            yield module_of(point.value), False
            continue
        own = nearest(
            resolved(Path(version.relocated(source, trees))), resolved(version.root), GROUP
        )
        if own.declared is None:
            yield module_of(point.value), True
        elif own.folder != project.folder:
            yield from ((value, True) for value in own.declared)


def _is_of(distribution: Distribution, project: Project) -> bool:
    """Whether a distribution has the name of a project."""
    return bool(project.name) and normalized(distribution.name) == normalized(project.name)


def _is_absent(module: str) -> bool:
    """Whether a module isn't there; one that is there and doesn't load is not absent."""
    try:
        load(module, entry_points=False)
    except DeclarationError as error:
        cause: BaseException | None = error
        while isinstance(cause, DeclarationError):
            cause = cause.__cause__
        missing = cause.name if isinstance(cause, ModuleNotFoundError) else None
        return missing is not None and f"{module}.".startswith(f"{missing}.")
    return False


def _own_distributions(project: Project, trees: Trees) -> Iterator[Distribution]:
    """The distributions installed from the repository: by name, or by their source."""
    for distribution in importlib.metadata.distributions():
        source = source_of(distribution)
        if source is not None and trees.of(str(source)) is not None:
            yield distribution
        elif distribution.metadata is not None and _is_of(distribution, project):
            yield distribution


def _own_place(name: str, project: Project, version: Version) -> str:
    """The place of a module in the version, by the layouts of projects; "" if it has none."""
    path = name.replace(".", "/")
    for folder in dict.fromkeys((project.folder, resolved(version.root))):
        for layout in _LAYOUTS:
            for place in (folder / layout / path / "__init__.py", folder / layout / f"{path}.py"):
                if place.is_file():
                    return str(place.relative_to(resolved(version.root)))
    return ""


def _place_in_other_checkout(place: Path, version: Version) -> str:
    """The place of a file in its working tree, if the version has a file there too; "" if not."""
    root = next((folder for folder in place.parents if (folder / ".git").exists()), None)
    if root is None or is_installed(place):
        return ""
    relative = place.relative_to(root)
    return str(relative) if (version.root / relative).is_file() else ""
