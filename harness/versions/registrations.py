"""Who registered an op with torch: code of a project, or torch and what else is installed.

An installed package registers its ops once for the process, whoever imports it first: that is no
version's doing. What a version registers itself the other version would have to register again.
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

#: A namespace of ops that ends in a hash of their source: who has the same name is the same.
_CONTENT_NAMED = re.compile(r"[0-9a-f]{8,}::")
#: How torch tells where an op was registered.
_PLACE = re.compile(r"^debug: registered at (.*):\d+$", re.MULTILINE)
#: Those of torch's files that register in the name of who calls them.
_CALLED = ("torch/library.py", "torch/_library/", "torch/_custom_op/")
#: Of files that libraries are compiled from.
_COMPILED = (".cpp", ".cc", ".cxx", ".c", ".cu", ".h", ".hpp", ".cuh", ".mm")
_MAPS = Path("/proc/self/maps")
#: Where libraries of the system lie.
_SYSTEM = ("/usr/lib", "/lib", "/usr/local/lib", "/opt", sys.base_prefix)


@dataclass(frozen=True, slots=True)
class Registered:
    """The names of torch's ops, and the libraries that are mapped, at one moment."""

    names: frozenset[str]
    libraries: frozenset[str]

    @classmethod
    def now(cls) -> Registered:
        """Those of this process."""
        return cls(frozenset(torch._C._dispatch_get_all_op_names()), frozenset(_libraries()))


def by_versions(before: Registered, after: Registered, trees: Trees) -> list[str]:
    """Ops that versions registered meanwhile under names that say nothing of the ops' source."""
    libraries = after.libraries - before.libraries
    is_compiled_in = any(not _is_shared(Path(library), trees) for library in libraries)
    return sorted(
        name
        for name in after.names - before.names
        if not _CONTENT_NAMED.search(name) and _is_versions(name, trees, is_compiled_in)
    )


def _is_versions(name: str, trees: Trees, is_compiled_in: bool) -> bool:
    """Whether a version registered an op. Where nobody can tell, it may have.

    is_compiled_in: whether libraries were loaded meanwhile that may be a version's.
    """
    place = _place_of(name)
    if not place or any(part in place.as_posix() for part in _CALLED):
        return True
    if place.suffix in _COMPILED:
        # The name of a source file where a library was compiled.
        return is_compiled_in
    return not _is_shared(place, trees)


def _place_of(name: str) -> Path | None:
    """The file that registered an op, or where it was called to do so."""
    declared = OPDEFS.get(name) or OPDEFS.get(name.partition(".")[0])
    if declared is not None:
        return Path(declared._init_fn.__code__.co_filename)
    found = _PLACE.search(torch._C._dispatch_dump(name))
    return Path(found[1]) if found else None


def _is_shared(place: Path, trees: Trees) -> bool:
    if trees.of(str(place)) is not None:
        return False
    return is_installed(place) or place.as_posix().startswith(_SYSTEM)


def _libraries() -> Iterator[str]:
    if not _MAPS.exists():
        # Nobody knows then what was loaded: a name of its own for every look.
        yield f"unknown {len(sys.modules)}"
        return
    for line in _MAPS.read_text(encoding="utf-8", errors="replace").splitlines():
        path = line.partition("/")[2]
        if ".so" in path or ".dylib" in path:
            yield f"/{path}"
