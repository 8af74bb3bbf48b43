"""The code that was compiled for a contender, to be read beside its trace.

What the compiler generated, and of libraries that the process has mapped since before the contender
was prepared: their sources, where they lie beside them, and the disassembly.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from opbench.harness.explaining import machine_code
from opbench.results.errors import UnsupportedError

#: Where the sources of a library lie: in a folder of this name beside it, or called as it is.
_SOURCES = "source"
#: Characters of a name that are kept: sixteen of a hash are its own still.
_LONGEST = 16
_SUFFIXES = (".cpp", ".cc", ".cu", ".c")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The compiled code that a process has loaded by now."""

    #: Paths of libraries that no package brought.
    libraries: frozenset[str]
    #: Paths of modules that torch's compiler generated.
    generated: frozenset[str]


def loaded() -> Loaded:
    """What this process has loaded by now."""
    return Loaded(machine_code.mapped(), frozenset(_generated()))


def write_code(before: Loaded, folder: Path, stem: str) -> tuple[Path, ...]:
    """Write the code that was loaded since `before` into files `folder`/`stem`.*; return them.

    A library that is mapped already, for another case, isn't written again.
    """
    now = loaded()
    libraries = machine_code.own_libraries(before.libraries)
    sources = [*map(Path, sorted(now.generated - before.generated))]
    sources += [source for path in libraries for source in _sources_of(Path(path))]
    texts = {_short(source.name): _text(source) for source in sources}
    for path in libraries:
        try:
            texts[_short(f"{Path(path).stem}.s")] = machine_code.disassembled(path)
        except UnsupportedError:
            # Without objdump there are the sources alone.
            continue
    written = []
    for name, text in texts.items():
        target = folder / f"{stem}.{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}"
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return tuple(written)


def _generated() -> Iterator[str]:
    """The modules that torch's compiler generated in this process."""
    cache = sys.modules.get("torch._inductor.codecache")
    for module in getattr(getattr(cache, "PyCodeCache", None), "modules", ()):
        path = getattr(module, "__file__", None)
        if path and Path(path).is_file():
            yield path


def _sources_of(library: Path) -> Iterator[Path]:
    """The sources that lie with a library."""
    folder = library.parent / _SOURCES
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.is_file())
    yield from (path for suffix in _SUFFIXES if (path := library.with_suffix(suffix)).is_file())


def _short(name: str) -> str:
    """A file's name without the most of a hash that it may consist of."""
    stem, _, ending = name.partition(".")
    return f"{stem[:_LONGEST]}.{ending}"


def _text(path: Path) -> str:
    """The content of a source, whatever its encoding."""
    return path.read_text(encoding="utf-8", errors="replace")
