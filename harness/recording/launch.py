"""Start a program whose calls are counted, wait for it, and take what it counted.

It runs by the interpreter that it was to be run by, with its own streams, in our process group: it
is interrupted by the terminal as ever, and other signals are passed on. What it is to count and
what it counted lie in a temporary folder.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from opbench.harness.recording.facts import CallFacts
from opbench.harness.recording.program import COUNTED, FAULT, RECOGNISED
from opbench.harness.recording.recognised import Recognised
from opbench.harness.versions import own_packages
from opbench.results.errors import SelectionError

_PYTHON = re.compile(r"python[\d.]*(?:\.exe)?|pypy[\d.]*", re.ASCII)
#: Options of Python that have a value, which may stand behind them.
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
#: The child runs this very opbench, and has then no other module of it than the program imports.
_START = f"""
{own_packages.program()}
from opbench.harness.recording.program import main
main()
"""
_EXAMPLE = "opbench record-shapes -- python train.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program in Python, with its arguments."""

    python: str
    #: Those of Python itself.
    options: tuple[str, ...]
    #: "-m" for a module, "" for a file.
    kind: str
    #: The file or the module.
    name: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended, and what it called."""

    #: As a shell has it: 128 and the number of the signal that ended it.
    code: int
    facts: tuple[CallFacts, ...]
    #: How many graphs torch.compile made.
    compiled: int
    #: What went wrong with the recording; "" for nothing.
    fault: str
    #: Whether torch was imported, and calls were counted to the end.
    is_counted: bool


def program_of(command: Sequence[str]) -> Program:
    """The program of a command line. Raises SelectionError where it is none that can be counted."""
    parts = list(command)[1 if command[:1] == ["--"] else 0 :]
    if not parts:
        raise SelectionError(f"say what to run after --: {_EXAMPLE}")
    if parts[0].endswith(".py"):
        parts.insert(0, sys.executable)
    if not _PYTHON.fullmatch(Path(parts[0]).name):
        raise SelectionError(f"{parts[0]} is no Python: give python and a file or -m: {_EXAMPLE}")
    python = shutil.which(parts[0])
    if python is None:
        raise SelectionError(f"there is no {parts[0]} to run")
    place = 1
    while place < len(parts) and parts[place].startswith("-") and parts[place] != "-m":
        if parts[place].startswith("-c") or parts[place] == "-":
            raise SelectionError(f"{parts[place]}: give a file, or a module with -m: {_EXAMPLE}")
        place += 2 if parts[place] in _WITH_VALUE else 1
    options, rest = tuple(parts[1:place]), parts[place:]
    kind, rest = ("-m", rest[1:]) if rest[:1] == ["-m"] else ("", rest)
    if not rest:
        raise SelectionError(f"{' '.join(parts)}: what is it to run? {_EXAMPLE}")
    if not kind and not Path(rest[0]).is_file():
        raise SelectionError(f"there is no file {rest[0]} to run")
    name, *args = rest
    return Program(python=python, options=options, kind=kind, name=name, args=tuple(args))


def run_program(program: Program, recognised: Recognised) -> Ended:
    """Run a program to its end, with our own streams and signals, and take what it counted."""
    with tempfile.TemporaryDirectory(prefix="opbench-record-") as name:
        folder = Path(name)
        (folder / RECOGNISED).write_bytes(pickle.dumps(recognised))
        parts = (name, program.kind, program.name, *program.args)
        process = subprocess.Popen([program.python, *program.options, "-c", _START, *parts])
        with _signals_passed_on(process):
            code = process.wait()
        counted, fault = folder / COUNTED, folder / FAULT
        is_counted = counted.exists()
        facts, compiled = pickle.loads(counted.read_bytes()) if is_counted else ((), 0)
        reason = fault.read_text(encoding="utf-8") if fault.exists() else ""
    return Ended(
        code=code if code >= 0 else 128 - code,
        facts=facts,
        compiled=compiled,
        fault=reason,
        is_counted=is_counted,
    )


@contextmanager
def _signals_passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let signals be the program's, and this process wait for what it makes of them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def pass_on(number: int, _: FrameType | None) -> None:
        """A terminal sends Ctrl-C to both."""
        if number != signal.SIGINT or not os.isatty(0):
            process.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
