"""The machine and the software that a run was made with.

The stable part (processor, versions, build) makes the key that decides whether two runs may be
compared; the volatile part (load, governor) only explains.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

import psutil
import torch

from opbench.harness.system.cores import usable_cores
from opbench.results.records import Environment

_THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
#: oneDNN's instruction sets, the best first, each with the newest processor flag that it needs.
_ONEDNN_ISAS = (
    ("AVX512_CORE_AMX_FP16", "amx_fp16"),
    ("AVX512_CORE_AMX", "amx_tile"),
    ("AVX512_CORE_FP16", "avx512_fp16"),
    ("AVX512_CORE_BF16", "avx512_bf16"),
    ("AVX512_CORE_VNNI", "avx512_vnni"),
    ("AVX512_CORE", "avx512_bw"),
    ("AVX2_VNNI_2", "avx_ne_convert"),
    ("AVX2_VNNI", "avx_vnni"),
    ("AVX2", "avx2"),
    ("AVX", "avx"),
    ("SSE41", "sse4_1"),
)
#: Names of some of them in newer versions of oneDNN.
_ONEDNN_ALIASES = {
    "AVX10_1_512_AMX_FP16": "AVX512_CORE_AMX_FP16",
    "AVX10_1_512_AMX": "AVX512_CORE_AMX",
    "AVX10_1_512": "AVX512_CORE_FP16",
}
_ALLOCATOR_VARIABLES = ("LD_PRELOAD", "MALLOC_ARENA_MAX", "MALLOC_CONF", "GLIBC_TUNABLES")


def describe() -> Environment:
    """The environment of this process, now."""
    stable = {**_hardware(), **_software(), **_allocator()}
    text = "\n".join(f"{name}={value}" for name, value in sorted(stable.items()))
    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Environment(key, tuple(stable.items()), tuple(_volatile().items()))


def _hardware() -> dict[str, str]:
    """Stable facts of the processor, memory and accelerator."""
    facts = {
        "cpu": _cpu_model(),
        "isa": torch.backends.cpu.get_cpu_capability(),
        **_onednn_limit(),
        "cores": str(psutil.cpu_count(logical=False) or 0),
        "usable_cores": str(usable_cores()),
        "memory_gib": str(round(psutil.virtual_memory().total / 2**30)),
    }
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is not None and accelerator.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def _software() -> dict[str, str]:
    """Stable facts of Python, torch and the compiler."""
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
    """Stable facts of memory allocation."""
    facts = {name.lower(): os.environ.get(name, "") for name in _ALLOCATOR_VARIABLES}
    return {"huge_pages": _read(_THP), **facts}


def _volatile() -> dict[str, str]:
    """Facts that change from minute to minute."""
    times = psutil.cpu_times()
    return {
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "steal_s": f"{getattr(times, 'steal', 0.0):.1f}",
        "governor": _read(_GOVERNOR),
        "memory_available_gib": f"{psutil.virtual_memory().available / 2**30:.1f}",
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS", ""),
        "threads": str(torch.get_num_threads()),
        "onednn_isa": _onednn_isa(),
    }


def _onednn_limit() -> dict[str, str]:
    """The limit on oneDNN's instruction set, where the environment sets one."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", ""))
    return {"onednn_max_cpu_isa": limit.upper()} if limit else {}


def _onednn_isa() -> str:
    """The best instruction set that oneDNN may use here, by oneDNN's name; "" where unknown.

    torch offers no way to ask oneDNN: this follows the manual of oneDNN's dispatcher.
    """
    if not torch._C._has_mkldnn:
        return ""
    flags = torch.cpu.get_capabilities()
    limit = _onednn_limit().get("onednn_max_cpu_isa", "")
    limit = _ONEDNN_ALIASES.get(limit, limit)
    names = [name for name, _ in _ONEDNN_ISAS]
    allowed = _ONEDNN_ISAS[names.index(limit) :] if limit in names else _ONEDNN_ISAS
    return next((name for name, flag in allowed if flags.get(flag)), "")


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
    """The C++ compiler: its version, and the options in $CXX; "none" where there is none."""
    command = shlex.split(os.environ.get("CXX", "")) or ["c++"]
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return " ".join((done.stdout.splitlines()[0], *command[1:]))


def _read(path: Path) -> str:
    """The text of a file of the system; "unknown" where it can't be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return "unknown"
