"""What makes this machine's numbers worthless right now, in words.

Reading (`facts`) is apart from judging (`judge`), so that every warning can be tested without its
cause. Torch is neither imported nor needed, and nothing in the process is changed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import sysconfig
import time
import tracemalloc
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from opbench.harness.system.cores import usable_cores

_OTHERS_CORES = 0.1
_STEAL_SHARE = 0.02
_LOW_MEMORY_SHARE = 0.1
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
#: With or without the hash that wheels put into the names of what they bring along.
_OPENMP = re.compile(r"lib(gomp|iomp5|omp5?)(-[0-9a-f]+)?\.so")
_CPUS = Path("/sys/devices/system/cpu")
_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen. By default all is well; so it is taken to be where it cannot be found out."""

    threads: int
    usable_cores: int
    #: How many cores' time the control group may use; None: no limit.
    quota_cores: float | None = None
    #: How many cores' time others use; the name of the busiest of them and what it uses.
    others_cores: float = 0.0
    busiest: tuple[str, float] | None = None
    steal_share: float = 0.0
    governors: tuple[str, ...] = ()
    #: The variables that ask for a number of threads, with their values.
    thread_variables: tuple[tuple[str, str], ...] = ()
    debug_builds: tuple[str, ...] = ()
    #: What looks on while Python runs: a tracer, a profiler.
    watchers: tuple[str, ...] = ()
    swapped_bytes: int = 0
    available_share: float = 1.0
    openmp: tuple[str, ...] = ()
    on_battery: bool = False


def warnings(*, threads: int, watch_s: float = 0.25) -> tuple[str, ...]:
    """What is wrong with measuring on `threads` threads here and now, after watching a while."""
    return judge(facts(threads=threads, watch_s=watch_s))


def judge(facts: Facts) -> tuple[str, ...]:
    """What is wrong, why it matters, and what to do."""
    return (*_of_software(facts), *_of_cores(facts), *_of_machine(facts))


def _of_software(facts: Facts) -> Iterator[str]:
    if facts.debug_builds:
        yield (
            f"Debug build of {' and '.join(facts.debug_builds)}: overheads are far too large. "
            "Measure with a release build."
        )
    if facts.watchers:
        yield (
            f"Python is watched by {' and '.join(facts.watchers)}, which slows every call. "
            "Run without."
        )
    if len(facts.openmp) > 1:
        yield (
            f"{len(facts.openmp)} OpenMP runtimes are loaded ({', '.join(facts.openmp)}): their "
            "threads fight for the cores. Import fewer libraries, or make them share one."
        )


def _of_cores(facts: Facts) -> Iterator[str]:
    if facts.threads > facts.usable_cores:
        yield (
            f"{facts.threads} threads for {facts.usable_cores} usable cores would wait for each "
            "other. Ask for fewer, or let the process run on more cores (taskset)."
        )
    if facts.quota_cores is not None and facts.threads > facts.quota_cores:
        yield (
            f"{facts.threads} threads with a quota of {facts.quota_cores:g} cores' time (control "
            "group) would be halted again and again. Ask for fewer, or raise the quota."
        )
    contrary = [
        f"{name}={value}"
        for name, value in facts.thread_variables
        if value.partition(",")[0].strip() != str(facts.threads)
    ]
    if contrary:
        yield (
            f"{' and '.join(contrary)} contradicts the {facts.threads} threads asked for: "
            "libraries beside torch follow the environment. Unset it, or make them equal."
        )


def _of_machine(facts: Facts) -> Iterator[str]:
    if facts.others_cores > _OTHERS_CORES:
        busiest = f", {facts.busiest[0]} alone {facts.busiest[1]:.0%}" if facts.busiest else ""
        yield (
            f"Other processes use {facts.others_cores:.0%} of a core{busiest}: times get longer "
            f"and scatter. Stop them, or wait{fewer_threads(facts.threads, facts.usable_cores)}."
        )
    if facts.steal_share > _STEAL_SHARE:
        yield (
            f"The host withholds {facts.steal_share:.0%} of this virtual machine's time (steal): "
            "times get longer at random. Measure later, or on a machine of your own."
        )
    slow = [name for name in facts.governors if name != "performance"]
    if slow:
        yield (
            f"The frequency governor is {' and '.join(slow)}: the clock follows the load, and "
            "times drift. Set it with: cpupower frequency-set -g performance."
        )
    if facts.swapped_bytes and facts.available_share < _LOW_MEMORY_SHARE:
        yield (
            f"Memory is short ({facts.available_share:.0%} available) and "
            f"{facts.swapped_bytes / 2**30:.1f} GiB are swapped out: tensors may be read from "
            "disk. Free some memory."
        )
    if facts.on_battery:
        yield "The machine runs on its battery, which lowers and varies the clock. Plug it in."


def fewer_threads(threads: int, usable_cores: int) -> str:
    """What else may be done where threads use every core, of which others have some."""
    if threads < 2 or threads < usable_cores:
        return ""
    return "; or race with --threads 1: threads on every core wait for those that others have"


def facts(*, threads: int, watch_s: float = 0.25) -> Facts:
    """What can be seen within `watch_s` seconds; processor time is counted in steps of 10 ms."""
    before = Usage.now()
    time.sleep(watch_s)
    others, busiest, steal = before.until(Usage.now())
    swapped, available = memory(_text(_PROC / "meminfo"))
    battery = getattr(psutil, "sensors_battery", lambda: None)()
    return Facts(
        threads=threads,
        usable_cores=usable_cores(),
        quota_cores=quota(_CGROUPS, _text(_PROC / "self/cgroup")),
        others_cores=others,
        busiest=busiest,
        steal_share=steal,
        governors=_governors(),
        thread_variables=tuple((n, os.environ[n]) for n in _THREAD_VARIABLES if n in os.environ),
        debug_builds=_debug_builds(),
        watchers=_watchers(),
        swapped_bytes=swapped,
        available_share=available,
        openmp=openmp_runtimes(_text(_PROC / "self/maps")),
        on_battery=battery is not None and battery.power_plugged is False,
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds spent up to a moment: by the machine, and by each process."""

    at: float
    busy: float
    stolen: float
    total: float
    #: By process id: name, parent, seconds.
    processes: Mapping[int, tuple[str, int, float]]

    @classmethod
    def now(cls) -> Usage:
        """Those that can be seen from here; in a container that is not everybody's processes."""
        at, own = time.perf_counter(), os.getpid()
        try:
            infos = [(p.pid, p.info) for p in psutil.process_iter(["name", "ppid", "cpu_times"])]
            times = psutil.cpu_times()._asdict()
        except OSError:
            infos, times = [], {}
        # The first two are user and system; two more are of the children that have ended, which
        # count for this process: else they were others' share of the total.
        processes = {
            pid: (info["name"], info["ppid"], sum(info["cpu_times"][: 4 if pid == own else 2]))
            for pid, info in infos
            if None not in info.values()
        }
        stolen = times.get("steal", 0.0)
        # User time contains that of guests.
        total = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)
        idle = times.get("idle", 0.0) + times.get("iowait", 0.0)
        return cls(at, total - idle - stolen, stolen, total, processes)

    def until(self, later: Usage) -> tuple[float, tuple[str, float] | None, float]:
        """The cores that others used in between, the busiest of them, and the share of steal.

        Processes that end or can't be seen show only in the machine's total, if that is kept.
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
        named = None
        if busiest is not None and others[busiest] > 0:
            named = (f"{later.processes[busiest][0]} (pid {busiest})", others[busiest])
        steal = (later.stolen - self.stolen) / max(later.total - self.total, 1e-9)
        return max(unseen, sum(others.values())), named, steal


def _family(processes: Mapping[int, tuple[str, int, float]]) -> Collection[int]:
    """This process and its descendants, of those."""
    family = {os.getpid()} & processes.keys()
    while more := {p for p, (_, parent, _) in processes.items() if parent in family} - family:
        family |= more
    return family


def _governors() -> tuple[str, ...]:
    return tuple(sorted({_text(f) for f in _CPUS.glob("cpu*/cpufreq/scaling_governor")} - {""}))


def quota(root: Path, groups: str) -> float | None:
    """The cores that the control groups allow: the least that this one or one above it does.

    groups: the text of /proc/self/cgroup. In a container its paths may be the host's, not to be
    found below `root`, whose own limit is the container's then.
    """
    found = []
    for _, controllers, path in (line.split(":", 2) for line in groups.splitlines()):
        if "cpu" in controllers.split(",") or not controllers:  # of version 1, of version 2
            top = root / controllers
            group = top / path.strip("/")
            found += [_quota_of(f) for f in (group, *group.parents) if f.is_relative_to(top)]
    return min((cores for cores in found if cores is not None), default=None)


def _quota_of(folder: Path) -> float | None:
    text = _text(folder / "cpu.max")
    text = text or f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}"
    allowed, _, period = text.partition(" ")
    # Without a limit it is "max" in version 2 and "-1" in version 1.
    return int(allowed) / int(period) if allowed.isdigit() and period.isdigit() else None


def memory(meminfo: str) -> tuple[int, float]:
    """The bytes that are swapped out, and the share of the memory that is available."""
    sizes = {n: int(kib) * 1024 for n, kib in re.findall(r"^(\w+): +(\d+) kB$", meminfo, re.M)}
    swapped = sizes.get("SwapTotal", 0) - sizes.get("SwapFree", 0)
    total = sizes.get("MemTotal", 0)
    return swapped, sizes.get("MemAvailable", total) / total if total else 1.0


def openmp_runtimes(maps: str) -> tuple[str, ...]:
    """The OpenMP runtimes among the mapped files, each by its folder and name."""
    paths = {Path(f[5]) for line in maps.splitlines() if len(f := line.split(maxsplit=5)) == 6}
    return tuple(sorted(f"{p.parent.name}/{p.name}" for p in paths if _OPENMP.match(p.name)))


def _debug_builds() -> tuple[str, ...]:
    found = ["Python"] if sysconfig.get_config_var("Py_DEBUG") else []
    spec = importlib.util.find_spec("torch")  # finds it without importing it
    if spec is not None and spec.origin is not None:
        if "\ndebug = True" in _text(Path(spec.origin).with_name("version.py")):
            found.append("torch")
    return tuple(found)


def _watchers() -> tuple[str, ...]:
    found = []
    if sys.gettrace() is not None:
        found.append("a tracer (debugger or coverage)")
    if sys.getprofile() is not None:
        found.append("a profiler")
    if sys.version_info >= (3, 12):
        tools = (sys.monitoring.get_tool(number) for number in range(6))
        found += [tool for tool in tools if tool is not None]
    if tracemalloc.is_tracing():
        found.append("tracemalloc")
    if sys.flags.dev_mode:
        found.append("its development mode")
    autograd = sys.modules.get("torch.autograd")
    if autograd is not None and autograd._profiler_enabled():
        found.append("torch's profiler")
    return tuple(found)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
