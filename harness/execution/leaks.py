"""Leaks of a contender into its process: changed global state, child processes, threads.

A snapshot before it runs shows afterwards what to undo. State is restored and processes are
killed; a thread can't be stopped from outside, and taints the process for good.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from opbench.harness.execution import process_state

#: Packages whose threads and processes the harness itself brings about, as when it compiles.
_OURS = ("torch", "concurrent", "multiprocessing", "threading", "tqdm")
_COMPILE_WORKER = "_inductor"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The process at one moment: global state, and the ids of child processes and threads."""

    #: Global state of torch and Python.
    state: process_state.GlobalState
    #: The ids of all descendants.
    processes: frozenset[int]
    #: The ids of all threads.
    threads: frozenset[int]


@dataclass(frozen=True, slots=True)
class Leaks:
    """The leaks since a snapshot, in words."""

    #: Those that were undone.
    undone: tuple[str, ...] = ()
    #: Those that can't be: the process is tainted.
    irreversible: tuple[str, ...] = ()


def snapshot() -> Snapshot:
    """The process as it is now."""
    pids = frozenset(process.pid for process in psutil.Process().children(recursive=True))
    threads = frozenset(thread.ident or 0 for thread in threading.enumerate())
    return Snapshot(process_state.read(), pids, threads)


def restore(before: Snapshot) -> Leaks:
    """Put the process back to a snapshot, as far as that can be done, and return the leaks."""
    changes = process_state.restore(before.state)
    stopped = tuple(_stop(before.processes))
    undone = [f"changed {', '.join(changes)}"] if changes else []
    if stopped:
        names = ", ".join(sorted(set(stopped)))
        undone.append(f"left {len(stopped)} processes running ({names}); they were stopped")
    places = [_home(t) for t in threading.enumerate() if t.ident not in before.threads]
    foreign = [place for place in places if place and place.partition(".")[0] not in _OURS]
    threads = (f"left {len(foreign)} threads running (in {foreign[0]})",) if foreign else ()
    return Leaks(tuple(undone), irreversible=threads)


def _stop(known: frozenset[int]) -> Iterator[str]:
    """Kill the child processes that are not known, and yield their names."""
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
    """The module whose function a thread runs; "" if the thread has ended meanwhile."""
    frame = sys._current_frames().get(thread.ident or 0)
    home = ""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module != "threading":
            home = module
        frame = frame.f_back
    return home
