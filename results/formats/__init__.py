"""The formats that a run can be exported to, one module each, imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from opbench.results.errors import RunFolderError
from opbench.results.records.output_paths import ensure_apart_from_runs

#: The formats that are a table: a row per job or per sample. The others always hold all of a run.
_TABLES = ("csv", "json", "parquet")
_NAMES = (*_TABLES, "markdown", "pytest-benchmark", "winners")


class Export(Protocol):
    """Writes the run at `run` to the file `target`.

    by: in a format that is a table, a row per "job" or per "sample"; the others ignore it.
    """

    def __call__(self, run: str | Path, target: Path, *, by: str = "job") -> None: ...


def _lazy(name: str) -> Export:
    """An export that imports its module when it is called."""

    def export(run: str | Path, target: Path, *, by: str = "job") -> None:
        module: Any = importlib.import_module(f"opbench.results.formats.{name.replace('-', '_')}")
        options = {"by": by} if name in _TABLES else {}
        _write(partial(module.export, run, target, **options), target)

    return export


def _write(export: Callable[[], None], target: Path) -> None:
    """Call `export`, which writes `target`.

    Raises RunFolderError, saying what to do, where `target` can't be written or is a run's file.
    """
    try:
        if target.is_dir():
            raise RunFolderError(f"{target} is a folder; name a file in it")
        if not target.parent.is_dir():
            raise RunFolderError(
                f"there is no folder {target.parent}; make it, or name another file"
            )
        ensure_apart_from_runs(target)
        export()
    except OSError as error:
        raise RunFolderError(
            f"{target} cannot be written: {error.strerror or error}; name another file"
        ) from error


#: The exports by the names of their formats.
FORMATS: Mapping[str, Export] = MappingProxyType({name: _lazy(name) for name in sorted(_NAMES)})
