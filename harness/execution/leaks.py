"""What a contender leaves behind in the process: changed state, child processes, threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from opbench.harness.execution import process_state

#: Packages whose threads and processes are the harness's own doing, as when something is compiled.
_OURS = ("torch", "concurrent", "multiprocessing", "threading", "tqdm")
_COMPILE_WORKER = "_inductor"


@dataclass(frozen=True, slots=True)
class Look:
    """The process at one moment."""

    state: process_state.State
    processes: frozenset[int]
    threads: frozenset[int]


@dataclass(frozen=True, slots=True)
class Left:
    """What was found, for people: what was undone, and what can't be."""

    undone: tuple[str, ...] = ()
    lasting: tuple[str, ...] = ()


def look() -> Look:
    """The process now."""
    pids = frozenset(process.pid for process in psutil.Process().children(recursive=True))
    threads = frozenset(thread.ident or 0 for thread in threading.enumerate())
    return Look(process_state.read(), pids, threads)


def undo(before: Look) -> Left:
    """Put the process back to what it was, as far as that can be done, and tell what was not so."""
    changes = process_state.restore(before.state)
    stopped = tuple(_stop(before.processes))
    undone = [f"changed {', '.join(changes)}"] if changes else []
    if stopped:
        names = ", ".join(sorted(set(stopped)))
        undone.append(f"left {len(stopped)} processes running ({names}); they were stopped")
    places = [_home(t) for t in threading.enumerate() if t.ident not in before.threads]
    foreign = [place for place in places if place and place.partition(".")[0] not in _OURS]
    lasting = (f"left {len(foreign)} threads running (in {foreign[0]})",) if foreign else ()
    return Left(tuple(undone), lasting)


def _stop(known: frozenset[int]) -> Iterator[str]:
    """Kill the child processes that are not known, and give their names."""
    for process in psutil.Process().children(recursive=True):
        try:
            command = " ".join(process.cmdline())
            stopped = process.status() == psutil.STATUS_ZOMBIE
            if process.pid in known or stopped or _COMPILE_WORKER in command:
                continue
            name = process.name()
            process.kill()
        except psutil.NoSuchProcess:
            continue
        yield name


def _home(thread: threading.Thread) -> str:
    """The module whose function a thread runs; "" where it has ended meanwhile."""
    frame = sys._current_frames().get(thread.ident or 0)
    home = ""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module != "threading":
            home = module
        frame = frame.f_back
    return home
