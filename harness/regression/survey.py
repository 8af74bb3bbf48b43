"""What a version of a project has of a selection: plain values, that can be handed on."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType

from opbench.harness.catalog import Catalog
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Race, Selection, selected_ops
from opbench.harness.versions.loaded import World
from opbench.harness.versions.own_packages import BUILT_IN, PINNED
from opbench.harness.versions.trees import places_of, resolved
from opbench.results.errors import SelectionError


@dataclass(frozen=True, slots=True)
class Survey:
    """known: the selection with those names that the version knows. contenders: of each op, whoever
    declares them. own: what is to be timed of the selection, of the version's own contenders;
    unselected: the same, whatever is selected. origins: of each of these, by op and name, the
    module that declares it and its file below the root. absent, lacking: as of a `World`. shared:
    packages from outside of the version that its modules use, by name, and where they lie.
    """

    label: str
    known: Selection
    contenders: Mapping[str, tuple[str, ...]]
    own: tuple[Race, ...]
    unselected: tuple[Race, ...]
    origins: Mapping[tuple[str, str], tuple[str, str]]
    absent: tuple[str, ...]
    shared: Mapping[str, str]
    lacking: frozenset[str] = frozenset()


def survey(world: World, selection: Selection) -> Survey:
    """What the version has that is entered."""
    catalog = world.catalog
    unselected = _own(world, replace(selection, names=(), impls=(), expression=""))
    return Survey(
        world.version.label,
        _known(catalog, selection),
        {op: tuple(impls) for op, impls in catalog.impls.items()},
        _own(world, selection),
        unselected,
        _origins(world),
        world.absent,
        dict(_shared(world)),
        frozenset(world.lacking),
    )


def _own(world: World, selection: Selection) -> tuple[Race, ...]:
    """The races of a selection with the contenders that the version itself declares."""
    impls = world.catalog.impls
    kept = (
        replace(r, contenders=tuple(n for n in r.contenders if world.owns(impls[r.case.op][n])))
        for r in _planned_if_any(world.catalog, selection)
    )
    return tuple(race for race in kept if race.contenders)


def _origins(world: World) -> dict[tuple[str, str], tuple[str, str]]:
    root, found = resolved(world.version.root), {}
    for op, impls in world.catalog.impls.items():
        for name, contender in impls.items():
            if world.owns(contender):
                module = contender.function.__module__
                file = resolved(Path(places_of(world.modules[module])[0]))
                found[op, name] = (module, str(file.relative_to(root)))
    return found


def _shared(world: World) -> Iterator[tuple[str, str]]:
    """The packages that its modules have names for, Python's own and opbench's apart."""
    values = (value for module in world.modules.values() for value in vars(module).values())
    homes = {
        value.__name__ if issubclass(type(value), ModuleType) else _module_of(value)
        for value in values
    }
    own = {name.partition(".")[0] for name in world.modules}
    apart = {*sys.stdlib_module_names, *PINNED, *BUILT_IN, *own}
    for top in sorted({home.partition(".")[0] for home in homes} - apart):
        places = places_of(sys.modules[top]) if top in sys.modules else []
        if places:
            yield top, places[0]


def _module_of(value: object) -> str:
    """Where a class or a function comes from."""
    is_defined = isinstance(value, type | FunctionType | BuiltinFunctionType)
    return str(value.__module__) if is_defined else ""


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


def strange_names(selection: Selection, surveys: Iterable[Survey]) -> tuple[set[str], set[str]]:
    """The names of ops, and of contenders, that were asked for and that no version knows."""
    names, impls = set(selection.names), set(selection.impls)
    for one in surveys:
        names -= set(one.known.names)
        impls -= set(one.known.impls)
    return names, impls
