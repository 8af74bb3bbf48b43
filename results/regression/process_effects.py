"""How long contenders took in a run, process by process, apart from what hit their whole race."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from opbench.results.records import Case, Measured, Record
from opbench.results.statistics.intervals import median, paired_log_ratios

#: A contender on a case.
Key = tuple[Case, str]
#: So many others of a race tell what was the race's: any one of them may have changed.
MIN_OTHERS = 3


@dataclass(frozen=True, slots=True)
class Level:
    """What a contender took on a case.

    logs: the logarithm of its seconds per call, of each process. beside: whether it was timed in
    the same rounds as others; what another program measured was not.
    """

    logs: tuple[float, ...]
    fingerprint: str
    beside: bool

    @property
    def log(self) -> float:
        """The mean over processes."""
        return math.fsum(self.logs) / len(self.logs)


def levels(records: Iterable[Record]) -> dict[Key, Level]:
    """The level of each contender and case that was timed."""
    races: dict[Case, list[Record]] = {}
    for record in records:
        races.setdefault(record.case, []).append(record)
    return {
        (case, name): level for case, group in races.items() for name, level in _race(group).items()
    }


def _race(group: Iterable[Record]) -> dict[str, Level]:
    found: dict[str, Level] = {}
    processes: dict[int, dict[str, dict[int, float]]] = {}
    for record in group:
        measured = record.outcome
        if not isinstance(measured, Measured):
            continue
        found[record.contender] = Level((), record.fingerprint, bool(measured.rounds))
        for unit, samples in _by_process(measured).items():
            processes.setdefault(unit, {})[record.contender] = samples
    logs: dict[str, dict[int, float]] = {}
    for unit, race in processes.items():
        for name, value in _logs(race, found).items():
            logs.setdefault(name, {})[unit] = value
    return {n: replace(level, logs=_apart(n, logs)) for n, level in found.items()}


def _by_process(measured: Measured) -> dict[int, dict[int, float]]:
    """Seconds by process and round; by the number of the sample where there were no rounds."""
    count = len(measured.samples_s)
    units, rounds = measured.units or (0,) * count, measured.rounds or tuple(range(count))
    found: dict[int, dict[int, float]] = {}
    for unit, number, time_s in zip(units, rounds, measured.samples_s, strict=True):
        found.setdefault(unit, {})[number] = time_s
    return found


def _logs(race: Mapping[str, Mapping[int, float]], known: Mapping[str, Level]) -> dict[str, float]:
    """Log seconds in one process, over the rounds of the contender that has most of them.

    Who left the race early was timed in its first rounds only, when the machine may have been
    quicker or slower than later on.
    """
    found = {name: math.log(median(list(samples.values()))) for name, samples in race.items()}
    beside = [name for name in race if known[name].beside]
    if not beside:
        return found
    longest = max(beside, key=lambda name: len(race[name]))
    for name in beside:
        ratios = paired_log_ratios(race[name], race[longest])
        if ratios.size:
            found[name] = found[longest] + median(ratios)
    return found


def _apart(name: str, logs: Mapping[str, Mapping[int, float]]) -> tuple[float, ...]:
    """A contender's processes, each without what made it quick or slow for the others too."""
    means = {n: math.fsum(found.values()) / len(found) for n, found in logs.items()}
    apart = []
    for unit, value in logs[name].items():
        others = [
            found[unit] - means[n] for n, found in logs.items() if n != name and unit in found
        ]
        apart.append(value - (median(others) if len(others) >= MIN_OTHERS else 0.0))
    return tuple(apart)
