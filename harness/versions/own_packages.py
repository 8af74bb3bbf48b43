"""opbench's own packages, found beside this one, whatever else goes by their names."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

#: The harness: every version is measured by the same.
PINNED = ("harness", "results", "dashboards")
#: What it brings along: to a project of others it is as installed, to opbench itself its own.
BUILT_IN = ("impls", "suites")


def pin(names: Iterable[str] = PINNED) -> None:
    """Import these packages of opbench, so that imports find no other ones by their names."""
    for name in names:
        if name in sys.modules:
            continue
        folder = Path(__file__).resolve().parent.parent / name
        spec = spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = module_from_spec(spec)
        spec.loader.exec_module(module)


def release(names: Iterable[str]) -> None:
    """Let imports find other packages by these names again."""
    given = tuple(names)
    for name in [name for name in sys.modules if name.partition(".")[0] in given]:
        del sys.modules[name]
