"""Compile a C++ kernel at first use, keep the library in a cache, and load it into torch.

A library is found again by the hash of everything that went into it: the source and the headers
beside it, the Python files that register its ops, the flags, the compiler and torch. The namespace
of its ops carries that hash, so two versions of one kernel can live in one process.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from opbench import Unavailable

# No -ffast-math: NaN and infinities must come out right. The two -fno- flags only say that nobody
# reads errno or the floating-point exception flags, which lets more loops become vector code.
FLAGS = (
    *("-O3", "-fPIC", "-shared", "-std=c++20"),
    *("-fno-trapping-math", "-fno-math-errno"),
    # Only what the stable ABI had in torch 2.10, the oldest version that is supported.
    "-DTORCH_TARGET_VERSION=0x020a000000000000",
)
# For the processor that compiles. Compilers hold back from the widest vectors of x86 for fear of
# lower clock rates; loops that wait for memory gain from them.
NATIVE_FLAGS = ("-march=native",)
X86_FLAGS = ("-mprefer-vector-width=512",)
#: By these $CXX names the processor to compile for.
PROCESSOR_FLAGS = ("-march=", "-mcpu=")
COMPILERS = ("c++", "g++", "clang++")
LOCAL_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
COMPILE_LIMIT_S = 300


@dataclass(frozen=True, slots=True)
class Library:
    """A compiled kernel: the file, and the namespace that its ops have once it is loaded."""

    path: Path
    namespace: str


def load(source: Path, *, registrars: tuple[Path, ...] = ()) -> Library:
    """Compile `source` unless the cache has it, load it, and return where its ops are.

    registrars: the files that register its ops with torch. Another text of theirs makes another
        namespace, so that two versions of what they register don't meet in one.
    """
    library = build(source, registrars=registrars)
    try:
        torch.ops.load_library(library.path)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise Unavailable(
            f"{library.path} could not be loaded: {error.__cause__ or error}; delete it and retry"
        ) from error
    return library


def build(source: Path, *, registrars: tuple[Path, ...] = ()) -> Library:
    """Compile `source` unless the cache has it; raise `Unavailable` where that cannot be done."""
    compiler = find_compiler()
    key = _key(source, registrars, compiler)
    library = Library(cache_folder() / key / f"{source.stem}.so", f"opbench_{key}")
    if not library.path.exists():
        _compile(source, library, compiler)
    return library


def cache_folder() -> Path:
    """The folder of compiled kernels."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "opbench" / "kernels"


def find_compiler() -> tuple[str, ...]:
    """The command of the C++ compiler: $CXX, else the first common one on the PATH."""
    chosen = tuple(shlex.split(os.environ.get("CXX", "")))
    for command in (chosen,) if chosen else tuple((name,) for name in COMPILERS):
        if path := shutil.which(command[0]):
            return (path, *command[1:])
    tried = f"$CXX ({chosen[0]})" if chosen else ", ".join(COMPILERS)
    raise Unavailable(
        f"no C++ compiler: {tried} not found; install g++ or clang++, or set CXX to one"
    )


def flags(compiler: tuple[str, ...]) -> tuple[str, ...]:
    """The flags that every kernel is compiled with by this command.

    For this machine's processor, unless the command names another: `c++ -march=x86-64-v3`.
    """
    if any(argument.startswith(PROCESSOR_FLAGS) for argument in compiler):
        return FLAGS
    return FLAGS + NATIVE_FLAGS + (X86_FLAGS if platform.machine() in ("x86_64", "AMD64") else ())


def compiling(compiler: tuple[str, ...], namespace: str) -> tuple[str, ...]:
    """The command that compiles a kernel whose ops are in `namespace`, without its files."""
    include = Path(torch.__file__).parent / "include"
    torch_flags = (f"-DOPBENCH_NAMESPACE={namespace}", "-isystem", str(include))
    return (*compiler, *flags(compiler), *torch_flags)


def sources_of(source: Path) -> list[Path]:
    """`source` and every header that it includes by a quoted name, each once."""
    files: list[Path] = []
    pending = [source]
    while pending:
        path = pending.pop()
        if path in files:
            continue
        files.append(path)
        names = LOCAL_INCLUDE.findall(path.read_text(encoding="utf-8"))
        pending += [path.parent / name for name in names if (path.parent / name).exists()]
    return sorted(files)


def _key(source: Path, registrars: tuple[Path, ...], compiler: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for part in (*flags(compiler), *compiler, _version(compiler), _machine(), torch.__version__):
        digest.update(part.encode() + b"\0")
    for path in (*sources_of(source), *sorted(registrars)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@functools.cache
def _version(compiler: tuple[str, ...]) -> str:
    return _output([*compiler, "--version"])


@functools.cache
def _machine() -> str:
    """The processor that -march=native stands for: unlike machines may share a cache."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.exists() else []
    facts = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return "\n".join((platform.machine(), *facts))


def _compile(source: Path, library: Library, compiler: tuple[str, ...]) -> None:
    folder = library.path.parent
    try:
        _keep_sources(source, folder / "source")
        # A name of its own until it is whole: several processes may compile the same kernel.
        handle, name = tempfile.mkstemp(suffix=".so", prefix=".partial-", dir=folder)
    except OSError as error:
        raise Unavailable(
            f"the kernel cache {folder} cannot be written: {error}; set XDG_CACHE_HOME to a "
            "folder that can"
        ) from error
    os.close(handle)
    partial = Path(name)
    try:
        command = compiling(compiler, library.namespace)
        _output([*command, str(source), "-o", name, *_link_flags()])
        partial.chmod(0o755)
        partial.replace(library.path)
    finally:
        partial.unlink(missing_ok=True)


def _keep_sources(source: Path, folder: Path) -> None:
    """Keep what a library is made of beside it, where a profile finds it to be read."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sources_of(source):
        # Not its mode: of a package that can't be written a second process couldn't replace it.
        shutil.copyfile(path, folder / path.name)


def _link_flags() -> list[str]:
    # Found by name among what the process has loaded; torch's threads come with it, so that no
    # second OpenMP runtime is linked.
    return [f"-L{Path(torch.__file__).parent / 'lib'}", "-ltorch_cpu"]


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=COMPILE_LIMIT_S, check=True
        )
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stderr.splitlines() if "error" in line.lower()][:3]
        reason = "\n".join(said or error.stderr.splitlines()[-3:])
        raise Unavailable(
            f"compiling failed: {shlex.join(command)}\n{reason}\n"
            "set CXX to a compiler with C++20 and x86 or ARM vectors (g++ 12, clang++ 14 or newer)"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(
            f"{command[0]} could not be run: {error}; set CXX to a working C++ compiler"
        ) from error
    return done.stdout
