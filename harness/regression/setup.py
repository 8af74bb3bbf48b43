"""Where a gate's two versions meet: worktrees and environments made ready, and what is compared."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from opbench.harness.execution.messages import Brief
from opbench.harness.execution.process import Limits, WorkerError
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.pipeline import anchors
from opbench.harness.planning.selection import Selection
from opbench.harness.regression.comparison import Common, common, everything, versions_of
from opbench.harness.regression.gate import Contest
from opbench.harness.regression.new_contenders import tried
from opbench.harness.regression.process_pair import Duel, Fighter
from opbench.harness.versions import ignored_files
from opbench.harness.versions.builds import build, ensure_builds_in_place
from opbench.harness.versions.sources import Version
from opbench.harness.versions.worktrees import (
    HERE,
    Checkout,
    checked_out,
    ensure_different,
    only_uncommitted,
    submodules_in_mind,
    toplevel,
)
from opbench.results.errors import SelectionError, VersionError
from opbench.results.records import Environment, Side


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be compared.

    base, head: git refs; head may be "." for the working tree. python: the interpreter of the base,
    which then is the same code as the head; "" where the base is a ref. build: shell command that
    builds a checked-out version; "" for none. modules: as given by --load. method: "auto", "twins"
    or "pairs".
    """

    base: str
    head: str
    python: str
    build: str
    selection: Selection
    modules: tuple[str, ...]
    method: str


@dataclass(frozen=True, slots=True)
class Arena:
    """Everything that a session needs. method, note: how contenders are screened, and why so.

    root: of the head version, where its list of accepted changes lies. warnings: in which way the
    versions may be unlike though nothing of it stands in git.
    """

    contest: Contest
    common: Common
    method: str
    note: str
    base: Side
    head: Side
    root: Path
    warnings: tuple[str, ...] = ()


@contextmanager
def opened(asked: Asked, limits: Limits) -> Iterator[Arena]:
    """Both versions made ready, and removed at the end, also where they were interrupted.

    Raises VersionError where a version isn't there, or doesn't build or load, and SelectionError
    where building would install one.
    """
    with ExitStack() as stack:
        if asked.python:
            yield _two_environments(asked, limits)
            return
        ensure_builds_in_place(asked.build)
        home = toplevel(Path.cwd())
        base = stack.enter_context(checked_out(home, asked.base))
        head = stack.enter_context(checked_out(home, asked.head))
        if asked.build:
            ensure_different(home, base, head)  # sooner than below: builds take long
        for checkout, ref in ((base, asked.base), (head, asked.head)):
            if asked.build and ref != HERE:
                build(checkout, asked.build)
        yield _two_versions(asked, limits, base, head, home)


def mirrored(
    selection: Selection, modules: tuple[str, ...], limits: Limits
) -> tuple[Contest, Environment]:
    """The project against itself, all that is selected, and where: nothing differs there.

    Raises VersionError where it doesn't load, twice into one process.
    """
    version = _project(modules)
    contest = _contest(
        everything(version, selection),
        Fighter(_brief("base", version, limits)),
        Fighter(_brief("head", version, limits)),
        limits,
    )
    _, _, environment = _method("twins", version, version, limits)
    return contest, environment


def _two_versions(
    asked: Asked, limits: Limits, base: Checkout, head: Checkout, home: Path
) -> Arena:
    old, new = versions_of(
        base.root, head.root, home=home, modules=asked.modules, labels=(base.label, head.label)
    )
    with submodules_in_mind((base, head)):
        shared = common(old, new, asked.selection)
    ensure_different(home, base, head)
    method, note, environment = _method(asked.method, old, new, limits)
    sides = {
        "base": Fighter(_brief("base", old, limits)),
        "head": Fighter(_brief("head", new, limits)),
    }
    shared = replace(shared, alone=tried(shared.alone, sides, limits))
    return Arena(
        _contest(shared, sides["base"], sides["head"], limits),
        shared,
        method,
        note,
        Side(base.label, base.commit, sys.executable, environment),
        Side(head.label, head.commit, sys.executable, environment),
        head.root,
        tuple(_warnings(asked, base, head, home, shared)),
    )


def _warnings(
    asked: Asked, base: Checkout, head: Checkout, home: Path, shared: Common
) -> Iterator[str]:
    yield from only_uncommitted(home, base, head)
    if asked.head == HERE and not asked.build:
        yield from ignored_files.warnings(home, base.label)
    yield from ignored_files.unmade(home, shared.lacking)


def _two_environments(asked: Asked, limits: Limits) -> Arena:
    python = shutil.which(asked.python)
    if python is None:
        raise SelectionError(f"--base-python: there is no interpreter {asked.python}")
    if asked.method == "twins":
        raise SelectionError(
            "two environments can't be loaded into one process: use --method pairs"
        )
    version = _project(asked.modules)
    shared = everything(version, asked.selection)
    base = Fighter(_brief("base", version, limits), python)
    head = Fighter(_brief("head", version, limits))
    with Duel({"base": base, "head": head}, limits) as duel:
        environments = duel.environments()
    return Arena(
        _contest(shared, base, head, limits),
        shared,
        "pairs",
        "two environments",
        Side(asked.python, "", python, environments["base"]),
        Side(sys.executable, "", sys.executable, environments["head"]),
        version.root,
    )


def _project(modules: tuple[str, ...]) -> Version:
    """What lies here, as one version."""
    root = Path.cwd()
    version, _ = versions_of(root, root, home=root, modules=modules, labels=("the project", ""))
    return version


def _method(
    asked: str, base: Version, head: Version, limits: Limits
) -> tuple[str, str, Environment]:
    """How to screen, why, and the environment: as twins where both can live in one process."""
    versions = (("base", base), ("head", head))
    if asked != "pairs":
        try:
            with Supervisor((anchors.MODULE,), limits=limits, versions=versions) as supervisor:
                return "twins", "", supervisor.environment()
        except WorkerError as error:
            if asked == "twins":
                raise VersionError(f"the versions can't be twins: {error}") from error
            note = f"not twins: {error}"
    else:
        note = "as asked"
    with Supervisor((anchors.MODULE,), limits=limits, versions=versions[1:]) as supervisor:
        return "pairs", note, supervisor.environment()


def _contest(shared: Common, base: Fighter, head: Fighter, limits: Limits) -> Contest:
    return Contest({"base": base, "head": head}, shared.races, shared.null, limits)


def _brief(arm: str, version: Version, limits: Limits) -> Brief:
    return Brief((anchors.MODULE,), limits.memory, ((arm, version),))
