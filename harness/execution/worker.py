"""The child process in which contenders run, started by a supervisor.

It takes jobs from a pipe, does them, and sends the result of each contender. Whatever happens to
it, the supervisor lives on.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import resource
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.catalog import Catalog, load
from opbench.harness.execution.child import die_with_parent
from opbench.harness.execution.heartbeat import IDLE, StatusPage
from opbench.harness.execution.messages import (
    OUTPUT,
    BlocksReady,
    ContenderResult,
    Handshake,
    Job,
    JobEnd,
    JobResult,
    ObservedStage,
    StageStart,
    WorkerConfig,
)
from opbench.harness.execution.observer import NullObserver
from opbench.harness.planning.selection import Race
from opbench.harness.versions.loaded import LoadedVersion, LoadedVersions
from opbench.results.errors import OpbenchError, OpFaultError
from opbench.results.records import SIDES, SideName

if TYPE_CHECKING:
    from opbench.harness.execution.check_case import CaseChecker

#: So many modules hold what is worth keeping from collections.
_MANY = 100
#: Stages that are not sent: they change with every block.
_QUIET = ("race", "base", "head", "again")


class PipeObserver(NullObserver):
    """Passes every notification on to the supervisor."""

    def __init__(self, connection: Connection, page: StatusPage, contenders: Sequence[str]) -> None:
        """page: the status page. contenders: of the job, in the order of their numbers."""
        self._connection = connection
        self._page = page
        self._numbers = {name: number for number, name in enumerate(contenders)} | {"": IDLE}
        self._current, self._printed = "", 0
        self._output: dict[str, str] = {}

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Write the status page; the start of a contender is also sent, and acknowledged."""
        assert stage != "compile", "only recorders say that"
        if name != self._current and stage not in _QUIET:
            self._keep_output()
            self._current, self._printed = name, printed()
        self._page.write(self._numbers[name], stage, log=self._printed)
        if name and stage not in _QUIET:
            self._connection.send(StageStart(name, stage))
            self._connection.recv()
            self._page.write(self._numbers[name], stage, log=self._printed)
        elif not name and stage == "race":
            self._connection.send(StageStart(name, stage))

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Send the result, with what was printed while it was prepared and checked."""
        self._keep_output()
        self._connection.send(ContenderResult(name, result, self._output.get(name, "")))

    def _keep_output(self) -> None:
        """Keep the output of the current contender; in a race nobody knows whose it is."""
        if self._current:
            self._output[self._current] = read_log(self._printed)
            self._current = ""


def main(argv: Sequence[str]) -> None:
    """Do jobs for the supervisor at the other end of the pipe until it closes it.

    argv: the descriptors of the pipe and of the status page.
    """
    pipe, page = Connection(int(argv[0])), StatusPage(int(argv[1]))
    die_with_parent()
    faulthandler.enable(file=sys.stderr, all_threads=False)
    quiet_torch()
    try:
        config: WorkerConfig = pipe.recv()
        try:
            work = _VersionedWork(config) if config.versions else _work(config)
        except OpbenchError as error:
            pipe.send(Handshake(None, str(error)))
            return
        from opbench.harness.machine.environment import describe

        pipe.send(Handshake(describe()))
        _limit_memory(config.memory_limit)
        tainted, modules = False, 0
        page.write(IDLE, "idle", log=printed())
        while not tainted:
            job: Job = pipe.recv()
            modules = keep_from_collections(modules)
            try:
                end = work.do(job, PipeObserver(pipe, page, job.race.contenders), pipe)
            except OpFaultError as error:
                end = JobEnd(fault=(error.where, error.why))
            # Before it says so: whatever ends it from then on is no contender's doing.
            page.write(IDLE, "idle", log=printed())
            pipe.send(end)
            tainted = end.tainted
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def quiet_torch() -> None:
    """Silence what torch logs for its developers; call it before torch is imported."""
    # The profiler's own log: two lines per profile.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    # Nested tensors warn while they find out that they are being traced.
    logging.getLogger("torch.fx._symbolic_trace").setLevel(logging.ERROR)


def keep_from_collections(modules: int) -> int:
    """Once many modules were imported, keep what they hold from garbage collections.

    Of torch alone that is 180,000 objects, which no collection frees: to look at them before every
    race takes a tenth of a second, and three with its compiler. modules: how many there were at the
    last time. Returns how many there were now, or then.
    """
    if len(sys.modules) < modules + _MANY:
        return modules
    gc.collect()
    gc.freeze()
    return len(sys.modules)


def printed() -> int:
    """The number of bytes that this process has printed."""
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fstat(1).st_size


def read_log(start: int) -> str:
    """The beginning of the output since byte `start`."""
    end = printed()
    with Path("/proc/self/fd/1").open("rb") as file:
        file.seek(start)
        return file.read(min(end - start, 4 * OUTPUT)).decode(errors="replace")[:OUTPUT]


class _Work:
    """Does jobs. torch is there by now: a worker spends its start on importing it."""

    def __init__(self, catalog: Catalog, modules: tuple[str, ...] | None = None) -> None:
        """catalog: of all jobs to come. modules: of which it was loaded; None for a version's."""
        self._catalog, self._modules = catalog, modules
        self._checker: CaseChecker | None = None

    def do(self, job: Job, observer: PipeObserver, pipe: Connection) -> JobEnd:
        """Do a job; its end says whether this process is tainted."""
        from opbench.harness.execution import (
            explain_case,
            profile_case,
            ready,
            reproduce,
            run_case,
            spot_check,
        )

        try:
            if job.task == "race":
                run_case.run_case(self._catalog, job.race, policy=job.policy, observer=observer)
            elif job.task == "spots":
                spot_check.spot_check(self._catalog, job.race, observer=observer)
            elif job.task == "reproduce":
                return JobEnd(program=reproduce.reproduce(self._catalog, job.race, observer))
            elif job.task == "profile":
                profile_case.profile_case(
                    self._catalog,
                    job.race,
                    folder=job.folder,
                    observer=observer,
                    side=job.side,
                    tracing=job.tracing,
                )
            elif job.task == "explain":
                explain_case.explain_case(
                    self._catalog,
                    job.race,
                    passes=job.passes,
                    modules=self._modules,
                    observer=observer,
                )
            else:
                return JobEnd(differences=self._check(job.race, observer))
        except ready.TaintedError:
            return JobEnd(tainted=True)
        return JobEnd()

    def _check(
        self, race: Race, observer: PipeObserver
    ) -> tuple[tuple[tuple[str, str], float], ...]:
        """Check a case; the differences of its right contenders."""
        # Kept for all cases.
        from opbench.harness.execution.check_case import CaseChecker

        self._checker = self._checker or CaseChecker(self._catalog)
        return tuple(self._checker.check_case(race, observer=observer).items())


def _work(config: WorkerConfig) -> _Work:
    """The work on what is installed, and on the modules of the config."""
    return _Work(load(*config.modules), config.modules)


class _VersionedWork:
    """Does jobs on versions of a project."""

    def __init__(self, config: WorkerConfig) -> None:
        """Load them. Raises VersionError if one doesn't load, or can't share a process."""
        from opbench.harness.execution.version_calls import load_versions

        self._loaded = LoadedVersions()
        self._sides: dict[SideName, LoadedVersion] = load_versions(
            self._loaded, dict(config.versions), config.modules
        )

    def do(self, job: Job, observer: PipeObserver, pipe: Connection) -> JobEnd:
        """Do a job. It taints nothing: a worker that times two versions serves one unit only."""
        from opbench.harness.execution.race_twins import race_twins
        from opbench.harness.execution.time_blocks import ready_blocks, time_blocks

        if job.task == "twins":
            pair = {side: self._sides[name] for side, name in zip(SIDES, job.sides, strict=True)}
            race_twins(self._loaded, pair, job, observer)
            return JobEnd()
        (version,) = self._sides.values()
        self._loaded.activate(version)
        if job.task != "blocks":
            return _Work(version.catalog).do(job, observer, pipe)
        blocks = ready_blocks(self._loaded, version, job, observer)
        pipe.send(BlocksReady(tuple(blocks)))
        time_blocks(blocks, job.race.case, observer, receive=pipe.recv, send=pipe.send)
        return JobEnd()


def _limit_memory(limit: int | None) -> None:
    """Make allocations beyond the limit fail, before the machine runs out of memory."""
    if limit is not None:
        used = _data_bytes()
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (used + limit, hard))


def _data_bytes() -> int:
    """Bytes of private memory that this process has mapped, used or not."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
