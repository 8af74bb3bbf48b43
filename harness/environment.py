"""The machine and the software that a run was made with.

What is stable (processor, versions, build) makes the key that decides whether two runs may be
compared; what changes from minute to minute (load, governor) only explains.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil
import torch

from results.record import Environment

_THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_ALLOCATOR_VARIABLES = ("LD_PRELOAD", "MALLOC_ARENA_MAX", "MALLOC_CONF", "GLIBC_TUNABLES")


def describe() -> Environment:
    """The environment of this process, now."""
    stable = {**_hardware(), **_software(), **_allocator()}
    text = "\n".join(f"{name}={value}" for name, value in sorted(stable.items()))
    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Environment(key, tuple(stable.items()), tuple(_volatile().items()))


def _hardware() -> dict[str, str]:
    facts = {
        "cpu": _cpu_model(),
        "isa": torch.backends.cpu.get_cpu_capability(),
        "cores": str(psutil.cpu_count(logical=False) or 0),
        "usable_cores": str(len(os.sched_getaffinity(0))),
        "memory_gib": str(round(psutil.virtual_memory().total / 2**30)),
    }
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is not None and accelerator.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def _software() -> dict[str, str]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torch_build": hashlib.sha256(torch.__config__.show().encode()).hexdigest()[:8],
        "openmp": str(torch._C.has_openmp),
        "mkl": str(torch._C.has_mkl),
        "debug": str(torch.version.debug),
        "compiler": _compiler(),
        "optimised_python": str(sys.flags.optimize),
    }


def _allocator() -> dict[str, str]:
    facts = {name.lower(): os.environ.get(name, "") for name in _ALLOCATOR_VARIABLES}
    return {"huge_pages": _read(_THP), **facts}


def _volatile() -> dict[str, str]:
    times = psutil.cpu_times()
    return {
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "steal_s": f"{getattr(times, 'steal', 0.0):.1f}",
        "governor": _read(_GOVERNOR),
        "memory_available_gib": f"{psutil.virtual_memory().available / 2**30:.1f}",
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS", ""),
        "threads": str(torch.get_num_threads()),
    }


def _cpu_model() -> str:
    """The model's name; where a virtual machine hides it, its family, model and stepping too."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor() or platform.machine()
    fields: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    names = ("model name", "cpu family", "model", "stepping")
    return " ".join(fields[name] for name in names if name in fields)


@functools.cache
def _compiler() -> str:
    command = os.environ.get("CXX", "c++")
    try:
        done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return done.stdout.splitlines()[0]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return "unknown"
