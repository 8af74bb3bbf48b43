"""Facts of a machine that are cached between runs: a file for each machine.

Whatever is wrong with such a file, measuring again mends it.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from opbench.results.errors import OpbenchError, RunFolderError
from opbench.results.records import codec
from opbench.results.records.comparison import Calibration
from opbench.results.records.machine import Ceilings, Machine
from opbench.results.records.validation import is_sound

T = TypeVar("T", Ceilings, Calibration)


@dataclass(frozen=True, slots=True)
class MachineCache(Generic[T]):
    """The records of one kind, one for each machine.

    root: another folder for the files than the default below $XDG_CACHE_HOME or ~/.cache.
    """

    kind: type[T]
    #: The name of its folder.
    folder: str
    #: What a message calls a record.
    what: str

    def path_of(self, machine: Machine, *, root: str | Path | None = None) -> Path:
        """The file of a machine, whether it is there or not."""
        text = f"{machine.environment_key}-{machine.device}-t{machine.threads}"
        # Unlike names may make the same one.
        name = re.sub(r"[^\w.-]", "-", text)
        return (Path(root) if root else default_root() / self.folder) / f"{name}.json"

    def find(self, machine: Machine, *, root: str | Path | None = None) -> T | None:
        """The record of a machine; None where there is none that can be used.

        A file that is damaged, or of another machine whose name makes the same file name, counts as
        none.
        """
        try:
            record = codec.loads(self.path_of(machine, root=root).read_text(encoding="utf-8"))
        except (OSError, RunFolderError, ValueError):
            return None
        if not isinstance(record, self.kind) or not is_sound(record):
            return None
        return record if record.machine == machine else None

    def save(self, record: T, *, root: str | Path | None = None) -> None:
        """Cache a record in place of the earlier one.

        Raises OpbenchError where the folder can't be written.
        """
        path = self.path_of(record.machine, root=root)
        try:
            _write_whole(path, codec.dumps(record) + "\n")
        except OSError as error:
            raise OpbenchError(
                f"{self.what} cannot be kept in {path.parent}: {error.strerror}; set "
                "XDG_CACHE_HOME to a folder that can be written"
            ) from error


#: The best ceilings of each machine.
CEILINGS = MachineCache(Ceilings, "ceilings", "the ceilings")
#: The latest calibration of each machine.
CALIBRATIONS = MachineCache(Calibration, "calibrations", "the gate's calibration")


def default_root() -> Path:
    """The folder of all caches: below $XDG_CACHE_HOME or ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "opbench"


def _write_whole(path: Path, text: str) -> None:
    """Write a file that other processes see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own until it is whole: several processes may write at once.
    handle, name = tempfile.mkstemp(suffix=".json", prefix=".partial-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
