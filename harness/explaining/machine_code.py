"""The machine code that a contender brought along: how much of its arithmetic is on vectors.

Its libraries are those that the process has mapped since before the contender was prepared. Their
code is disassembled, not run: it counts instructions as they stand there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

from opbench.results.errors import UnsupportedError

#: Larger libraries are no contender's own, and take long.
_LARGEST = 8 << 20
_PATIENCE_S = 10.0
_ARITHMETIC = re.compile(r"\bv?(?:add|sub|mul|div|sqrt|max|min|fn?m(?:add|sub)\d+)([sp])([sdh])\b")
#: Of packages that are installed: torch's own libraries are loaded late.
_INSTALLED = ("/site-packages/", "/dist-packages/", "/usr/lib", "/lib")


def mapped() -> frozenset[str]:
    """The libraries that this process has mapped and that no package brought."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    paths = {line.split(maxsplit=5)[-1] for line in lines if line.count(" ") > 4}
    return frozenset(
        path
        for path in paths
        if ".so" in Path(path).name and not any(part in path for part in _INSTALLED)
    )


def gather(before: Collection[str]) -> Iterator[tuple[str, float]]:
    """The figures of the libraries that were mapped since `before`.

    Raises UnsupportedError where there are none, or nothing to read them with.
    """
    own = own_libraries(before)
    if not own:
        raise UnsupportedError("not needed: it has no library of its own")
    packed = scalar = 0
    for path in own:
        for kind, _ in _ARITHMETIC.findall(disassembled(path)):
            packed += kind == "p"
            scalar += kind == "s"
    if not packed + scalar:
        raise UnsupportedError("not needed: its library has no floating-point arithmetic")
    yield "packed_share", packed / (packed + scalar)
    yield "arithmetic_instructions", float(packed + scalar)


def own_libraries(before: Collection[str]) -> list[str]:
    """The libraries that were mapped since `before`, but for those that are too large to read."""
    files = [path for path in mapped() - set(before) if Path(path).is_file()]
    return sorted(path for path in files if Path(path).stat().st_size <= _LARGEST)


def disassembled(path: str) -> str:
    """The code of a library. Raises UnsupportedError where it can't be read."""
    if shutil.which("objdump") is None:
        raise UnsupportedError("not available: no objdump")
    command = ["objdump", "-d", "--no-show-raw-insn", path]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UnsupportedError(f"not available: objdump failed: {error}") from error
    return done.stdout
