"""The processor time that this process and others use. No torch.

Times of processes and of the whole machine are read twice, and the difference is compared: whatever
this process and its descendants didn't use, others did. In a container, where processes of others
can't be seen, the machine's total still shows them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Processor seconds spent up to a moment, by the machine and by each process."""

    #: The moment, in seconds of this process's performance counter.
    at: float
    #: Of all cores.
    busy: float
    #: Withheld by the host of a virtual machine (steal).
    stolen: float
    #: Busy, stolen and idle.
    total: float
    #: By process id: name, parent, seconds.
    processes: Mapping[int, tuple[str, int, float]]

    @classmethod
    def now(cls) -> Usage:
        """The usage up to now, of the processes that can be seen: in a container, not of all."""
        at, own = time.perf_counter(), os.getpid()
        try:
            infos = [(p.pid, p.info) for p in psutil.process_iter(["name", "ppid", "cpu_times"])]
            times = psutil.cpu_times()._asdict()
        except OSError:
            infos, times = [], {}
        # The first two are user and system; two more are of the children that have ended, which
        # count for this process: else they would count as others' part of the total.
        processes = {
            pid: (info["name"], info["ppid"], sum(info["cpu_times"][: 4 if pid == own else 2]))
            for pid, info in infos
            if None not in info.values()
        }
        stolen = times.get("steal", 0.0)
        # User time contains that of guests.
        total = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)
        idle = times.get("idle", 0.0) + times.get("iowait", 0.0)
        return cls(
            at=at, busy=total - idle - stolen, stolen=stolen, total=total, processes=processes
        )

    def until(self, later: Usage) -> tuple[float, tuple[str, float] | None, float]:
        """The cores that others used in between, the busiest of them, and the fraction of steal.

        The busiest is a name and the cores that it used; None where no process can be named.
        Processes that end or can't be seen show only in the machine's total, where there is one.
        """
        seconds = max(later.at - self.at, 1e-9)
        spent = {
            pid: max(0.0, used - self.processes.get(pid, ("", 0, 0.0))[2]) / seconds
            for pid, (_, _, used) in later.processes.items()
        }
        family = _family(later.processes)
        others = {pid: cores for pid, cores in spent.items() if pid not in family}
        unseen = (later.busy - self.busy) / seconds - sum(spent[pid] for pid in family)
        busiest = max(others, key=others.__getitem__, default=None)
        described = None
        if busiest is not None and others[busiest] > 0:
            described = (f"{later.processes[busiest][0]} (pid {busiest})", others[busiest])
        steal = (later.stolen - self.stolen) / max(later.total - self.total, 1e-9)
        return max(unseen, sum(others.values())), described, steal


def _family(processes: Mapping[int, tuple[str, int, float]]) -> Collection[int]:
    """The ids of this process and its descendants."""
    family = {os.getpid()} & processes.keys()
    while more := {p for p, (_, parent, _) in processes.items() if parent in family} - family:
        family |= more
    return family
