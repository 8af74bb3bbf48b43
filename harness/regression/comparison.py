"""The contenders and cases that two versions of a project share, or that one lacks. No torch.

Both versions are loaded into one fresh process where they can share it, and else each into one of
its own. The plan that comes of it is all that a session knows of the versions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from opbench.harness.catalog import Catalog
from opbench.harness.execution.messages import WorkerConfig
from opbench.harness.execution.process import Limits
from opbench.harness.execution.subprocess_call import call_in_subprocess
from opbench.harness.pipeline import anchors as anchoring
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Race, Selection, filter_contenders, selected_ops
from opbench.harness.regression.survey import Survey, strange_names, survey
from opbench.harness.system.lazy_import import import_lazily
from opbench.harness.versions.loaded import LoadedVersion, LoadedVersions
from opbench.harness.versions.sources import Version
from opbench.harness.versions.trees import resolved
from opbench.results.errors import SelectionError, VersionError
from opbench.results.records import NULL_ROLES, Case, SideName, Uncompared, Unpaired, Unsupported

#: How many of its own cases the base is raced against itself on, beside the machine's anchors.
CONTROL_RACES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What two versions have in common, and what they haven't."""

    #: The cases, with those contenders that both versions have.
    races: tuple[Race, ...]
    #: The contenders that one of them lacks.
    alone: tuple[Uncompared, ...] = ()
    #: The races of the A/A control: machine anchors, and a few contenders of the base.
    control: tuple[Race, ...]
    #: Packages from outside of both that either uses, and where they lie.
    shared: tuple[tuple[str, str], ...] = ()
    #: By the label of the version that lacks it, a file that is there where the project is
    #: installed and that an import hook has for a module.
    lacking: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonPlan:
    """The contenders that are compared, case by case, and how their processes start."""

    #: By side (base and head), what its process loads.
    sides: Mapping[SideName, WorkerConfig]
    #: The cases, with the contenders that both sides have.
    races: tuple[Race, ...]
    #: The races of the A/A control, in which the base meets itself.
    control: tuple[Race, ...]
    #: Of contenders, in each process.
    limits: Limits
    #: By key of the case and contender, the share of its own time by which the head is slowed down
    #: on purpose, to learn what a gate detects.
    injected: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def slowed(self, race: Race, role: str) -> dict[str, float]:
        """The shares injected into the contenders of a case; the base is never slowed down."""
        keys = {name: (race.case.key, name) for name in race.contenders if role not in NULL_ROLES}
        return {name: self.injected[key] for name, key in keys.items() if key in self.injected}


def versions_of(
    base: Path, head: Path, *, home: Path, modules: Iterable[str], labels: tuple[str, str]
) -> tuple[Version, Version]:
    """The two versions at these roots.

    home: the root of the version whose places are in the search path. modules: as given by --load;
    a file inside `home` stands for that of each version, and so does the working directory.
    """
    relative = tuple(_relative(module, home) for module in modules)
    here = Path.cwd()
    folder = here.relative_to(home) if here.is_relative_to(home) else Path()
    old, new = (
        Version(
            label=label,
            root=root,
            home=home,
            modules=relative,
            folder=folder,
            with_copies=base == head,
        )
        for label, root in zip(labels, (base, head), strict=True)
    )
    return old, new


def common(base: Version, head: Version, selection: Selection) -> Common:
    """The selected contenders of a project's own that two of its versions have in common.

    The cases are those of the head. A module that only one of them has is no error: what it
    declares is new, or vanished. Raises VersionError if a version doesn't load, and SelectionError
    if neither has what is selected.
    """
    # In another process, as what a version does while it is loaded may end the process.
    try:
        return call_in_subprocess(_common_in_one_process, base, head, selection)
    except VersionError:
        # Perhaps since both can't be in one process: some of what is registered stays for good.
        old = call_in_subprocess(_survey_of, base, selection)
        return call_in_subprocess(_common_to, old, head, selection)


def _common_in_one_process(base: Version, head: Version, selection: Selection) -> Common:
    """As `common`, for versions that can share a process: this one."""
    import_lazily("torch")
    with LoadedVersions().restored_at_end() as loaded:
        old = survey(loaded.load(base), selection)
        return _against(old, loaded.load(head), selection)


def _survey_of(version: Version, selection: Selection) -> Survey:
    """The survey of a version. Raises VersionError if it doesn't load."""
    import_lazily("torch")
    with LoadedVersions().restored_at_end() as loaded:
        return survey(loaded.load(version), selection)


def _common_to(old: Survey, head: Version, selection: Selection) -> Common:
    """As `common`, for a base that was surveyed in another process."""
    import_lazily("torch")
    with LoadedVersions().restored_at_end() as loaded:
        return _against(old, loaded.load(head), selection)


def _against(old: Survey, head: LoadedVersion, selection: Selection) -> Common:
    """As `common`, for a base that was surveyed, with the head active."""
    new = survey(head, selection)
    _ensure_there(head.version.modules, old, new)
    _ensure_known(selection, old, new, head.catalog)
    races = tuple(_shared(new.own, old))
    only_head = _alone(new.own, old, new, status="new")
    # What seems to be new may have another name, whose loss the selection mustn't hide.
    before = old.unselected if only_head and not races else old.own
    only_base = _alone(before, new, old, status="vanished")
    if not new.own and not old.own:
        plan(head.catalog, selection)  # says what is wrong with a selection that fits nothing
        raise SelectionError(
            f"{new.label} itself declares no contender of what is selected; contenders of "
            "installed packages are the same in both versions"
        )
    shared = tuple(sorted({**old.shared, **new.shared}.items()))
    lacking = tuple((one.label, place) for one in (old, new) for place in sorted(one.lacking))
    return Common(
        races=races,
        alone=(*only_head, *only_base),
        control=control_races(races, selection),
        shared=shared,
        lacking=lacking,
    )


def everything(version: Version, selection: Selection) -> Common:
    """All selected contenders of a project, which runs in two environments."""
    return call_in_subprocess(_everything, version, selection)


def _everything(version: Version, selection: Selection) -> Common:
    """As `everything`, of a project that is loaded into this process."""
    import_lazily("torch")
    with LoadedVersions().restored_at_end() as loaded:
        project = loaded.load(version)
        surveyed = survey(project, selection)
        _ensure_there(version.modules, surveyed, surveyed)
        races = plan(project.catalog, selection)
        return Common(races=races, control=control_races(races, selection))


def control_races(races: tuple[Race, ...], selection: Selection) -> tuple[Race, ...]:
    """The races of the base against itself: the anchors, and one contender of a few cases."""
    anchors = anchoring.races(devices=selection.devices[:1], threads=selection.threads)
    step = max(1, len(races) // CONTROL_RACES)
    own = (race.only(race.contenders[:1]) for race in races[::step][:CONTROL_RACES])
    return (*anchors, *own)


def _ensure_there(modules: Iterable[str], old: Survey, new: Survey) -> None:
    """Raise SelectionError for modules that were given by --load and that no version has."""
    for module in modules:
        if module in old.absent and module in new.absent:
            nor = f", nor has {new.label}" if new.label != old.label else ""
            raise SelectionError(f"{old.label} has no file {module}{nor}: --load asks for it")


def _relative(module: str, home: Path) -> str:
    """A module as given by --load; a file inside `home` relative to it."""
    if not module.endswith(".py"):
        return module
    place, path = Path(os.path.abspath(module)), resolved(Path(module))  # noqa: PTH100
    # By the name that was given: it may be a link in one version, and a file in the other.
    path = place if place.is_relative_to(home) and resolved(place) == path else path
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)


def _shared(races: Iterable[Race], other: Survey) -> Iterator[Race]:
    """The races with those contenders that the other version has too."""
    return filter_contenders(
        races, lambda race, name: name in other.contenders.get(race.case.op, ())
    )


def _alone(
    races: Iterable[Race], other: Survey, one: Survey, *, status: Literal["new", "vanished"]
) -> tuple[Uncompared, ...]:
    """The contenders of one version that the other lacks, each with the first of its cases."""
    cases: dict[tuple[str, str], Case] = {}
    for race in races:
        for name in race.contenders:
            if name not in other.contenders.get(race.case.op, ()):
                cases.setdefault((race.case.op, name), race.case)
    lacking = {key: _lacking(other, one.origins[key]) for key in cases}
    return tuple(
        Uncompared(
            key[1],
            case,
            status,
            Unpaired(lacking[key]) if status == "new" else Unpaired(None, lacking[key]),
        )
        for key, case in cases.items()
    )


def _lacking(version: Survey, origin: tuple[str, str]) -> Unsupported:
    """The refusal of a contender that a version lacks. origin: where the other has it."""
    missing = next((name for name in reversed(origin) if name in version.absent), "")
    what = f"has no {missing}" if missing else "has no such contender"
    return Unsupported(f"{version.label} {what}")


def _ensure_known(selection: Selection, old: Survey, new: Survey, catalog: Catalog) -> None:
    """Raise SelectionError for names that neither version knows. catalog: of the head."""
    names, impls = strange_names(selection, (old, new))
    if names:
        selected_ops(catalog, tuple(sorted(names)))
    if impls and selection.names:
        plan(catalog, replace(selection, names=new.known.names, impls=tuple(sorted(impls))))
