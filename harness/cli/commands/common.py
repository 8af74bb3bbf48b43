"""What the handlers of several verbs share: loading, runs, supervisors and JSON."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opbench.harness.cli import options
from opbench.harness.cli.parsing import listed
from opbench.harness.cli.terminal import draw
from opbench.harness.declaration.suggestions import near
from opbench.harness.system.lazy_import import import_lazily
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.planning.selection import Race
    from opbench.harness.regression.setup import Asked
    from opbench.results.ranking.leaderboard import Board
    from opbench.results.records import Case, Environment, Line
    from opbench.results.records.run_folder import RunFolder
    from opbench.results.regression.report import Report


def load(words: argparse.Namespace) -> Catalog:
    """All that is declared, with the modules that were asked for.

    Raises DeclarationError for what doesn't fit.
    """
    from opbench.harness.catalog import load

    if not words.load:
        return load()
    # Where the command is called is where its outputs go, wherever a file goes.
    with contextlib.chdir("."):
        return load(*words.load)


def recorded(words: argparse.Namespace) -> RunFolder:
    """The run that is named, or the latest in runs/. Raises OpbenchError where there is none."""
    from opbench.results.records.run_folder import latest, open_run

    # An empty name is that of a variable which was never set, and not of the latest run.
    return latest(Path("runs")) if words.run is None else open_run(words.run)


#: How to go on with what was interrupted, by verb; where it left a folder.
_GOING_ON = {
    "run": "it goes on with `opbench run --resume {folder}`",
    "profile": "what was profiled so far: `opbench show {folder}`; add to it with --run {folder}",
    "gate": "it can't go on, as other sessions would be other evidence; what was measured so far: "
    "`opbench show {folder}`",
    "calibrate": "it goes on with `opbench calibrate --gate --resume {folder}`",
}


def going_on(words: argparse.Namespace) -> str:
    """How to go on with what was interrupted, to be appended; what is left of it, if anything."""
    folder = getattr(words, "folder", None)
    if folder is None:
        return "; nothing was recorded"
    return "; " + _GOING_ON[words.verb].format(folder=shlex.quote(str(folder)))


def picks(words: argparse.Namespace) -> Callable[[Case, str], bool]:
    """Whether --impl and -k ask for a contender on a case that was recorded.

    Raises SelectionError, when it is asked, where the expression isn't one.
    """
    from opbench.harness.planning.expression import matches

    impls = words.impls.split(",") if words.impls else ()
    return lambda case, contender: (
        (not impls or contender in impls) and matches(words.expression, f"{case.key}/{contender}")
    )


def ensure_recorded(
    words: argparse.Namespace, *folders: RunFolder, picked: Callable[[Case, str], bool]
) -> None:
    """Raise SelectionError where an op or contender is named, or picked by -k, that no run has."""
    lines = (line for folder in folders for line in folder.lines())
    ensure_among(words, lines, " or ".join(str(folder.path) for folder in folders), picked)


def ensure_among(
    words: argparse.Namespace,
    lines: Iterable[Line],
    where: str,
    picked: Callable[[Case, str], bool],
) -> None:
    """As `ensure_recorded`, of the lines of runs. where: what they are lines of, for people."""
    from opbench.results.records import Calibration, Ceilings, Gate
    from opbench.results.records.anchors import ANCHORS

    jobs = {
        (line.case, line.contender)
        for line in lines
        if not isinstance(line, Ceilings | Gate | Calibration) and line.case.op not in ANCHORS
    }
    _ensure_known(words.names, {case.op for case, _ in jobs}, f"op in {where}")
    named = {job for job in jobs if not words.names or job[0].op in words.names}
    asked = tuple(filter(None, getattr(words, "impls", "").split(",")))
    _ensure_known(asked, {name for _, name in named}, f"contender in {where}")
    if words.expression and not any(picked(case, name) for case, name in named):
        raise SelectionError(f"nothing in {where} matches -k {words.expression!r}")


def _ensure_known(names: Iterable[str], known: Iterable[str], what: str) -> None:
    for name in names:
        if name not in known:
            raise SelectionError(
                f"there is no {what} named {name!r}{near(name, known)}; known: "
                f"{', '.join(sorted(known)) or 'none'}"
            )


@contextmanager
def supervised(words: argparse.Namespace) -> Iterator[Supervisor | None]:
    """The supervisor of the processes that contenders run in; None where they run in this one."""
    with supervisors(words, 1) as started:
        yield started[0] if started else None


@contextmanager
def supervisors(words: argparse.Namespace, number: int) -> Iterator[Sequence[Supervisor]]:
    """Supervisors for work that is done side by side; none where all is done in this process."""
    if words.in_process:
        if ignored := words.given & {"timeout", "memory_limit", "jobs"}:
            raise SelectionError(f"{listed(ignored)} would bound processes: leave --in-process out")
        from opbench.harness.execution.worker import hush

        hush()
        yield ()
        return
    from opbench.harness.execution.process import Limits, usual_memory
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.pipeline.anchors import MODULE

    # This process plans and records; only its workers wait for torch.
    import_lazily("torch")
    limits = Limits(words.timeout, words.memory_limit or usual_memory() // number)
    with ExitStack() as stack:
        modules = (*words.load, MODULE)
        yield [stack.enter_context(Supervisor(modules, limits=limits)) for _ in range(number)]


def versions(words: argparse.Namespace, *, method: str) -> Asked:
    """The two versions that are to be compared, and what of them."""
    from opbench.harness.regression.setup import Asked

    return Asked(
        words.base or "",
        words.head,
        words.base_python or "",
        words.build,
        options.selection(words),
        tuple(words.load),
        method,
    )


def create(words: argparse.Namespace, supervisor: Supervisor | None) -> RunFolder:
    """A new run's folder, of the environment that contenders run in: the supervisor's or this one.

    Raises RunFolderError if there is a run of that name already.
    """
    if supervisor is not None:
        return create_in(words, supervisor.environment())
    from opbench.harness.machine.environment import describe

    return create_in(words, describe())


def create_in(
    words: argparse.Namespace,
    environment: Environment,
    *,
    settings: tuple[tuple[str, str], ...] = (),
) -> RunFolder:
    """A new run's folder, with what may disturb the run told on standard error.

    settings: kept with the run, beside what was asked for: names and their values in JSON.
    Raises RunFolderError if there is a run of that name already.
    """
    from datetime import datetime

    from opbench.harness.machine.noise import warnings
    from opbench.results.records import RunInfo
    from opbench.results.records.run_folder import create

    now = datetime.now().astimezone()
    seen = warnings(threads=words.threads or len(os.sched_getaffinity(0)))
    for warning in seen:
        print(f"opbench {words.verb}: warning: {warning}", file=sys.stderr)
    info = RunInfo(
        words.id or now.strftime("%Y%m%d-%H%M%S-%f"),
        now.isoformat(),
        ("opbench", *sys.argv[1:]),
        environment,
        settings=(*options.remember(words), *settings),
        rules=options.rules(words),
        warnings=seen,
    )
    folder = create(Path(words.out), info)
    words.folder = folder.path
    return folder


def set_up(folder: RunFolder, races: Sequence[Race]) -> None:
    """Put the machine's ceilings into the run, where they are known."""
    from opbench.results.ranking.ceilings import find

    key = folder.info.environment.key
    there = {(c.device, c.threads) for c in folder.ceilings()}
    wanted = dict.fromkeys((race.case.device, race.case.threads) for race in races)
    for device, threads in wanted:
        if (device, threads) in there:
            continue
        known = find(key, device, threads=threads)
        if known is not None:
            folder.append(known)
            continue
        words = f"--device {device} --threads {threads}"
        print(
            f"opbench run: the ceilings of this machine are not known; measure them once with "
            f"`opbench calibrate --ceilings {words}`",
            file=sys.stderr,
        )


def waiting(boards: Iterable[Board]) -> Iterator[str]:
    """A warning for each case on which threads waited for cores."""
    for board in boards:
        names = [row.contender for row in board.rows if row.waited]
        if names:
            yield (
                f"{board.case.op} {board.case.label}: threads waited for cores that others had "
                f"({', '.join(names)}); their times are the scheduler's. Race with --threads 1, or "
                "stop what else runs."
            )


def print_gate(folder: RunFolder, report: Report, *, as_json: bool) -> None:
    """Print what a gate found, for people or for programs."""
    from opbench.results.report.gate import commands, headline, tables

    if not as_json:
        draw(tables(report))
        print(headline(report))
        print(f"run: {folder.path}")
        return
    print_json(
        {
            "run": str(folder.path),
            "gate": plain(report.gate),
            "void": report.is_void,
            "findings": [plain(found) for found in report.findings],
            "uncompared": [plain(item) for item in report.uncompared],
            "nulls": [plain(found) for found in report.nulls],
            "look": list(commands(report)),
        }
    )


def plain(value: object) -> Any:
    """A record as JSON has it."""
    from opbench.results.records.codec import dumps

    assert dataclasses.is_dataclass(value)
    return json.loads(dumps(value))


def print_json(value: object) -> None:
    """Print for programs."""
    print(json.dumps(value, indent=2))
