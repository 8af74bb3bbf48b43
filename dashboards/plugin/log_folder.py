"""The runs below TensorBoard's log directory, each read when it is asked for."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from opbench.dashboards.plugin.read_run import ReadRun, RunReader
from opbench.dashboards.plugin.runs_below import Listing, RunPlace, RunStatus, runs_below
from opbench.results.errors import SelectionError

#: Seconds for which a listing is good.
_FRESH_S = 1.0


@dataclass(slots=True)
class _Known:
    """A run that was read: its reader, and the state of its files then."""

    reader: RunReader
    status: RunStatus
    run: ReadRun


@dataclass(slots=True)
class LogFolder:
    """A log directory, whose runs are read by several threads."""

    #: As TensorBoard was given it; "" where it wasn't.
    root: str
    _known: dict[str, _Known] = field(default_factory=dict, init=False)
    _listing: Listing = field(default=Listing((), ()), init=False)
    _listed_s: float = field(default=0.0, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def listing(self) -> Listing:
        """The runs that are there now, or were a second ago."""
        with self._lock:
            if not self._listed_s or time.monotonic() - self._listed_s >= _FRESH_S:
                self._listing = runs_below(self.root)
                self._listed_s = time.monotonic()
            return self._listing

    def run(self, run_id: str) -> ReadRun:
        """The run that pages name so. Raises SelectionError where there is none."""
        place = next((p for p in self.listing().places if p.id == run_id), None)
        if place is None:
            raise SelectionError(f"there is no run {run_id[:200]!r} in the log directory")
        return self._read(place)

    def runs(self) -> tuple[ReadRun, ...]:
        """All runs."""
        return tuple(self._read(place) for place in self.listing().places)

    def _read(self, place: RunPlace) -> ReadRun:
        """A run as its files are; what was read of them already isn't read again."""
        with self._lock:
            known = self._known.get(place.id)
            if known is not None and known.status == place.status:
                return known.run
            root = Path(os.path.realpath(self.root))
            reader = known.reader if known else RunReader(place.id, place.path, root)
            run = reader.read()
            self._known[place.id] = _Known(reader, place.status, run)
            return run
