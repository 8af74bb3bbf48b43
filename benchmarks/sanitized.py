"""Check the C++ kernels under the address and the undefined-behaviour sanitizer.

    python -m benchmarks.sanitized [OP ...] [any option of opbench check]

They are compiled anew, into a cache of their own, by `$CXX` (g++) with the sanitizers; a kernel
that reads or writes where it may not, or computes what C++ doesn't define, ends its worker, and
`opbench check` says so with exit code 5. What the sanitizer reported is printed below. The
sanitizers' libraries come first in each process, as they replace malloc. Memory that is never given
back isn't reported: Python and torch keep some."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -g1"
_LIBRARIES = ("libasan.so", "libubsan.so")
_CACHE = Path("build") / "sanitized"
#: Lines of a report that are printed: what it is, and where.
_PRINTED = 12


def main(arguments: Sequence[str]) -> int:
    """Run the check; return its exit code."""
    command = [sys.executable, "-m", "opbench", "check", "--impl", "cpp", *arguments]
    for old in reports(_CACHE):
        old.unlink()
    code = subprocess.run(command, env={**os.environ, **environment(_CACHE)}).returncode
    for report in reports(_CACHE):
        lines = report.read_text(encoding="utf-8", errors="replace").splitlines()
        print(f"\n{report}:", *lines[:_PRINTED], sep="\n")
    return code


def reports(cache: Path) -> list[Path]:
    """What the sanitizers reported, a file for each process."""
    return sorted(cache.glob("report.*"))


def environment(cache: Path) -> dict[str, str]:
    """The variables under which kernels are sanitized; cache: the folder that they are built in.

    Raises SystemExit where the compiler has no sanitizers.
    """
    compiler = shlex.split(os.environ.get("CXX", "g++"))
    paths = [_library(compiler, name) for name in _LIBRARIES]
    cache.mkdir(parents=True, exist_ok=True)
    target = f"log_path={cache.resolve() / 'report'}"
    return {
        "CXX": f"{shlex.join(compiler)} {_FLAGS}",
        "LD_PRELOAD": ":".join(paths),
        "ASAN_OPTIONS": f"detect_leaks=0:{target}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:{target}",
        "XDG_CACHE_HOME": str(cache.resolve()),
    }


def _library(compiler: Sequence[str], name: str) -> str:
    """The path of a library of the compiler."""
    try:
        done = subprocess.run(
            [*compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"{compiler[0]} doesn't run: {error}") from error
    path = done.stdout.strip()
    # Of a library that it lacks it prints the bare name.
    if not Path(path).is_absolute():
        raise SystemExit(f"{compiler[0]} has no {name}: install its sanitizers, or set CXX")
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
