"""Set up a comparison of two versions: worktrees or environments, and what is compared.

Two versions of a repository are checked out, built and loaded; or one project runs with the
packages of two environments. All of it is removed at the end.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from opbench.harness.execution.messages import WorkerConfig
from opbench.harness.execution.process import Limits, WorkerError
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.pipeline import anchors
from opbench.harness.planning.selection import Selection
from opbench.harness.regression.comparison import (
    Common,
    ComparisonPlan,
    common,
    everything,
    versions_of,
)
from opbench.harness.regression.new_contenders import try_alone
from opbench.harness.regression.process_pair import ProcessPair
from opbench.harness.versions import ignored_files
from opbench.harness.versions.builds import build, ensure_builds_in_place
from opbench.harness.versions.sources import Version
from opbench.harness.versions.worktrees import (
    HERE,
    Checkout,
    checked_out,
    ensure_different,
    naming_missing_submodules,
    only_uncommitted,
    toplevel,
)
from opbench.results.errors import SelectionError, VersionError
from opbench.results.records import Environment, Method, Side, SideName

#: By which method contenders are to be screened; "auto": as twins if both versions can be.
MethodChoice = Literal["auto", Method]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRequest:
    """The two versions that are to be compared, and by what."""

    #: A git ref; "" where `python` says what the base is.
    base: str
    #: A git ref, or "." for the working tree.
    head: str
    #: The interpreter of a base with the same code as the head; "" where the base is a ref.
    python: str
    #: A shell command that builds a version that was checked out; "" for none.
    build: str
    #: The ops, contenders and cases.
    selection: Selection
    #: As given by --load.
    modules: tuple[str, ...]
    method: MethodChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything that a session needs."""

    #: What the session times.
    plan: ComparisonPlan
    #: From what the plan was made.
    common: Common
    #: How contenders are screened.
    method: Method
    #: Why by this method.
    note: str
    #: The base, as it stands in records.
    base: Side
    #: The head, as it stands in records.
    head: Side
    #: The root of the head version, where its list of accepted changes lies.
    root: Path
    #: Differences between the versions that don't show in git.
    warnings: tuple[str, ...] = ()


@contextmanager
def set_up(request: ComparisonRequest, limits: Limits) -> Iterator[Setup]:
    """Make both versions ready, and remove them at the end, also after an interruption.

    Raises VersionError if a version isn't there, or doesn't build or load, and SelectionError if
    building would install one.
    """
    with ExitStack() as stack:
        if request.python:
            yield _two_environments(request, limits)
            return
        ensure_builds_in_place(request.build)
        home = toplevel(Path.cwd())
        base = stack.enter_context(checked_out(home, request.base))
        head = stack.enter_context(checked_out(home, request.head))
        if request.build:
            ensure_different(home, base, head)  # sooner than below: builds take long
        for checkout, ref in ((base, request.base), (head, request.head)):
            if request.build and ref != HERE:
                build(checkout, request.build)
        yield _two_versions(request, limits, base, head, home)


def set_up_against_itself(
    selection: Selection, modules: tuple[str, ...], limits: Limits
) -> tuple[ComparisonPlan, Environment]:
    """The plan that compares everything selected of the project with itself, and the environment.

    Raises VersionError if the project doesn't load twice into one process.
    """
    version = _project(modules)
    plan = _plan(
        everything(version, selection),
        _config("base", version, limits),
        _config("head", version, limits),
        limits,
    )
    _, _, environment = _method("twins", version, version, limits)
    return plan, environment


def _two_versions(
    request: ComparisonRequest, limits: Limits, base: Checkout, head: Checkout, home: Path
) -> Setup:
    """The set-up of two checkouts, whose contenders in common are compared."""
    old, new = versions_of(
        base.root, head.root, home=home, modules=request.modules, labels=(base.label, head.label)
    )
    with naming_missing_submodules((base, head)):
        shared = common(old, new, request.selection)
    ensure_different(home, base, head)
    method, note, environment = _method(request.method, old, new, limits)
    sides: dict[SideName, WorkerConfig] = {
        "base": _config("base", old, limits),
        "head": _config("head", new, limits),
    }
    shared = replace(shared, alone=try_alone(shared.alone, sides, limits))
    return Setup(
        plan=_plan(shared, sides["base"], sides["head"], limits),
        common=shared,
        method=method,
        note=note,
        base=Side(base.label, base.commit, sys.executable, environment),
        head=Side(head.label, head.commit, sys.executable, environment),
        root=head.root,
        warnings=tuple(_warnings(request, base, head, home, shared)),
    )


def _warnings(
    request: ComparisonRequest, base: Checkout, head: Checkout, home: Path, shared: Common
) -> Iterator[str]:
    """Warnings of differences between two checkouts that no commit shows."""
    yield from only_uncommitted(home, base, head)
    if request.head == HERE and not request.build:
        yield from ignored_files.warnings(home, base.label)
    yield from ignored_files.unmade(home, shared.lacking)


def _interpreter(name: str) -> str:
    """The path of an interpreter. Raises SelectionError if there is none of that name."""
    path = shutil.which(name)
    if path is None:
        raise SelectionError(f"--base-python: there is no interpreter {name}")
    return path


def _two_environments(request: ComparisonRequest, limits: Limits) -> Setup:
    """The set-up of one project in two environments, all of whose contenders are compared."""
    python = _interpreter(request.python)
    if request.method == "twins":
        raise SelectionError(
            "two environments can't be loaded into one process: use --method pairs"
        )
    version = _project(request.modules)
    shared = everything(version, request.selection)
    base = _config("base", version, limits, python=python)
    head = _config("head", version, limits)
    with ProcessPair({"base": base, "head": head}, limits) as processes:
        environments = processes.environments()
    return Setup(
        plan=_plan(shared, base, head, limits),
        common=shared,
        method="pairs",
        note="two environments",
        base=Side(request.python, "", python, environments["base"]),
        head=Side(sys.executable, "", sys.executable, environments["head"]),
        root=version.root,
    )


def _project(modules: tuple[str, ...]) -> Version:
    """The project in the working directory, as one version."""
    root = Path.cwd()
    version, _ = versions_of(root, root, home=root, modules=modules, labels=("the project", ""))
    return version


def _method(
    requested: MethodChoice, base: Version, head: Version, limits: Limits
) -> tuple[Method, str, Environment]:
    """How to screen, why, and the environment: as twins if both can share a process."""
    versions: tuple[tuple[SideName, Version], ...] = (("base", base), ("head", head))
    if requested != "pairs":
        try:
            with Supervisor((anchors.MODULE,), limits=limits, versions=versions) as supervisor:
                return "twins", "", supervisor.environment()
        except WorkerError as error:
            if requested == "twins":
                raise VersionError(f"the versions can't be twins: {error}") from error
            note = f"not twins: {error}"
    else:
        note = "as asked"
    with Supervisor((anchors.MODULE,), limits=limits, versions=versions[1:]) as supervisor:
        return "pairs", note, supervisor.environment()


def _plan(shared: Common, base: WorkerConfig, head: WorkerConfig, limits: Limits) -> ComparisonPlan:
    """The plan of comparing what both sides share."""
    sides: dict[SideName, WorkerConfig] = {"base": base, "head": head}
    return ComparisonPlan(sides=sides, races=shared.races, control=shared.control, limits=limits)


def _config(side: SideName, version: Version, limits: Limits, *, python: str = "") -> WorkerConfig:
    """The config of the workers that load a version as a side."""
    return WorkerConfig((anchors.MODULE,), limits.memory, ((side, version),), python)
