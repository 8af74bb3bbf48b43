"""The formats that a run can be exported to, one module each, imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, cast

from opbench.results.errors import RunFolderError
from opbench.results.records.output_paths import ensure_apart_from_runs


class Export(Protocol):
    """Writes the run at `run` to the file `target`; by: a row per "job" or per "sample"."""

    def __call__(self, run: str | Path, target: Path, *, by: str = "job") -> None: ...


def _lazy(name: str) -> Export:
    def export(run: str | Path, target: Path, *, by: str = "job") -> None:
        module: Any = importlib.import_module(f"opbench.results.formats.{name}")
        _write(cast("Export", module.export), run, target, by=by)

    return export


def _write(export: Export, run: str | Path, target: Path, *, by: str) -> None:
    """Call `export`.

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
        export(run, target, by=by)
    except OSError as error:
        raise RunFolderError(
            f"{target} cannot be written: {error.strerror or error}; name another file"
        ) from error


_NAMES = ("csv", "json", "markdown", "parquet", "pytest-benchmark", "winners")
#: Name of the format to what writes it.
FORMATS: Mapping[str, Export] = MappingProxyType(
    {name: _lazy(name.replace("-", "_")) for name in _NAMES}
)
