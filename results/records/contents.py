"""What a run must hold before anything is made of it: a file without rows is no result."""

from __future__ import annotations

from opbench.results.errors import NothingRecordedError
from opbench.results.records.machine import Ceilings
from opbench.results.records.outcome import Started
from opbench.results.records.run_folder import RunFolder


def ensure_recorded(folder: RunFolder) -> None:
    """Raise NothingRecordedError where a run holds nothing but what was begun, or its machine."""
    begun = False
    for line in folder.lines():
        if not isinstance(line, Started | Ceilings):
            return
        begun = begun or isinstance(line, Started)
    if begun:
        raise NothingRecordedError(
            f"nothing was finished in {folder.path}: it was cut off, or is being written"
        )
    raise NothingRecordedError(f"nothing was recorded in {folder.path}")
