"""A run in the list of runs: its head, and how many lines of each kind it has.

Lines are counted by how they begin, and are not decoded: a log directory may hold hundreds of
runs of which one is looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from opbench.dashboards.plugin.growing_file import GrowingFile
from opbench.dashboards.plugin.read_run import RECORDS_LIMIT, read_head
from opbench.results.errors import RunFolderError
from opbench.results.records import RunInfo

#: How every line begins that opbench writes.
_TYPE = re.compile(rb'\{"type":"(\w{1,40})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What the list of runs shows of a run."""

    #: Its path below the log directory.
    id: str
    head: RunInfo | None
    #: Its lines by the names of their classes.
    lines: Counter[str]
    #: What can't be read of it.
    faults: tuple[str, ...]


@dataclass(slots=True)
class Summariser:
    """Summarises a run again and again, each time counting only what was added."""

    id: str
    path: Path
    root: Path
    _records: GrowingFile = field(init=False)
    _lines: Counter[str] = field(default_factory=Counter, init=False)
    _strange: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._records = GrowingFile(self.path / "records.jsonl", self.root, RECORDS_LIMIT)

    def summary(self) -> RunSummary:
        """The run as it is now."""
        head, faults = read_head(self.path, self.root)
        try:
            self._count()
        except FileNotFoundError:
            self._lines, self._strange = Counter(), 0
        except RunFolderError as error:
            self._lines, self._strange = Counter(), 0
            faults = (*faults, str(error))
        if self._strange:
            faults = (*faults, f"lines of records.jsonl that are no records: {self._strange}")
        return RunSummary(id=self.id, head=head, lines=Counter(self._lines), faults=faults)

    def _count(self) -> None:
        """Count the lines that were added."""
        batch = self._records.read()
        if batch.anew:
            self._lines, self._strange = Counter(), 0
        for line in batch.lines:
            kind = _TYPE.match(line)
            if kind and line.endswith(b"}"):
                self._lines[kind[1].decode()] += 1
            else:
                self._strange += 1
