"""Run folders of the verbs: the one that is read, a new one, and how to go on with one.

A new run keeps the options of its command line and the warnings of noise.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli.output import complain, warn
from opbench.harness.system.cores import usable_cores

if TYPE_CHECKING:
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.planning.selection import Race
    from opbench.results.records import Environment, Rules
    from opbench.results.records.run_folder import RunFolder

#: How to go on after an interruption, by the verb that made the folder.
_HINTS = {
    "run": "it goes on with `opbench run --resume {folder}`",
    "tune": "it goes on with `opbench tune --resume {folder}`",
    "profile": "what was profiled so far: `opbench show {folder}`; add to it with --run {folder}",
    "gate": "it can't go on, as other sessions would be other evidence; what was measured so far: "
    "`opbench show {folder}`",
    "calibrate": "it goes on with `opbench calibrate --gate --resume {folder}`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to be created."""

    #: The verb that makes it.
    verb: str
    #: The folder of runs that it goes into.
    out: Path
    #: Its name; the time of its creation where empty.
    id: str
    #: The threads that contenders use; 0 for every core.
    threads: int
    #: The decision rules of its races.
    rules: Rules
    #: The options to keep with it: names and their values in JSON.
    settings: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class RunInProgress:
    """What a verb leaves when it is interrupted: the folder it records into, once there is one."""

    #: None until it is created.
    folder: Path | None = None


@contextmanager
def resumable(verb: str) -> Iterator[RunInProgress]:
    """Note on an interruption how to go on with the folder that was begun, if any."""
    progress = RunInProgress()
    try:
        yield progress
    except KeyboardInterrupt as error:
        if progress.folder is not None:
            error.add_note(_HINTS[verb].format(folder=shlex.quote(str(progress.folder))))
        raise


def recorded(path: str | None) -> RunFolder:
    """The run at a path or URL, or else the latest in runs/. Raises OpbenchError if none is."""
    from opbench.results.records.run_folder import latest
    from opbench.results.store.opening import open_run

    # An empty path is that of a variable which was never set, and doesn't mean the latest run.
    return latest(Path("runs")) if path is None else open_run(path)


def create(new: NewRun, supervisor: Supervisor | None) -> RunFolder:
    """Create a run, in the environment of the supervisor or of this process."""
    if supervisor is not None:
        return create_in(new, supervisor.environment())
    from opbench.harness.machine.environment import describe

    return create_in(new, describe())


def create_in(
    new: NewRun, environment: Environment, *, settings: tuple[tuple[str, str], ...] = ()
) -> RunFolder:
    """Create a run in an environment, and warn of what may disturb it.

    settings: more to keep with it. Raises RunFolderError if there is a run of that name already.
    """
    from datetime import datetime

    from opbench.harness.machine.noise import warnings
    from opbench.results.records import RunInfo
    from opbench.results.records.run_folder import create

    now = datetime.now().astimezone()
    noise = warnings(threads=new.threads or usable_cores())
    for warning in noise:
        warn(new.verb, warning)
    info = RunInfo(
        id=new.id or now.strftime("%Y%m%d-%H%M%S-%f"),
        created=now.isoformat(),
        command=("opbench", *sys.argv[1:]),
        environment=environment,
        settings=(*new.settings, *settings, *_commit()),
        rules=new.rules,
        warnings=noise,
    )
    return create(new.out, info)


def _commit() -> tuple[tuple[str, str], ...]:
    """The commit that is here, to keep with a run; nothing where there is none."""
    from opbench.harness.versions.head_commit import head_commit

    commit = head_commit(Path())
    return (("commit", json.dumps(commit)),) if commit else ()


def add_ceilings(folder: RunFolder, races: Sequence[Race], *, verb: str) -> None:
    """Put the machine's ceilings into the run, and say how to measure those that aren't known."""
    from opbench.results.records.machine import Machine
    from opbench.results.records.machine_cache import CEILINGS

    key = folder.info.environment.key
    there = {(c.device, c.threads) for c in folder.ceilings()}
    used = dict.fromkeys((race.case.device, race.case.threads) for race in races)
    for device, threads in used:
        if (device, threads) in there:
            continue
        known = CEILINGS.find(Machine(key, device, threads))
        if known is not None:
            folder.append(known)
            continue
        complain(
            verb,
            "the ceilings of this machine are not known; measure them once with "
            f"`opbench calibrate --ceilings --device {device} --threads {threads}`",
        )
