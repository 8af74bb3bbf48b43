"""The machine's own change between two runs, from contenders that didn't change.

It is estimated from the others of a contender's own race where there are enough, which were timed
in the same minutes in both runs; else from the other cases, and the machine's anchors. How far
these scatter is how far the machine alone may move a contender.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from opbench.results.records import Case
from opbench.results.regression.process_effects import MIN_OTHERS, Key, ProcessEstimates
from opbench.results.statistics.intervals import median

#: The scatter of unchanged contenders is what this share of them stays below.
WITHIN = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The changes between two runs, as differences of log seconds."""

    base: Mapping[Key, ProcessEstimates]
    head: Mapping[Key, ProcessEstimates]
    #: Of every contender and case that both runs timed, anchors too.
    change: Mapping[Key, float]
    #: By case, of the contenders whose source is the same and that were raced in both runs.
    raced: Mapping[Case, Mapping[str, float]]
    #: How far each of these is from the others of its case, where they are enough.
    strays: Mapping[Key, float]
    #: Of each case, the median over the contenders whose source is the same.
    drifts: Mapping[Case, float]


@dataclass(frozen=True, slots=True)
class Drift:
    """The machine's own change for a contender: about `log`, give or take `scatter`."""

    log: float
    scatter: float
    #: How many it was estimated from.
    others: int
    #: Whether these are of the contender's own race.
    of_race: bool


def _strays(raced: Mapping[Case, Mapping[str, float]]) -> Iterator[tuple[Key, float]]:
    """How far each contender's change lies from the median of the others of its race."""
    for case, race in raced.items():
        for name, value in race.items():
            if len(others := _others(race, name)) >= MIN_OTHERS:
                yield (case, name), abs(value - median(others))


def changes_of(
    base: Mapping[Key, ProcessEstimates], head: Mapping[Key, ProcessEstimates]
) -> Changes:
    """The changes from the estimates of one run to those of another.

    A contender whose source changed counts in `change` alone: the machine isn't judged by it.
    """
    change = {key: head[key].log - base[key].log for key in base if key in head}
    unchanged: dict[Case, dict[str, float]] = {}
    raced: dict[Case, dict[str, float]] = {}
    for (case, name), value in change.items():
        old, new = base[case, name], head[case, name]
        if old.fingerprint == new.fingerprint:
            unchanged.setdefault(case, {})[name] = value
            if old.raced and new.raced:
                raced.setdefault(case, {})[name] = value
    strays = dict(_strays(raced))
    drifts = {case: median(list(race.values())) for case, race in unchanged.items()}
    return Changes(base=base, head=head, change=change, raced=raced, strays=strays, drifts=drifts)


def drift_of(key: Key, changes: Changes) -> Drift:
    """The machine's own change for a contender on a case.

    key: of a contender that both runs timed. With fewer than MIN_OTHERS to estimate it from, the
    scatter is infinite, and nothing can be shown of the contender.
    """
    case, name = key
    near = _others(changes.raced.get(case, {}), name)
    if changes.base[key].raced and changes.head[key].raced and len(near) >= MIN_OTHERS:
        log = median(near)
        far = [stray for other, stray in changes.strays.items() if other != key]
        scatter = max(_scatter([abs(value - log) for value in near]), _scatter(far))
        return Drift(log, scatter, len(near), of_race=True)
    cases = [v for c, v in changes.drifts.items() if c != case and c.device == case.device]
    log = median(cases) if cases else 0.0
    if len(cases) < MIN_OTHERS:
        return Drift(log, math.inf, len(cases), of_race=False)
    return Drift(log, _scatter([abs(v - log) for v in cases]), len(cases), of_race=False)


def _scatter(distances: Sequence[float]) -> float:
    """The quantile WITHIN of some distances; 0 of none."""
    return float(np.quantile(distances, WITHIN)) if distances else 0.0


def _others(race: Mapping[str, float], name: str) -> list[float]:
    """The changes of the other contenders of a race."""
    return [value for other, value in race.items() if other != name]
