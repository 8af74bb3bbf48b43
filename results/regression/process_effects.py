"""The times of contenders in a run, process by process, without the effects on a whole race."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from opbench.results.records import Case, Measured, Record
from opbench.results.statistics.intervals import median, paired_log_ratios

#: A contender on a case.
Key = tuple[Case, str]
#: The fewest others that show an effect on the whole race: any one of them may have changed.
MIN_OTHERS = 3


@dataclass(frozen=True, slots=True)
class ProcessEstimates:
    """The time of a contender on a case, estimated for each process."""

    #: The logarithm of its seconds per call in each process.
    logs: tuple[float, ...]
    #: Hash of its source.
    fingerprint: str
    #: Whether it was timed in rounds, as in a race, and not by itself.
    raced: bool

    @property
    def log(self) -> float:
        """The mean over processes."""
        return math.fsum(self.logs) / len(self.logs)


def process_estimates(records: Iterable[Record]) -> dict[Key, ProcessEstimates]:
    """The estimates of each contender and case that was timed.

    A process that was slow for all contenders of a race is no spread of any one of them: its common
    part is taken out where there are enough contenders.
    """
    races: dict[Case, list[Record]] = {}
    for record in records:
        races.setdefault(record.case, []).append(record)
    return {
        (case, name): estimates
        for case, group in races.items()
        for name, estimates in _of_race(group).items()
    }


def _of_race(group: Iterable[Record]) -> dict[str, ProcessEstimates]:
    """The estimates of one case, by contender."""
    estimates: dict[str, ProcessEstimates] = {}
    processes: dict[int, dict[str, dict[int, float]]] = {}
    for record in group:
        measured = record.outcome
        if not isinstance(measured, Measured):
            continue
        raced = bool(measured.rounds)
        estimates[record.contender] = ProcessEstimates((), record.fingerprint, raced)
        for unit, samples in _by_process(measured).items():
            processes.setdefault(unit, {})[record.contender] = samples
    logs: dict[str, dict[int, float]] = {}
    for unit, race in processes.items():
        for name, value in _logs(race, estimates).items():
            logs.setdefault(name, {})[unit] = value
    return {n: replace(e, logs=_without_common(n, logs)) for n, e in estimates.items()}


def _by_process(measured: Measured) -> dict[int, dict[int, float]]:
    """Seconds by process and round; by the number of the sample where there were no rounds."""
    count = len(measured.samples_s)
    units, rounds = measured.units or (0,) * count, measured.rounds or tuple(range(count))
    processes: dict[int, dict[int, float]] = {}
    for unit, number, time_s in zip(units, rounds, measured.samples_s, strict=True):
        processes.setdefault(unit, {})[number] = time_s
    return processes


def _logs(
    race: Mapping[str, Mapping[int, float]], estimates: Mapping[str, ProcessEstimates]
) -> dict[str, float]:
    """Log seconds in one process, over the rounds of the contender that has most of them.

    A contender that left the race early was timed in its first rounds only, when the machine may
    have been quicker or slower than later on.
    """
    logs = {name: math.log(median(list(samples.values()))) for name, samples in race.items()}
    raced = [name for name in race if estimates[name].raced]
    if not raced:
        return logs
    longest = max(raced, key=lambda name: len(race[name]))
    for name in raced:
        ratios = paired_log_ratios(race[name], race[longest])
        if ratios.size:
            logs[name] = logs[longest] + median(ratios)
    return logs


def _without_common(name: str, logs: Mapping[str, Mapping[int, float]]) -> tuple[float, ...]:
    """A contender's processes, each without what made it quick or slow for the others too."""
    means = {n: math.fsum(values.values()) / len(values) for n, values in logs.items()}
    own = []
    for unit, value in logs[name].items():
        others = [
            values[unit] - means[n] for n, values in logs.items() if n != name and unit in values
        ]
        own.append(value - (median(others) if len(others) >= MIN_OTHERS else 0.0))
    return tuple(own)
