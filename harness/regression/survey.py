"""A survey of a version: the selected ops and contenders it has, as plain values.

It can be made in another process, and be compared with the survey of a version that can't share
it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType

from opbench.harness.catalog import Catalog
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Race, Selection, filter_contenders, selected_ops
from opbench.harness.versions import own_packages
from opbench.harness.versions.loaded import LoadedVersion
from opbench.harness.versions.trees import places_of, resolved
from opbench.results.errors import SelectionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The ops and contenders that a version has."""

    #: The name of the version in messages.
    label: str
    #: The selection with those names that the version knows.
    known: Selection
    #: By op, the names of all contenders, whether the version or a package declares them.
    contenders: Mapping[str, tuple[str, ...]]
    #: The selected races, of the version's own contenders.
    own: tuple[Race, ...]
    #: The same without regard to the selection.
    unselected: tuple[Race, ...]
    #: By op and name of its own contenders, the declaring module and its file below the root.
    origins: Mapping[tuple[str, str], tuple[str, str]]
    #: The modules that were requested and that it doesn't have.
    absent: tuple[str, ...]
    #: Packages from outside of the version that its modules use, by name, and where they lie.
    shared: Mapping[str, str]
    #: As of a `LoadedVersion`.
    lacking: frozenset[str] = frozenset()


def survey(loaded: LoadedVersion, selection: Selection) -> Survey:
    """The survey of the version that is active."""
    catalog = loaded.catalog
    unselected = _own(loaded, replace(selection, names=(), impls=(), expression=""))
    return Survey(
        label=loaded.version.label,
        known=_known(catalog, selection),
        contenders={op: tuple(impls) for op, impls in catalog.impls.items()},
        own=_own(loaded, selection),
        unselected=unselected,
        origins=_origins(loaded),
        absent=loaded.absent,
        shared=dict(_shared(loaded)),
        lacking=frozenset(loaded.lacking),
    )


def _own(loaded: LoadedVersion, selection: Selection) -> tuple[Race, ...]:
    """The races of a selection with the contenders that the version itself declares."""
    impls = loaded.catalog.impls
    planned = _planned_if_any(loaded.catalog, selection)
    return tuple(filter_contenders(planned, lambda r, name: loaded.owns(impls[r.case.op][name])))


def _origins(loaded: LoadedVersion) -> dict[tuple[str, str], tuple[str, str]]:
    """By op and name, the module and the file of each of the version's own contenders."""
    root, origins = resolved(loaded.version.root), {}
    for op, impls in loaded.catalog.impls.items():
        for name, contender in impls.items():
            if loaded.owns(contender):
                module = contender.function.__module__
                file = resolved(Path(places_of(loaded.modules[module])[0]))
                origins[op, name] = (module, str(file.relative_to(root)))
    return origins


def _shared(loaded: LoadedVersion) -> Iterator[tuple[str, str]]:
    """The packages that its modules have names for, except Python's own and opbench's."""
    values = (value for module in loaded.modules.values() for value in vars(module).values())
    homes = {
        value.__name__ if issubclass(type(value), ModuleType) else _module_of(value)
        for value in values
    }
    own = {name.partition(".")[0] for name in loaded.modules}
    apart = {*sys.stdlib_module_names, own_packages.NAME, *own}
    for top in sorted({home.partition(".")[0] for home in homes} - apart):
        places = places_of(sys.modules[top]) if top in sys.modules else []
        if places:
            yield top, places[0]


def _module_of(value: object) -> str:
    """The module of a class or a function; "" for other values."""
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
    """The selected names of ops, and of contenders, that no version knows."""
    names, impls = set(selection.names), set(selection.impls)
    for one in surveys:
        names -= set(one.known.names)
        impls -= set(one.known.impls)
    return names, impls
