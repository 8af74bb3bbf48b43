"""The child process in which contenders run, started by a supervisor.

It takes jobs from a pipe, does them, and tells what became of each contender. Whatever happens to
it, the supervisor lives on.
"""

from __future__ import annotations

import faulthandler
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
from opbench.harness.execution.heartbeat import NOBODY, Board
from opbench.harness.execution.messages import (
    OUTPUT,
    Began,
    Brief,
    Done,
    Finished,
    Hello,
    Job,
    Poised,
    Told,
)
from opbench.harness.planning.selection import Race
from opbench.harness.versions.loaded import World, Worlds
from opbench.results.errors import OpbenchError, OpFaultError

if TYPE_CHECKING:
    from opbench.harness.execution.check_case import Verifier


#: Stages that nobody is told of: they change with every block.
_QUIET = ("race", "base", "head", "again")


class PipeWitness:
    """Tells the supervisor what goes on."""

    def __init__(self, connection: Connection, board: Board, contenders: Sequence[str]) -> None:
        self._connection = connection
        self._board = board
        self._numbers = {name: number for number, name in enumerate(contenders)} | {"": NOBODY}
        self._current, self._printed = "", 0
        self._output: dict[str, str] = {}

    def begin(self, name: str, stage: str) -> None:
        """Put it on the board; what begins a contender is also told, and waited for."""
        if name != self._current and stage not in _QUIET:
            self._keep_output()
            self._current, self._printed = name, printed()
        self._board.write(self._numbers[name], stage, log=self._printed)
        if name and stage not in _QUIET:
            self._connection.send(Began(name, stage))
            self._connection.recv()
            self._board.write(self._numbers[name], stage, log=self._printed)
        elif not name and stage == "race":
            self._connection.send(Began(name, stage))

    def done(self, name: str, outcome: Told) -> None:
        """Tell what became of it, and what it printed while it was prepared and checked."""
        self._keep_output()
        self._connection.send(Done(name, outcome, self._output.get(name, "")))

    def _keep_output(self) -> None:
        """In a race it isn't known who prints."""
        if self._current:
            self._output[self._current] = read_log(self._printed)
            self._current = ""


def main(argv: Sequence[str]) -> None:
    """Serve the supervisor at the other end of the pipe until it closes it."""
    pipe, board = Connection(int(argv[0])), Board(int(argv[1]))
    die_with_parent()
    faulthandler.enable(file=sys.stderr, all_threads=False)
    hush()
    try:
        brief: Brief = pipe.recv()
        try:
            work = _Versioned(brief) if brief.versions else _Work(load(*brief.modules))
        except OpbenchError as error:
            pipe.send(Hello(None, str(error)))
            return
        from opbench.harness.machine.environment import describe

        pipe.send(Hello(describe()))
        _limit_memory(brief.memory_limit)
        spoiled = False
        while not spoiled:
            board.write(NOBODY, "idle", log=printed())
            job: Job = pipe.recv()
            try:
                finished = work.do(job, PipeWitness(pipe, board, job.race.contenders), pipe)
            except OpFaultError as error:
                finished = Finished(fault=(error.where, error.why))
            pipe.send(finished)
            spoiled = finished.spoiled
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def hush() -> None:
    """Keep torch from telling users what is for its developers; before it is imported."""
    # The profiler's own log: two lines per profile.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    # How nested tensors find out that they are being traced.
    logging.getLogger("torch.fx._symbolic_trace").setLevel(logging.ERROR)


def printed() -> int:
    """How many bytes this process has printed."""
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fstat(1).st_size


def read_log(start: int) -> str:
    """The beginning of what was printed since `start`."""
    end = printed()
    with Path("/proc/self/fd/1").open("rb") as file:
        file.seek(start)
        return file.read(min(end - start, 4 * OUTPUT)).decode(errors="replace")[:OUTPUT]


class _Work:
    """Does jobs. Torch is there by now: importing it is what a worker spends its start on."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._verifier: Verifier | None = None

    def do(self, job: Job, witness: PipeWitness, pipe: Connection) -> Finished:
        """Do a job, and tell whether it spoiled this process."""
        from opbench.harness.execution import profile_case, ready, run_case

        try:
            if job.task == "race":
                run_case.run_case(self._catalog, job.race, policy=job.policy, witness=witness)
            elif job.task == "profile":
                profile_case.profile_case(
                    self._catalog, job.race, folder=job.folder, witness=witness, side=job.side
                )
            else:
                return Finished(apart=self._check(job.race, witness))
        except ready.SpoiledError:
            return Finished(spoiled=True)
        return Finished()

    def _check(self, race: Race, witness: PipeWitness) -> tuple[tuple[tuple[str, str], float], ...]:
        # Kept for all cases.
        from opbench.harness.execution.check_case import Verifier

        self._verifier = self._verifier or Verifier(self._catalog)
        return tuple(self._verifier.check_case(race, witness=witness).items())


class _Versioned:
    """Does jobs on versions of a project."""

    def __init__(self, brief: Brief) -> None:
        """Load them. Raises VersionError where one doesn't load, or can't live with another."""
        from opbench.harness.execution.compare_case import load_arms

        self._worlds = Worlds()
        self._arms: dict[str, World] = load_arms(self._worlds, dict(brief.versions), brief.modules)

    def do(self, job: Job, witness: PipeWitness, pipe: Connection) -> Finished:
        """Do a job. Who times two versions renews the worker before it could be spoiled."""
        from opbench.harness.execution import compare_case

        if job.task == "twins":
            pair = {
                side: self._arms[arm]
                for side, arm in zip(compare_case.SIDES, job.arms, strict=True)
            }
            compare_case.race_twins(self._worlds, pair, job, witness)
            return Finished()
        (world,) = self._arms.values()
        self._worlds.enter(world)
        if job.task != "bursts":
            return _Work(world.catalog).do(job, witness, pipe)
        lanes = compare_case.poised(self._worlds, world, job, witness)
        pipe.send(Poised(tuple(lanes)))
        compare_case.serve(lanes, job.race.case, witness, ask=pipe.recv, tell=pipe.send)
        return Finished()


def _limit_memory(limit: int | None) -> None:
    """Let allocations fail beyond the limit, instead of the machine."""
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
