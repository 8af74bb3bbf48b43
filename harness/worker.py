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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from harness.catalog import Catalog, load
from harness.child import die_with_parent
from harness.notice import NOBODY, Board
from harness.planning import Race
from harness.policy import Policy
from harness.sources import Version
from harness.worlds import World, Worlds
from results.errors import OpbenchError, OpFaultError
from results.record import Environment, Outcome, Paired, Profile, Right, Unpaired

if TYPE_CHECKING:
    from harness.verifying import Verifier

#: What can be told of a contender.
Told = Outcome | Profile | Right | Paired | Unpaired
#: How much of what a contender prints is kept with its record, in characters.
OUTPUT = 500


@dataclass(frozen=True, slots=True)
class Brief:
    """What a worker is told when it starts: modules to load, and the bytes it may use.

    versions: of a project, by the name of the arm that each is raced in, to be loaded instead.
    """

    modules: tuple[str, ...]
    memory_limit: int | None
    versions: tuple[tuple[str, Version], ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A case to do with its contenders: to "race" by a policy, to "profile" below a folder, to
    "check", to race as "twins" of two arms, or to call in "bursts" of one when it is asked to.

    checked: whether twins, and who is called in bursts, are checked first. injected: of contenders,
    the share of its own time by which the head is slowed down on purpose. side: whose bursts they
    are, or whose profiles.
    """

    task: str
    race: Race
    policy: Policy = field(default_factory=Policy)
    folder: Path = Path()
    arms: tuple[str, str] = ("base", "head")
    checked: bool = True
    injected: Mapping[str, float] = field(default_factory=dict)
    side: str = ""


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker is ready; or it is not, and `error` says why."""

    environment: Environment | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Began:
    """A contender begins to be prepared or profiled. The worker waits for an answer.

    Of the race, which begins for all of them ("") at once, it only tells.
    """

    contender: str
    stage: str


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a contender, and what it printed."""

    contender: str
    outcome: Told
    output: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is over.

    spoiled: this process is going to end; the rest needs another. apart: of a check, how far each
    two right contenders are from each other. fault: of the op itself, where and why, as of an
    OpFaultError: then none of the contenders was judged.
    """

    spoiled: bool = False
    fault: tuple[str, str] | None = None
    apart: tuple[tuple[tuple[str, str], float], ...] = ()


@dataclass(frozen=True, slots=True)
class Poised:
    """Those contenders are ready to be called in bursts. The worker waits for bursts or an end."""

    contenders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Burst:
    """Call a contender, and tell the seconds per call; or make an end, where it is ""."""

    contender: str


#: What a worker sends while it does a job.
Message = Began | Done | Finished | Poised | float
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
        from harness.environment import describe

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
        from harness import runner

        try:
            if job.task == "race":
                runner.run_case(self._catalog, job.race, policy=job.policy, witness=witness)
            elif job.task == "profile":
                runner.profile_case(
                    self._catalog, job.race, folder=job.folder, witness=witness, side=job.side
                )
            else:
                return Finished(apart=self._check(job.race, witness))
        except runner.SpoiledError:
            return Finished(spoiled=True)
        return Finished()

    def _check(self, race: Race, witness: PipeWitness) -> tuple[tuple[tuple[str, str], float], ...]:
        # Kept for all cases.
        from harness.verifying import Verifier

        self._verifier = self._verifier or Verifier(self._catalog)
        return tuple(self._verifier.check_case(race, witness=witness).items())


class _Versioned:
    """Does jobs on versions of a project."""

    def __init__(self, brief: Brief) -> None:
        """Load them. Raises VersionError where one doesn't load, or can't live with another."""
        from harness.twins import load_arms

        self._worlds = Worlds()
        self._arms: dict[str, World] = load_arms(self._worlds, dict(brief.versions), brief.modules)

    def do(self, job: Job, witness: PipeWitness, pipe: Connection) -> Finished:
        """Do a job. Who times two versions renews the worker before it could be spoiled."""
        from harness import twins

        if job.task == "twins":
            pair = {side: self._arms[arm] for side, arm in zip(twins.SIDES, job.arms, strict=True)}
            twins.race_twins(self._worlds, pair, job, witness)
            return Finished()
        (world,) = self._arms.values()
        self._worlds.enter(world)
        if job.task != "bursts":
            return _Work(world.catalog).do(job, witness, pipe)
        lanes = twins.poised(self._worlds, world, job, witness)
        pipe.send(Poised(tuple(lanes)))
        twins.serve(lanes, job.race.case, witness, ask=pipe.recv, tell=pipe.send)
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
