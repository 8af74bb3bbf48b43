"""Runs contenders in a supervised child process, and survives whatever they do to it.

A contender that crashes, exits, hangs or takes too much memory is `Failed` with what happened; a
fresh process goes on with the others.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Protocol

import psutil

from harness import notice
from harness.planning import Race
from harness.policy import Policy
from harness.worker import OUTPUT, Began, Brief, Done, Finished, Hello, Job, Told
from results.errors import OpbenchError
from results.record import Environment, Failed

#: Seconds between two looks at the worker: seldom enough not to disturb what it times.
WATCH_S = 0.2
#: Marks every process that comes of a worker, whoever its parent has become.
MARK = "OPBENCH_WORKER"
#: Seconds that a worker may take to import torch and to load the catalogue.
START_S = 300.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a contender may take on a case.

    timeout_s: to be prepared and checked, or for one block of the race. memory: bytes beyond those
    that the harness itself takes; None for as many as there are.
    """

    timeout_s: float = 300.0
    memory: int | None = None


def usual_memory() -> int:
    """Bytes that contenders may use where nobody says: most of what is free now."""
    return int(0.8 * psutil.virtual_memory().available)


class Listener(Protocol):
    """Is told what goes on in the worker."""

    def begin(self, name: str, stage: str) -> None:
        """A contender is about to begin."""

    def done(self, name: str, outcome: Told, output: str) -> None:
        """What became of a contender, and the beginning of what it printed."""


class WorkerError(OpbenchError):
    """No worker could be started, or the harness itself failed in it."""


class Supervisor:
    """Does the jobs of a run in child processes; use it in a `with` statement.

    modules: what a worker loads besides the installed suites.
    """

    def __init__(self, modules: tuple[str, ...], *, limits: Limits | None = None) -> None:
        self._modules = modules
        self._limits = limits or Limits()
        self._worker: _Worker | None = None
        self._over = False

    def __enter__(self) -> Supervisor:
        """Start a worker, which imports torch while the caller goes on."""
        self._worker = _Worker(Brief(self._modules, self._limits.memory))
        return self

    def __exit__(self, *_: object) -> None:
        # Another thread may still be at a job: its worker dies, and there won't be a new one.
        self._over = True
        self.renew()

    def environment(self) -> Environment:
        """The environment that contenders run in. Raises WorkerError where no worker starts."""
        return self._ready().greet()

    def renew(self) -> None:
        """End the worker, if there is one, so that the next job has a fresh process."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def race(self, race: Race, policy: Policy, listener: Listener) -> None:
        """Race the contenders of a case."""
        self._do(Job("race", race, policy), listener)

    def profile(self, race: Race, folder: Path, listener: Listener) -> None:
        """Profile the contenders of a case; a trace each below `folder`/traces."""
        self._do(Job("profile", race, folder=folder), listener)

    def check(self, race: Race, listener: Listener) -> dict[tuple[str, str], float]:
        """Check the contenders of a case, and tell how far the right ones are from each other.

        Those who were checked by different workers are not compared.
        """
        return self._do(Job("check", race), listener)

    def _do(self, job: Job, listener: Listener) -> dict[tuple[str, str], float]:
        """Do the job; where the worker ends over one contender, with another for the rest."""
        waiting, retried = list(job.race.contenders), False
        while waiting:
            race = replace(job.race, contenders=tuple(waiting))
            told, end = self._attempt(replace(job, race=race), listener)
            waiting = [name for name in waiting if name not in told]
            if isinstance(end, Finished):
                if end.spoiled:
                    self.renew()
                    continue
                return dict(end.apart)
            self.renew()
            if end.contender in waiting:
                guilty = [end.contender]
            elif told or (end.failed.stage == "idle" and not retried):
                # Whoever was told of is through; who hadn't begun dies of an earlier job's doings.
                guilty, retried = [], not told
            else:
                guilty = list(waiting)
            for name in guilty:
                listener.done(name, end.failed, "")
                waiting.remove(name)
        return {}

    def _attempt(self, job: Job, listener: Listener) -> tuple[set[str], Finished | _Death]:
        """Who was told of before the job was finished, or the worker died."""
        worker = self._ready()
        told: set[str] = set()
        try:
            worker.begin()
            worker.pipe.send(job)
            while True:
                message = worker.receive(self._limits, job.race.contenders)
                if isinstance(message, Finished | _Death):
                    return told, message
                if isinstance(message, Began):
                    listener.begin(message.contender, message.stage)
                    worker.pipe.send(None)
                elif isinstance(message, Done):
                    told.add(message.contender)
                    listener.done(message.contender, message.outcome, message.output)
        except (BrokenPipeError, ConnectionResetError):
            return told, worker.death(job.race.contenders)

    def _ready(self) -> _Worker:
        """A worker that has loaded everything."""
        if self._over:
            raise WorkerError("the work was broken off")
        if self._worker is None:
            self._worker = _Worker(Brief(self._modules, self._limits.memory))
        try:
            self._worker.greet()
        except WorkerError:
            self.renew()
            raise
        return self._worker


@dataclass(frozen=True, slots=True)
class _Death:
    """How a worker ended, and over which contender ("" where over none)."""

    contender: str
    failed: Failed


class _Worker:
    """One child process, its pipe, its notice board and the file that it prints to."""

    def __init__(self, brief: Brief) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile("a+b")
        with tempfile.TemporaryFile() as shared:
            shared.truncate(notice.SIZE)
            self._board = notice.Board(shared.fileno())
            self._mark = uuid.uuid4().hex
            self.pipe, theirs = Pipe()
            self._process = _spawn(theirs, shared.fileno(), self._log, self._mark)
            theirs.close()
        self._environment: Environment | None = None
        self.pipe.send(brief)

    def greet(self) -> Environment:
        """Wait until the worker is ready. Raises WorkerError where it can't be."""
        if self._environment is None:
            self._environment = self._greeting()
        return self._environment

    def _greeting(self) -> Environment:
        try:
            if not self.pipe.poll(START_S):
                raise WorkerError(f"a worker process did not start within {START_S:.0f} s")
            hello: Hello = self.pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise WorkerError(f"a worker process did not start: {self._printed(0)}") from error
        if hello.environment is None:
            raise WorkerError(hello.error)
        return hello.environment

    def begin(self) -> None:
        """What the worker does counts from now."""
        self._begun = time.monotonic()

    def receive(
        self, limits: Limits, contenders: tuple[str, ...]
    ) -> Began | Done | Finished | _Death:
        """The next message, or how the worker ended instead."""
        while not self.pipe.poll(WATCH_S):
            seen = self._board.read()
            if time.monotonic() - max(seen.since, self._begun) > limits.timeout_s:
                self._kill()
                return self._blame("hung", f"took longer than {limits.timeout_s:g} s", contenders)
            used = self._memory()
            if limits.memory is not None and used > limits.memory + _ALLOWANCE:
                self._kill()
                text = f"used {used / 2**30:.1f} GiB, of {limits.memory / 2**30:.1f} GiB allowed"
                return self._blame("memory", text, contenders)
        try:
            message: Began | Done | Finished = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            return self.death(contenders)
        return message

    def death(self, contenders: tuple[str, ...]) -> _Death:
        """How the process ended that has closed its pipe."""
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._kill()
            code = -signal.SIGKILL
        if code >= 0:
            return self._blame("exited", f"exited with code {code}", contenders)
        name = signal.Signals(-code).name
        memory = " (it may have run out of memory)" if -code == signal.SIGKILL else ""
        return self._blame("crashed", f"crashed: killed by {name}{memory}", contenders)

    def end(self) -> None:
        """Kill the process and all that came of it."""
        self._kill()
        self.pipe.close()
        self._board.close()
        self._log.close()

    def _kill(self) -> None:
        """Kill the worker and all that carries its mark."""
        self._process.kill()
        self._process.wait()
        for process in _marked(self._mark):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _blame(self, cause: str, reason: str, contenders: tuple[str, ...]) -> _Death:
        """Who was running, by the notice board."""
        seen = self._board.read()
        name = contenders[seen.contender] if seen.contender != notice.NOBODY else ""
        text = self._printed(seen.log)
        last = text.rpartition("\n")[2]
        where = reason if name else f"{reason}, which no contender did: {last}"
        return _Death(name, Failed(seen.stage, where, text, cause))

    def _printed(self, start: int) -> str:
        """What was printed last, from `start` on."""
        self._log.seek(max(start, self._log.seek(0, os.SEEK_END) - 20 * OUTPUT))
        return self._log.read().decode(errors="replace").strip()

    def _memory(self) -> int:
        """Bytes that the worker has in use. What it starts has the worker's limit by itself."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return int(psutil.Process(self._process.pid).memory_info().rss)
        return 0


#: Bytes that a worker takes by itself, with torch and its libraries.
_ALLOWANCE = 2 << 30
#: The worker finds modules where this process does.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[3:]; from harness import worker; worker.main(sys.argv[1:3])"
)


def _spawn(pipe: Connection, board: int, log: IO[bytes], mark: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, MARK: mark}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(pipe.fileno()), str(board), *sys.path],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(pipe.fileno(), board),
        env=environment,
        # Ctrl-C is for the supervisor, which then ends the worker.
        start_new_session=True,
    )


def _marked(mark: str) -> Iterator[psutil.Process]:
    """Every process that has the mark in its environment."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.environ().get(MARK) == mark:
                yield process
