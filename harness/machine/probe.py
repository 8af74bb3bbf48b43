"""Probe this machine for disturbances of measurements. Torch is neither imported nor needed.

Nothing in the process is changed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import sysconfig
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import psutil

from opbench.harness.machine.usage import Usage
from opbench.harness.system.cores import usable_cores

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
#: With or without the hash that wheels put into the names of bundled libraries.
_OPENMP = re.compile(r"lib(gomp|iomp5|omp5?)(-[0-9a-f]+)?\.so")
_CPUS = Path("/sys/devices/system/cpu")
_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What a probe reads of the machine and this process.

    The defaults are those of an undisturbed machine; they stand where something can't be read.
    """

    #: Threads that measurements use.
    threads: int
    #: Cores that this process may use.
    usable_cores: int
    #: Cores' time that the control group may use; None: no limit.
    quota_cores: float | None = None
    #: Cores' time that other processes use.
    others_cores: float = 0.0
    #: The busiest of these processes, and the cores that it uses.
    busiest: tuple[str, float] | None = None
    #: Fraction of the time that the host withholds from this virtual machine.
    steal_share: float = 0.0
    #: Frequency governors of all cores, each once.
    governors: tuple[str, ...] = ()
    #: The environment variables that set a number of threads, with their values.
    thread_variables: tuple[tuple[str, str], ...] = ()
    #: Programs that are debug builds: Python, torch.
    debug_builds: tuple[str, ...] = ()
    #: Instrumentation that slows every call: a tracer, a profiler.
    instrumentation: tuple[str, ...] = ()
    #: Memory that is swapped out.
    swapped_bytes: int = 0
    #: Fraction of the memory that is available.
    available_share: float = 1.0
    #: OpenMP runtimes that are loaded, each by its folder and name.
    openmp: tuple[str, ...] = ()
    on_battery: bool = False


def probe(*, threads: int, watch_s: float = 0.25) -> Readings:
    """Probe the machine for `watch_s` seconds; processor time is counted in steps of 10 ms."""
    before = Usage.now()
    time.sleep(watch_s)
    others, busiest, steal = before.until(Usage.now())
    swapped, available = memory(_text(_PROC / "meminfo"))
    battery = getattr(psutil, "sensors_battery", lambda: None)()
    return Readings(
        threads=threads,
        usable_cores=usable_cores(),
        quota_cores=quota(_CGROUPS, _text(_PROC / "self/cgroup")),
        others_cores=others,
        busiest=busiest,
        steal_share=steal,
        governors=_governors(),
        thread_variables=tuple((n, os.environ[n]) for n in _THREAD_VARIABLES if n in os.environ),
        debug_builds=_debug_builds(),
        instrumentation=_instrumentation(),
        swapped_bytes=swapped,
        available_share=available,
        openmp=openmp_runtimes(_text(_PROC / "self/maps")),
        on_battery=battery is not None and battery.power_plugged is False,
    )


def _governors() -> tuple[str, ...]:
    """The frequency governors of all cores, each once."""
    return tuple(sorted({_text(f) for f in _CPUS.glob("cpu*/cpufreq/scaling_governor")} - {""}))


def quota(root: Path, groups: str) -> float | None:
    """The cores that the control groups allow; None where there is no limit.

    It is the least of the limits of this process's group and those above it.
    groups: the text of /proc/self/cgroup. In a container its paths may be the host's, which don't
        exist below `root`; the limit of `root` itself is the container's then.
    """
    limits = []
    for _, controllers, path in (line.split(":", 2) for line in groups.splitlines()):
        if "cpu" in controllers.split(",") or not controllers:  # of version 1, of version 2
            top = root / controllers
            group = top / path.strip("/")
            limits += [_quota_of(f) for f in (group, *group.parents) if f.is_relative_to(top)]
    return min((cores for cores in limits if cores is not None), default=None)


def _quota_of(folder: Path) -> float | None:
    """The cores that one control group allows, by version 2 or 1 of control groups."""
    text = _text(folder / "cpu.max")
    text = text or f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}"
    allowed, _, period = text.partition(" ")
    # Without a limit it is "max" in version 2 and "-1" in version 1.
    return int(allowed) / int(period) if allowed.isdigit() and period.isdigit() else None


def memory(meminfo: str) -> tuple[int, float]:
    """The bytes that are swapped out, and the fraction of the memory that is available."""
    sizes = {n: int(kib) * 1024 for n, kib in re.findall(r"^(\w+): +(\d+) kB$", meminfo, re.M)}
    swapped = sizes.get("SwapTotal", 0) - sizes.get("SwapFree", 0)
    total = sizes.get("MemTotal", 0)
    return swapped, sizes.get("MemAvailable", total) / total if total else 1.0


def openmp_runtimes(maps: str) -> tuple[str, ...]:
    """The OpenMP runtimes among the mapped files, each by its folder and name."""
    paths = {Path(f[5]) for line in maps.splitlines() if len(f := line.split(maxsplit=5)) == 6}
    return tuple(sorted(f"{p.parent.name}/{p.name}" for p in paths if _OPENMP.match(p.name)))


def _debug_builds() -> tuple[str, ...]:
    """Which of Python and torch were built for debugging, and are slow."""
    builds = ["Python"] if sysconfig.get_config_var("Py_DEBUG") else []
    spec = importlib.util.find_spec("torch")  # finds it without importing it
    if spec is not None and spec.origin is not None:
        if "\ndebug = True" in _text(Path(spec.origin).with_name("version.py")):
            builds.append("torch")
    return tuple(builds)


def _instrumentation() -> tuple[str, ...]:
    """Everything that watches Python code while it runs."""
    active = []
    if sys.gettrace() is not None:
        active.append("a tracer (debugger or coverage)")
    if sys.getprofile() is not None:
        active.append("a profiler")
    if sys.version_info >= (3, 12):
        tools = (sys.monitoring.get_tool(number) for number in range(6))
        active += [tool for tool in tools if tool is not None]
    if tracemalloc.is_tracing():
        active.append("tracemalloc")
    if sys.flags.dev_mode:
        active.append("its development mode")
    autograd = sys.modules.get("torch.autograd")
    if autograd is not None and autograd._profiler_enabled():
        active.append("torch's profiler")
    return tuple(active)


def _text(path: Path) -> str:
    """The text of a file of the system; "" where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
