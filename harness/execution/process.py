"""A worker process: started, watched, suspended, and killed with all its descendants.

The parent and the child share a pipe, a status page and the file that the child prints to. What
the child does is judged from outside: how long a contender takes, how much memory it uses, how it
ends.
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
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO

import psutil

from opbench.harness.execution import heartbeat
from opbench.harness.execution.messages import OUTPUT, Handshake, JobEnd, Message, WorkerConfig
from opbench.harness.versions import own_packages
from opbench.harness.versions.git import without_local
from opbench.results.errors import NOTHING_MEASURED, OpbenchError, OpFaultError
from opbench.results.records import Cause, Environment, Failed

#: Seconds between two glances at the worker: seldom enough not to disturb what it times.
WATCH_S = 0.2
#: Marks every descendant of a worker, whatever process its parent has become.
MARK = "OPBENCH_WORKER"
#: Seconds that a worker may take to import torch and to load the catalogue.
START_S = 300.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The time and memory that a contender may take on a case.

        Limits(timeout_s=60.0, memory=8 << 30)

    One that takes more is stopped, and has failed.
    """

    #: Seconds to be prepared and checked, or for one block of the race.
    timeout_s: float = 300.0
    #: Bytes beyond those that the harness itself takes; None for as many as there are.
    memory: int | None = None


def default_memory() -> int:
    """The bytes that contenders may use by default: most of what is free now."""
    return int(0.8 * psutil.virtual_memory().available)


class WorkerError(OpbenchError):
    """No worker could be started, or the harness itself failed in it."""

    exit_code = NOTHING_MEASURED


@dataclass(frozen=True, slots=True)
class Death:
    """The unexpected end of a worker."""

    #: The contender that was running; "" for none.
    contender: str
    #: The outcome of that contender.
    failed: Failed


class WorkerProcess:
    """One child process, its pipe, its status page and the file that it prints to."""

    def __init__(self, config: WorkerConfig) -> None:
        """Start the process, which then loads what the config says."""
        self._log: IO[bytes] = tempfile.TemporaryFile("a+b")
        with tempfile.TemporaryFile() as shared:
            shared.truncate(heartbeat.SIZE)
            self._page = heartbeat.StatusPage(shared.fileno())
            self._page.write(heartbeat.IDLE, "start", log=0)
            self._mark = uuid.uuid4().hex
            self._pipe, theirs = Pipe()
            self._process = _spawn(theirs, shared.fileno(), self._log, self._mark, config.python)
            theirs.close()
        self._environment: Environment | None = None
        self.send(config)

    def handshake(self) -> Environment:
        """The worker's environment, once it is ready. Raises WorkerError if it does not start."""
        if self._environment is None:
            self._environment = self._handshake()
        return self._environment

    def _handshake(self) -> Environment:
        """Receive the first message of the worker.

        Raises WorkerError with the end of its output if it ends, and with its error if it sends
        one.
        """
        try:
            if not self._pipe.poll(START_S):
                raise WorkerError(f"a worker process did not start within {START_S:.0f} s")
            handshake: Handshake = self._pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            cause = self._printed(0) or self._ending()[1]
            raise WorkerError(f"a worker process did not start: {cause}") from error
        if handshake.environment is None:
            raise WorkerError(handshake.error)
        return handshake.environment

    def send(self, message: object) -> None:
        """Send a message, from when on the timeout counts; a worker that has ended misses it."""
        self._begun = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._pipe.send(message)

    def receive(self, limits: Limits, contenders: tuple[str, ...]) -> Message | Death:
        """The next message, or how the worker ended instead.

        contenders: of the job, in its order. Raises OpFaultError if the op itself is at fault.
        """
        while not self._pipe.poll(WATCH_S):
            status = self._page.read()
            if time.monotonic() - max(status.since, self._begun) > limits.timeout_s:
                self._kill()
                return self._blame("hung", f"took longer than {limits.timeout_s:g} s", contenders)
            used = self._memory()
            if limits.memory is not None and used > limits.memory + _ALLOWANCE:
                self._kill()
                text = f"used {used / 2**30:.1f} GiB, of {limits.memory / 2**30:.1f} GiB allowed"
                return self._blame("memory", text, contenders)
        try:
            message: Message = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            return self._blame(*self._ending(), contenders)
        if isinstance(message, JobEnd) and message.fault is not None:
            raise OpFaultError(*message.fault)
        return message

    def _ending(self) -> tuple[Cause, str]:
        """The end of a process that has closed its pipe: its cause in a word, and at length."""
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._kill()
            code = -signal.SIGKILL
        if code >= 0:
            return "exited", f"exited with code {code}"
        name = signal.Signals(-code).name
        memory = " (it may have run out of memory)" if -code == signal.SIGKILL else ""
        return "crashed", f"crashed: killed by {name}{memory}"

    def suspend(self) -> None:
        """Stop all its threads, so that it takes nothing from the process that is timed."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let its threads run again."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill the process and all its descendants, and free its resources."""
        self._kill()
        self._pipe.close()
        self._page.close()
        self._log.close()

    def _kill(self) -> None:
        """Kill the worker and every process that carries its mark."""
        self._process.kill()
        self._process.wait()
        for process in _marked(self._mark):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _blame(self, cause: Cause, reason: str, contenders: tuple[str, ...]) -> Death:
        """The death of the worker, charged to the contender on its status page."""
        status = self._page.read()
        name = contenders[status.contender] if status.contender != heartbeat.IDLE else ""
        text = self._printed(status.log)
        last = text.rpartition("\n")[2]
        where = reason if name else f"{reason}, which no contender did: {last}"
        return Death(name, Failed(status.stage, where, text, cause))

    def _printed(self, start: int) -> str:
        """The end of its output, from byte `start` on at most."""
        self._log.seek(max(start, self._log.seek(0, os.SEEK_END) - 20 * OUTPUT))
        return self._log.read().decode(errors="replace").strip()

    def _memory(self) -> int:
        """Bytes in use by the worker; what it starts has the same limit of its own."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return int(psutil.Process(self._process.pid).memory_info().rss)
        return 0


#: Bytes that a worker takes itself, with torch and its libraries.
_ALLOWANCE = 2 << 30
#: The worker runs this very opbench, whatever imports would find by its name.
_PROGRAM = f"""
{own_packages.program()}
sys.path[:] = sys.argv[3:] or sys.path
from opbench.harness.execution import worker
worker.main(sys.argv[1:3])
"""


def _spawn(
    pipe: Connection, page: int, log: IO[bytes], mark: str, python: str
) -> subprocess.Popen[bytes]:
    """Start the program of a worker, in a session of its own.

    page: the descriptor of the status page. mark: put into its environment, and so into that of all
    its descendants. python: the interpreter; "" for this one.
    """
    # Another interpreter finds modules of its own; the same one those that this process does.
    places = () if python else sys.path
    args = (str(pipe.fileno()), str(page), *places)
    return subprocess.Popen(
        [python or sys.executable, "-c", _PROGRAM, *args],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(pipe.fileno(), page),
        env={**without_local(os.environ), MARK: mark},
        # Ctrl-C is for the supervisor, which then ends the worker.
        start_new_session=True,
    )


def _marked(mark: str) -> Iterator[psutil.Process]:
    """Every process that has the mark in its environment."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.environ().get(MARK) == mark:
                yield process
