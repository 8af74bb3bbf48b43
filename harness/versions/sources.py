"""What of a version is to be loaded, where it is searched for, and what is a mere copy of it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from types import ModuleType

from opbench.harness.catalog import GROUP, load
from opbench.harness.versions.project_files import Project, nearest, plain, source_of
from opbench.harness.versions.trees import Trees, is_installed, is_pythons, places_of, resolved
from opbench.results.errors import DeclarationError, VersionError

#: Part of the names of the folders of links that an editable install in "strict" mode makes.
_STRICT = "__editable__"
#: Where projects keep their packages, besides their own folder.
_LAYOUTS = ("src", "python", "lib")


@dataclass(frozen=True, slots=True)
class Version:
    """Where one version of a project lies.

    label: what messages call it. root: of its repository. home: the root whose places are in
    `sys.path` already; this version has the same places below its own root. modules: as `--load`
    takes them, files relative to the root. folder: the working directory, relative to the root.
    with_copies: whether an installed copy of the project will do: where there is no other version.
    """

    label: str
    root: Path
    home: Path
    modules: tuple[str, ...] = ()
    folder: Path = Path()
    with_copies: bool = False

    @property
    def directory(self) -> Path:
        """Its working directory: the folder, or the nearest one above it that the version has."""
        places = (self.root / self.folder, *(self.root / self.folder).parents)
        return next(place for place in places if place.is_dir())

    def project(self) -> Project:
        """The project of its working directory. Raises VersionError where it can't be read."""
        return nearest(resolved(self.directory), resolved(self.root), GROUP)

    def moved(self, place: str, trees: Trees) -> str:
        """The same place in this version, where it is one of the installed tree; others as is."""
        home = resolved(self.home)
        if trees.of(place) != home:
            return place
        return str(self.root / resolved(Path(place)).relative_to(home))


def is_opbench(project: Project) -> bool:
    """Whether a project is opbench itself, whose suites and contenders are its own."""
    return plain(project.name) == "opbench"


def search_path(entries: Iterable[str], version: Version, trees: Trees) -> list[str]:
    """The search path of a version: its root, and its own places instead of the installed ones.

    The root comes before what is installed, but not before Python itself: a `profile.py` of a
    project is not what torch imports by that name.
    """
    # Relative places are meant from where the command was called.
    here = version.home / version.folder
    places = (place for entry in entries for place in _followed(entry, here, trees))
    turned = (version.moved(place, trees) for place in places)
    found = list(turned)
    start = max((n for n, place in enumerate(found, start=1) if is_pythons(place)), default=0)
    return list(dict.fromkeys((*found[:start], str(version.root), *found[start:])))


def to_load(
    version: Version, project: Project, trees: Trees
) -> tuple[list[str | Path], tuple[str, ...]]:
    """What the version declares, what is installed, what was asked for; and what it doesn't have.

    Modules of a repository come and go with its versions, so that it is no error where one isn't
    there. Call it in the version's world. Raises VersionError where a project can't be read.
    """
    wanted: list[str | Path] = list(project.declared or ())
    absent: list[str] = []
    for value, is_own in _installed(version, project, trees):
        (absent if is_own and _is_absent(value) else wanted).append(value)
    for module in version.modules:
        _ensure_checked_out(version, module)
        path = version.root / module
        if not module.endswith(".py"):
            (absent if _is_absent(module) else wanted).append(module)
        elif path.is_file():
            wanted.append(path)
        else:
            absent.append(module)
    return list(dict.fromkeys(wanted)), tuple(absent)


def _ensure_checked_out(version: Version, module: str) -> None:
    """Raises VersionError where the place of a module is there, and empty.

    git keeps no empty folders: it is a submodule's, and nobody knows what the version has there.
    """
    parts = Path(module).parts if module.endswith(".py") else tuple(module.split("."))
    for length in range(1, len(parts)):
        folder = version.root.joinpath(*parts[:length])
        if folder.is_dir() and not any(folder.iterdir()):
            raise VersionError(f"{version.label} has no {module}: {folder} is empty")


def copies(
    version: Version, modules: Mapping[str, ModuleType], own: Collection[str], trees: Trees
) -> Iterator[tuple[str, str]]:
    """Those of the modules that are copies of the project's own, and of what they are copies.

    own: the names of modules that are the version's.
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
        known = files.get(str(place)) or _kept_at(name, project, version)
        known = known or _in_other_checkout(place, version)
        parent = name.rpartition(".")[0]
        # A build elsewhere, say. What is installed may well add to a package that several share.
        if parent in own and module.__name__ == name and not is_installed(place):
            known = known or parent
        if known:
            yield name, known


def _followed(entry: str, here: Path, trees: Trees) -> Iterator[str]:
    """The places that an entry of the search path stands for.

    Links in it lead to where a package really lies, as its modules are to be found there.
    """
    path = here / entry
    if not path.exists():
        # No place, then: import hooks have names of their own in the search path.
        path = Path(entry)
    is_inside = trees.of(str(path)) is not None
    if path.is_dir() and (_STRICT in path.name or not is_inside):
        found = path.glob("**/*" if _STRICT in path.name else "*")
        for link in sorted(place for place in found if place.is_symlink()):
            parts, target = link.relative_to(path).parts, resolved(link)
            if trees.of(str(target)) is not None and target.parts[-len(parts) :] == parts:
                yield str(target.parents[len(parts) - 1])
    yield str(path) if path.is_absolute() else entry


def _installed(version: Version, project: Project, trees: Trees) -> Iterator[tuple[str, bool]]:
    """Modules of the entry points of what is installed, and whether they are the repository's own.

    Of a project in the repository those that the version's files say: it may have others than the
    version that is installed.
    """
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: point.value):
        if point.dist is None or _is_of(point.dist, project):
            if project.declared is None:
                yield point.value, True
            continue
        source = str(source_of(point.dist) or point.dist.locate_file(""))
        if trees.of(source) is None:
            yield point.value, False
            continue
        found = nearest(resolved(Path(version.moved(source, trees))), resolved(version.root), GROUP)
        if found.declared is None:
            yield point.value, True
        elif found.folder != project.folder:
            yield from ((value, True) for value in found.declared)


def _is_of(distribution: Distribution, project: Project) -> bool:
    return bool(project.name) and plain(distribution.name) == plain(project.name)


def _is_absent(module: str) -> bool:
    """Whether a module isn't there, whatever else may be wrong with it."""
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
    """What is installed of the repository: by its name, or by where it was installed from."""
    for distribution in importlib.metadata.distributions():
        source = source_of(distribution)
        if source is not None and trees.of(str(source)) is not None:
            yield distribution
        elif distribution.metadata is not None and _is_of(distribution, project):
            yield distribution


def _kept_at(name: str, project: Project, version: Version) -> str:
    """Where the version keeps a module of that name, if it does where projects usually do."""
    path = name.replace(".", "/")
    for folder in dict.fromkeys((project.folder, resolved(version.root))):
        for layout in _LAYOUTS:
            for place in (folder / layout / path / "__init__.py", folder / layout / f"{path}.py"):
                if place.is_file():
                    return str(place.relative_to(resolved(version.root)))
    return ""


def _in_other_checkout(place: Path, version: Version) -> str:
    """What file of the version it is, where it lies at the same place of another working tree.

    As where that one is installed for editing, and this one is a clone or a linked worktree.
    """
    root = next((folder for folder in place.parents if (folder / ".git").exists()), None)
    if root is None or is_installed(place):
        return ""
    relative = place.relative_to(root)
    return str(relative) if (version.root / relative).is_file() else ""
