"""Ops that versions of a project register with torch, apart from those of installed packages.

An installed package registers its ops once for the process, in whatever version it is imported
first. An op that a version registers itself the other version would have to register again.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch._library.custom_ops import OPDEFS

from opbench.harness.versions.trees import Trees, is_installed

#: A namespace of ops that ends in a hash of their source: equal names are equal ops.
_CONTENT_NAMED = re.compile(r"[0-9a-f]{8,}::")
#: The place of a registration in torch's dump of an op.
_PLACE = re.compile(r"^debug: registered at (.*):\d+$", re.MULTILINE)
#: Files of torch that register ops for their callers.
_CALLED = ("torch/library.py", "torch/_library/", "torch/_custom_op/")
#: Suffixes of files that libraries are compiled from.
_COMPILED = (".cpp", ".cc", ".cxx", ".c", ".cu", ".h", ".hpp", ".cuh", ".mm")
_MAPS = Path("/proc/self/maps")
#: Folders of the system's libraries.
_SYSTEM = ("/usr/lib", "/lib", "/usr/local/lib", "/opt", sys.base_prefix)


@dataclass(frozen=True, slots=True)
class Registered:
    """The names of torch's ops, and the libraries that are mapped, at one moment."""

    #: As torch's dispatcher has them.
    names: frozenset[str]
    #: Their paths.
    libraries: frozenset[str]

    @classmethod
    def now(cls) -> Registered:
        """The registered ops and mapped libraries of this process."""
        return cls(frozenset(torch._C._dispatch_get_all_op_names()), frozenset(_libraries()))


def by_versions(before: Registered, after: Registered, trees: Trees) -> list[str]:
    """Ops that versions registered in between, under names without a hash of their source."""
    libraries = after.libraries - before.libraries
    is_compiled_in = any(not _is_shared(Path(library), trees) for library in libraries)
    return sorted(
        name
        for name in after.names - before.names
        if not _CONTENT_NAMED.search(name) and _is_versions(name, trees, is_compiled_in)
    )


def _is_versions(name: str, trees: Trees, is_compiled_in: bool) -> bool:
    """Whether a version registered an op, as far as that can be known; else it may have.

    is_compiled_in: whether libraries were loaded in between that may be a version's.
    """
    place = _place_of(name)
    if not place or any(part in place.as_posix() for part in _CALLED):
        return True
    if place.suffix in _COMPILED:
        # The name of a source file where a library was compiled.
        return is_compiled_in
    return not _is_shared(place, trees)


def _place_of(name: str) -> Path | None:
    """The file that registered an op, or that called for it."""
    declared = OPDEFS.get(name) or OPDEFS.get(name.partition(".")[0])
    if declared is not None:
        return Path(declared._init_fn.__code__.co_filename)
    place = _PLACE.search(torch._C._dispatch_dump(name))
    return Path(place[1]) if place else None


def _is_shared(place: Path, trees: Trees) -> bool:
    """Whether a file belongs to an installed package or the system, and to no version."""
    if trees.of(str(place)) is not None:
        return False
    return is_installed(place) or place.as_posix().startswith(_SYSTEM)


def _libraries() -> Iterator[str]:
    """The shared libraries that are mapped into this process, as paths."""
    if not _MAPS.exists():
        # What was loaded can't be known: a name of its own for every call.
        yield f"unknown {len(sys.modules)}"
        return
    for line in _MAPS.read_text(encoding="utf-8", errors="replace").splitlines():
        path = line.partition("/")[2]
        if ".so" in path or ".dylib" in path:
            yield f"/{path}"
