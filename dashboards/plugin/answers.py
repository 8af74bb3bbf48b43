"""Answers of the plugin: a module for each kind of data, imported when it is first asked for.

An answer is made again only when a run has changed, and is kept as it is sent.
"""

from __future__ import annotations

import gzip
import importlib
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.routes import MODULES

#: What is asked for: the values of each parameter.
Query = Mapping[str, list[str]]
#: So many answers are kept.
_MOST_KEPT = 32


class Module(Protocol):
    """A module of `opbench.dashboards.plugin.data`."""

    def answer(self, log: LogFolder, query: Query) -> dict[str, Any]:
        """What JSON can hold: infinite and unknown numbers are None.

        Raises OpbenchError where something is asked for that isn't there.
        """


@dataclass(slots=True)
class Answers:
    """The answers about a log directory; those given last are kept."""

    log: LogFolder
    _kept: OrderedDict[object, bytes] = field(default_factory=OrderedDict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    #: Held while an answer is made, by route: many pages that ask for the same would all compute
    #: it, and the list of runs doesn't wait for a leaderboard.
    _making: Mapping[str, threading.Lock] = field(
        default_factory=lambda: {route: threading.Lock() for route in MODULES}, init=False
    )

    def of(self, route: str, query: Query) -> bytes:
        """The answer to a query, as compressed JSON. Raises OpbenchError where there is none."""
        parameters = tuple((name, tuple(values)) for name, values in sorted(query.items()))
        key = (route, parameters, self.log.listing().stamp)
        with self._making[route]:
            answer = self._kept.get(key)
            if answer is None:
                answer = _answer(route, self.log, query)
            self._keep(key, answer)
            return answer

    def _keep(self, key: object, answer: bytes) -> None:
        """Keep an answer as the one that was given last."""
        with self._lock:
            self._kept[key] = answer
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)


def finite(value: float | None, *, digits: int = 5) -> float | None:
    """A number with so many significant digits; None where it is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits - 1}e}")


def _answer(route: str, log: LogFolder, query: Query) -> bytes:
    """Make an answer."""
    module: Module = importlib.import_module(f"{__package__}.data.{MODULES[route]}")
    text = json.dumps(module.answer(log, query), allow_nan=False, separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=5, mtime=0)
