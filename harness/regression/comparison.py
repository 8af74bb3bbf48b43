"""What two versions of a project have in common, and what only one of them has. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from opbench.harness.catalog import Catalog
from opbench.harness.execution.subprocess_call import called_elsewhere
from opbench.harness.pipeline import anchors as anchoring
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Race, Selection, selected_ops
from opbench.harness.regression.survey import Survey, strange_names, survey
from opbench.harness.system.lazy_import import import_lazily
from opbench.harness.versions.loaded import World, Worlds
from opbench.harness.versions.sources import Version
from opbench.harness.versions.trees import resolved
from opbench.results.errors import SelectionError, VersionError
from opbench.results.records import Case, Uncompared, Unpaired, Unsupported

#: Raced by the base against itself, beside the machine's anchors.
NULL_RACES = 2


@dataclass(frozen=True, slots=True)
class Common:
    """races: of the contenders that both versions have. alone: those that one of them lacks.

    null: what the base is raced against itself on: machine anchors, and a few of its contenders.
    shared: packages from outside of both that either uses, and where they lie. lacking: files that
    an import hook of what is installed has, by the version that was to have its own and hasn't.
    """

    races: tuple[Race, ...]
    alone: tuple[Uncompared, ...]
    null: tuple[Race, ...]
    shared: tuple[tuple[str, str], ...] = ()
    lacking: tuple[tuple[str, str], ...] = ()


def versions_of(
    base: Path, head: Path, *, home: Path, modules: Iterable[str], labels: tuple[str, str]
) -> tuple[Version, Version]:
    """The two versions at these roots.

    home: the root of the version whose places are in the search path. modules: as given by --load;
    a file inside `home` is meant in each version, and so is the working directory.
    """
    relative = tuple(_relative(module, home) for module in modules)
    here = Path.cwd()
    folder = here.relative_to(home) if here.is_relative_to(home) else Path()
    is_one = base == head
    return (
        Version(labels[0], base, home, relative, folder, is_one),
        Version(labels[1], head, home, relative, folder, is_one),
    )


def common(base: Version, head: Version, selection: Selection) -> Common:
    """What is to be compared of two versions of a project's own contenders.

    The cases are those of the head. A module that only one of them has is no error: what it
    declares is new, or vanished. Raises VersionError where a version doesn't load, and
    SelectionError where neither has what is selected or asked for.
    """
    # Elsewhere, as what a version does while it is loaded may be the end of the process.
    try:
        return called_elsewhere(_both, base, head, selection)
    except VersionError:
        # Perhaps since both can't be in one process: some of what is registered stays for good.
        old = called_elsewhere(_surveyed, base, selection)
        return called_elsewhere(_common_to, old, head, selection)


def _both(base: Version, head: Version, selection: Selection) -> Common:
    """As `common`, of versions that can be in one process."""
    import_lazily("torch")
    with Worlds().visiting() as worlds:
        old = survey(worlds.load(base), selection)
        return _against(old, worlds.load(head), selection)


def _surveyed(version: Version, selection: Selection) -> Survey:
    """What a version has. Raises VersionError where it doesn't load."""
    import_lazily("torch")
    with Worlds().visiting() as worlds:
        return survey(worlds.load(version), selection)


def _common_to(old: Survey, head: Version, selection: Selection) -> Common:
    """As `common`, of a base that was surveyed elsewhere."""
    import_lazily("torch")
    with Worlds().visiting() as worlds:
        return _against(old, worlds.load(head), selection)


def _against(old: Survey, head: World, selection: Selection) -> Common:
    """As `common`, of a base that was surveyed, in the world of the head."""
    new = survey(head, selection)
    _ensure_there(head.version.modules, old, new)
    _ensure_known(selection, old, new, head.catalog)
    races = tuple(_shared(new.own, old))
    fresh = _alone(new.own, old, new, status="new")
    # What seems to be new may have another name, whose loss the selection mustn't hide.
    before = old.unselected if fresh and not races else old.own
    gone = _alone(before, new, old, status="vanished")
    if not new.own and not old.own:
        plan(head.catalog, selection)  # tells what is wrong with a selection that fits nothing
        raise SelectionError(
            f"{new.label} itself declares no contender of what is selected; contenders of "
            "installed packages are the same in both versions"
        )
    shared = tuple(sorted({**old.shared, **new.shared}.items()))
    lacking = tuple((one.label, place) for one in (old, new) for place in sorted(one.lacking))
    return Common(races, (*fresh, *gone), null_races(races, selection), shared, lacking)


def everything(version: Version, selection: Selection) -> Common:
    """What is to be compared where one and the same project runs in two environments: all of it."""
    return called_elsewhere(_everything, version, selection)


def _everything(version: Version, selection: Selection) -> Common:
    import_lazily("torch")
    with Worlds().visiting() as worlds:
        world = worlds.load(version)
        found = survey(world, selection)
        _ensure_there(version.modules, found, found)
        races = plan(world.catalog, selection)
        return Common(races, (), null_races(races, selection))


def null_races(races: tuple[Race, ...], selection: Selection) -> tuple[Race, ...]:
    """The races of the base against itself: the anchors, and one contender of a few cases."""
    anchors = anchoring.races(devices=selection.devices[:1], threads=selection.threads)
    step = max(1, len(races) // NULL_RACES)
    own = (replace(race, contenders=race.contenders[:1]) for race in races[::step][:NULL_RACES])
    return (*anchors, *own)


def _ensure_there(modules: Iterable[str], old: Survey, new: Survey) -> None:
    """Raises SelectionError for modules that were asked for and that no version has."""
    for module in modules:
        if module in old.absent and module in new.absent:
            nor = f", nor has {new.label}" if new.label != old.label else ""
            raise SelectionError(f"{old.label} has no file {module}{nor}: --load asks for it")


def _relative(module: str, home: Path) -> str:
    if not module.endswith(".py"):
        return module
    place, path = Path(os.path.abspath(module)), resolved(Path(module))  # noqa: PTH100
    # By the name that it was asked for: it may be a link in one version, and a file in the other.
    path = place if place.is_relative_to(home) and resolved(place) == path else path
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)


def _shared(races: Iterable[Race], other: Survey) -> Iterator[Race]:
    for race in races:
        names = tuple(n for n in race.contenders if n in other.contenders.get(race.case.op, ()))
        if names:
            yield replace(race, contenders=names)


def _alone(
    races: Iterable[Race], other: Survey, one: Survey, *, status: str
) -> tuple[Uncompared, ...]:
    """The contenders of one version that the other lacks, each with the first of its cases."""
    found: dict[tuple[str, str], Case] = {}
    for race in races:
        for name in race.contenders:
            if name not in other.contenders.get(race.case.op, ()):
                found.setdefault((race.case.op, name), race.case)
    lacking = {key: _lacking(other, one.origins[key]) for key in found}
    return tuple(
        Uncompared(
            key[1],
            case,
            status,
            Unpaired(lacking[key]) if status == "new" else Unpaired(None, lacking[key]),
        )
        for key, case in found.items()
    )


def _lacking(version: Survey, origin: tuple[str, str]) -> Unsupported:
    """What is said of a contender that a version lacks. origin: where the other has it."""
    missing = next((name for name in reversed(origin) if name in version.absent), "")
    what = f"has no {missing}" if missing else "has no such contender"
    return Unsupported(f"{version.label} {what}")


def _ensure_known(selection: Selection, old: Survey, new: Survey, catalog: Catalog) -> None:
    """Raises SelectionError for names that neither version knows. catalog: of the newer one."""
    names, impls = strange_names(selection, (old, new))
    if names:
        selected_ops(catalog, tuple(sorted(names)))
    if impls and selection.names:
        plan(catalog, replace(selection, names=new.known.names, impls=tuple(sorted(impls))))
