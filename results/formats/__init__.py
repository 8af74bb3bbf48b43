"""The formats that a run can be exported to, one module each, imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from opbench.results.records.output_paths import output_file

#: The formats that are a table: a row per job or per sample. The others always hold all of a run.
TABLES = ("csv", "json", "parquet")
_NAMES = (*TABLES, "markdown", "pytest-benchmark", "winners")


class Export(Protocol):
    """Writes the run at `run` to the file `target`.

    by: in a format that is a table, a row per "job" or per "sample"; the others ignore it.
    """

    def __call__(self, run: str | Path, target: Path, *, by: str = "job") -> None: ...


def _lazy(name: str) -> Export:
    """An export that imports its module when it is called."""

    def export(run: str | Path, target: Path, *, by: str = "job") -> None:
        module: Any = importlib.import_module(f"opbench.results.formats.{name.replace('-', '_')}")
        options = {"by": by} if name in TABLES else {}
        with output_file(target):
            module.export(run, target, **options)

    return export


#: The exports by the names of their formats.
FORMATS: Mapping[str, Export] = MappingProxyType({name: _lazy(name) for name in sorted(_NAMES)})
