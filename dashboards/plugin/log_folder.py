"""The runs below TensorBoard's log directory, each read when it is asked for."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from opbench.dashboards.plugin.read_run import ReadRun, RunReader
from opbench.dashboards.plugin.run_summary import RunSummary, Summariser
from opbench.dashboards.plugin.runs_below import Listing, RunPlace, RunStatus, runs_below
from opbench.results.errors import SelectionError

#: Seconds for which a listing is good.
_FRESH_S = 1.0
#: Runs are kept in memory up to so many bytes of records; those used last stay.
_MOST_KEPT = 300_000_000


@dataclass(slots=True)
class _Known:
    """A run that was read: its reader, and the state of its files then."""

    reader: RunReader
    status: RunStatus
    run: ReadRun


@dataclass(slots=True)
class _Summarised:
    """A run that was summarised, and the state of its files then."""

    summariser: Summariser
    status: RunStatus
    summary: RunSummary


@dataclass(slots=True)
class LogFolder:
    """A log directory, whose runs are read by several threads."""

    #: As TensorBoard was given it; "" where it wasn't.
    logdir: str
    #: Finds the runs below a log directory.
    find: Callable[[str], Listing] = runs_below
    _known: OrderedDict[str, _Known] = field(default_factory=OrderedDict, init=False)
    _summarised: dict[str, _Summarised] = field(default_factory=dict, init=False)
    _listing: Listing = field(default=Listing((), ()), init=False)
    _listed_s: float = field(default=0.0, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)
    #: Held while a run is decoded, which takes long: the list of runs doesn't wait for it.
    _reading: threading.Lock = field(default_factory=threading.Lock, init=False)

    def listing(self) -> Listing:
        """The runs that are there now, or were a second ago."""
        with self._lock:
            if not self._listed_s or time.monotonic() - self._listed_s >= _FRESH_S:
                self._listing = self.find(self.logdir)
                self._listed_s = time.monotonic()
            return self._listing

    def summaries(self) -> tuple[RunSummary, ...]:
        """All runs, none of them decoded."""
        with self._lock:
            return tuple(self._summary(place) for place in self.listing().places)

    def run(self, run_id: str) -> ReadRun:
        """The run that pages name so. Raises SelectionError where there is none."""
        place = next((p for p in self.listing().places if p.id == run_id), None)
        if place is None:
            raise SelectionError(f"there is no run {run_id[:200]!r} in the log directory")
        with self._reading:
            return self._read(place)

    @property
    def _root(self) -> Path:
        """What no file may lead out of."""
        return Path(os.path.realpath(self.logdir))

    def _summary(self, place: RunPlace) -> RunSummary:
        """A run for the list, as its files are."""
        known = self._summarised.get(place.id)
        if known is None or known.status != place.status:
            maker = known.summariser if known else Summariser(place.id, place.path, self._root)
            known = _Summarised(maker, place.status, maker.summary())
            self._summarised[place.id] = known
        return known.summary

    def _read(self, place: RunPlace) -> ReadRun:
        """A run as its files are; what was read of them already isn't read again."""
        known = self._known.get(place.id)
        if known is None or known.status != place.status:
            reader = known.reader if known else RunReader(place.id, place.path, self._root)
            known = _Known(reader, place.status, reader.read())
            self._known[place.id] = known
        self._known.move_to_end(place.id)
        while (
            len(self._known) > 1 and sum(k.reader.size for k in self._known.values()) > _MOST_KEPT
        ):
            self._known.popitem(last=False)
        return known.run
