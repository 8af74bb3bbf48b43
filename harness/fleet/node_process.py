"""The process of a node that races: `opbench run --orders`, in the node's own environment.

An engine holds one of these on each node, wherever that is; nothing but text goes in and out.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import psutil

from opbench.harness.fleet.messages import Reply

#: Names the interpreter whose environment is raced in, where it isn't the engine's.
PYTHON = "OPBENCH_PYTHON"
#: How the variables of an engine begin, tokens among them: contenders don't see them.
_OF_ENGINE = "RAY_"
#: Characters of what it printed that are kept where it ends.
_MOST = 2000


class NodeProcess:
    """The process, which is started anew where it has ended.

        process = NodeProcess('{"names": ["patch_pooling"], "store": …}', "/home/me/bench")
        process.start()  # '{"did": "ready", …}'
        process.order(Order(do="race", case=name).text())  # '{"did": "race", …}'

    What it prints besides is kept until it ends: the last line says why.
    """

    def __init__(self, settings: str, folder: str) -> None:
        """settings: the options of the run, as JSON. folder: where it runs, if it is there."""
        self._settings, self._folder = settings, folder
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] | None = None

    def start(self) -> str:
        """Start the process; its reply, a line, when it is ready or has ended."""
        self.end()
        environment = _environment()
        python = environment.get(PYTHON) or sys.executable
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [python, "-m", "opbench", "run", "--orders", self._settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=self._folder if Path(self._folder).is_dir() else None,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        return self._reply()

    def order(self, line: str) -> str:
        """Send a line; the reply to it, or that the process has ended."""
        if self._process is None:
            return Reply(did="died", problem="it was not started").text()
        self.write(line)
        return self._reply()

    def write(self, line: str) -> None:
        """Send a line, unless the process has ended."""
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def close_input(self) -> None:
        """Send no more, as where this process is gone."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()

    def kill(self) -> None:
        """Kill it, as the system does where memory is short."""
        assert self._process is not None
        self._process.kill()

    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def end(self) -> None:
        """End the process, and all that it started."""
        if self._process is None:
            return
        # It ends its workers before itself.
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._process = None

    def _reply(self) -> str:
        """The next line, or that the process has ended and with which last words."""
        assert self._process is not None
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            return line.rstrip("\n")
        code = self._process.wait()
        assert self._errors is not None
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip()[-_MOST:].splitlines()
        how = f"killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return Reply(did="died", problem=": ".join([how, *last[-1:]])).text()


def _environment() -> Mapping[str, str]:
    """The variables that the node was started with, without what its engine has added.

    Ray sets threads, devices and a debugger for its workers, and an allocator for the process that
    starts them: what one of the two lacks is Ray's.
    """
    own = dict(os.environ)
    if not any(name.startswith(_OF_ENGINE) for name in own):
        return own
    started: dict[str, str] = {}
    with contextlib.suppress(psutil.Error):
        started = psutil.Process(os.getppid()).environ()
    return {n: v for n, v in started.items() if n in own and not n.startswith(_OF_ENGINE)}
