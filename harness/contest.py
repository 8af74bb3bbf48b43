"""What two versions of a project have in common, and what only one of them has. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness import anchoring
from harness.catalog import Catalog
from harness.planning import Race, Selection, plan, selected_ops
from harness.sources import Version
from harness.trees import places_of, resolved
from harness.worlds import World, Worlds
from results.errors import SelectionError
from results.record import Case, Uncompared, Unpaired, Unsupported

#: Raced by the base against itself, beside the machine's anchors.
NULL_RACES = 2


@dataclass(frozen=True, slots=True)
class Common:
    """races: of the contenders that both versions have. alone: those that one of them lacks.

    null: what the base is raced against itself on: machine anchors, and a few of its contenders.
    """

    races: tuple[Race, ...]
    alone: tuple[Uncompared, ...]
    null: tuple[Race, ...]


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
    return (
        Version(labels[0], base, home, relative, folder),
        Version(labels[1], head, home, relative, folder),
    )


def common(base: Version, head: Version, selection: Selection) -> Common:
    """What is to be compared of two versions of a project's own contenders.

    The cases are those of the head. A module that only one of them has is no error: what it
    declares is new, or vanished. Raises VersionError where a version doesn't load, and
    SelectionError where neither has what is selected or asked for.
    """
    with Worlds().visiting() as worlds:
        old, new = worlds.load(base), worlds.load(head)
        _ensure_there(base, old, new)
        _ensure_known(selection, old.catalog, new.catalog)
        planned = _own(new, _planned_if_any(new.catalog, selection))
        races = tuple(_shared(planned, old.catalog))
        fresh = _alone(planned, old, new, status="new")
        worlds.enter(old)
        # What seems to be new may have another name, whose loss the selection mustn't hide.
        is_all_new = bool(fresh) and not races
        seen = replace(selection, names=(), impls=(), expression="") if is_all_new else selection
        before = _own(old, _planned_if_any(old.catalog, selection))
        gone = _alone(_own(old, _planned_if_any(old.catalog, seen)), new, old, status="vanished")
        if not planned and not before:
            plan(new.catalog, selection)  # tells what is wrong with a selection that fits nothing
            raise SelectionError(
                f"{head.label} itself declares no contender of what is selected; contenders of "
                "installed packages are the same in both versions"
            )
        return Common(races, (*fresh, *gone), null_races(races, selection))


def everything(version: Version, selection: Selection) -> Common:
    """What is to be compared where one and the same project runs in two environments: all of it."""
    with Worlds().visiting() as worlds:
        world = worlds.load(version)
        _ensure_there(version, world, world)
        races = plan(world.catalog, selection)
        return Common(races, (), null_races(races, selection))


def null_races(races: tuple[Race, ...], selection: Selection) -> tuple[Race, ...]:
    """The races of the base against itself: the anchors, and one contender of a few cases."""
    anchors = anchoring.races(devices=selection.devices[:1], threads=selection.threads)
    step = max(1, len(races) // NULL_RACES)
    own = (replace(race, contenders=race.contenders[:1]) for race in races[::step][:NULL_RACES])
    return (*anchors, *own)


def _ensure_there(version: Version, *worlds: World) -> None:
    """Raises SelectionError for modules that were asked for and that no version has."""
    missing = [m for m in version.modules if all(m in world.absent for world in worlds)]
    if missing:
        labels = " and ".join(dict.fromkeys(world.version.label for world in worlds))
        raise SelectionError(f"there is no {missing[0]} in {labels}, which --load asks for")


def _relative(module: str, home: Path) -> str:
    if not module.endswith(".py"):
        return module
    path = Path(module).resolve()
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)


def _own(world: World, races: Iterable[Race]) -> tuple[Race, ...]:
    """The races with the contenders that the version itself declares."""
    impls = world.catalog.impls
    kept = (
        replace(r, contenders=tuple(n for n in r.contenders if world.owns(impls[r.case.op][n])))
        for r in races
    )
    return tuple(race for race in kept if race.contenders)


def _shared(races: Iterable[Race], other: Catalog) -> Iterator[Race]:
    for race in races:
        names = tuple(n for n in race.contenders if n in other.impls.get(race.case.op, {}))
        if names:
            yield replace(race, contenders=names)


def _alone(
    races: Iterable[Race], other: World, one: World, *, status: str
) -> tuple[Uncompared, ...]:
    """The contenders of one version that the other lacks, each with the first of its cases."""
    found: dict[tuple[str, str], Case] = {}
    for race in races:
        for name in race.contenders:
            if name not in other.catalog.impls.get(race.case.op, {}):
                found.setdefault((race.case.op, name), race.case)
    return tuple(
        Uncompared(name, case, status, _without(other, one, op, name, status=status))
        for (op, name), case in found.items()
    )


def _without(other: World, one: World, op: str, name: str, *, status: str) -> Unpaired:
    """What is said of a contender that the other version lacks."""
    module = one.catalog.impls[op][name].function.__module__
    file = places_of(one.modules[module])[0]
    place = str(resolved(Path(file)).relative_to(resolved(one.version.root)))
    missing = next((name for name in (place, module) if name in other.absent), "")
    what = f"has no {missing}" if missing else "has no such contender"
    lacking = Unsupported(f"{other.version.label} {what}")
    return Unpaired(lacking, None) if status == "new" else Unpaired(None, lacking)


def _planned_if_any(catalog: Catalog, selection: Selection) -> tuple[Race, ...]:
    """The races of what this version has of a selection: the other may have more, or less."""
    known = _known(catalog, selection)
    if bool(known.names) != bool(selection.names) or bool(known.impls) != bool(selection.impls):
        return ()
    try:
        return plan(catalog, known)
    except SelectionError:
        return ()


def _known(catalog: Catalog, selection: Selection) -> Selection:
    """The selection with those names of ops, suites and contenders that the catalogue knows."""
    names = tuple(n for n in selection.names if n in catalog.ops or n in catalog.suites)
    ops = selected_ops(catalog, names) if names or not selection.names else ()
    contenders = {name for op in ops for name in catalog.impls[op.name]}
    impls = tuple(name for name in selection.impls if name in contenders)
    return replace(selection, names=names, impls=impls)


def _ensure_known(selection: Selection, old: Catalog, new: Catalog) -> None:
    """Raises SelectionError for names that neither version knows."""
    before, after = _known(old, selection), _known(new, selection)
    strange = set(selection.names) - {*before.names, *after.names}
    if strange:
        selected_ops(new, tuple(sorted(strange)))
    strange = set(selection.impls) - {*before.impls, *after.impls}
    if strange and selection.names:
        plan(new, replace(selection, names=after.names, impls=tuple(sorted(strange))))
