"""Situations: what is chosen for at once, and the measured rows that the choice rests on.

A situation is all of a case but its sizes. A row is one shape of it: how long each contender took
for a call, by ratios within the rounds of one race; and the same on either half of the rounds, so
that the best can be named on one half and priced on the other.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from opbench.results.ranking.leaderboard import samples_of
from opbench.results.ranking.verdicts import Samples, best_of, standings
from opbench.results.records import Case, Direction, Measured, Record, Rules
from opbench.results.records.case import AxisValue
from opbench.results.statistics.interval import Interval
from opbench.results.statistics.intervals import median, paired_log_ratios


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Situation:
    """All of a case but its sizes: one rule is chosen for each."""

    op: str
    dtype: str
    device: str
    direction: Direction
    #: The input kind.
    inputs: str
    threads: int
    layout: str
    cache: str
    board: str
    #: The axes that are no numbers, with their values.
    fixed: tuple[tuple[str, AxisValue], ...] = ()

    @property
    def label(self) -> str:
        """Short name for people: what differs from case to case, "text float32 forward t2"."""
        defaults = {"device": "cpu", "layout": "contiguous", "cache": "warm", "board": "compute"}
        others = [getattr(self, name) for name in defaults if getattr(self, name) != defaults[name]]
        fixed = [f"{axis}={value}" for axis, value in self.fixed]
        parts = (self.inputs, self.dtype, self.direction, f"t{self.threads}", *others, *fixed)
        return " ".join(parts)


def situation_of(case: Case) -> Situation:
    """The situation that a case belongs to."""
    return Situation(
        op=case.op,
        dtype=case.dtype,
        device=case.device,
        direction=case.direction,
        inputs=case.inputs,
        threads=case.threads,
        layout=case.layout,
        cache=case.cache,
        board=case.board,
        fixed=tuple((axis, value) for axis, value in case.axes if not is_size(value)),
    )


def is_size(value: AxisValue) -> bool:
    """Whether the value of an axis is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """How long a contender takes on a shape."""

    #: Seconds per call: the best's median, times its ratio to the best.
    time_s: float
    #: To the best of its race.
    ratio: Interval
    #: Logarithms of the ratio to the best, on the even and on the odd rounds.
    halves: tuple[float, float]
    #: The most memory that a call held at once; None where it was not measured.
    peak_bytes: int | None = None
    #: Whether it wasn't raced there, and follows from its times on other shapes.
    is_implied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A measured shape of a situation."""

    #: The name of the shape.
    shape: str
    #: Its sizes, by axis.
    axes: Mapping[str, float]
    #: Of each contender that was timed.
    times: Mapping[str, Time]

    def distance(self, axes: Mapping[str, float]) -> float:
        """How far it is from some sizes: the sum of the squares of what their logarithms differ."""
        logs = (math.log(max(self.axes[a], 0.5) / max(size, 0.5)) for a, size in axes.items())
        return sum(log**2 for log in logs)

    def loss(self, contender: str, among: Iterable[str]) -> float:
        """The log of its time over the least, as far as both halves show it; 0 within 1%."""
        best, own = min((self.times[n] for n in among), key=_seconds), self.times[contender]
        halves = (mine - least for mine, least in zip(own.halves, best.halves, strict=True))
        loss = min(math.log(own.time_s / best.time_s), *halves)
        return 0.0 if loss <= math.log1p(_TIE) else loss

    def price(self, contender: str, among: Iterable[str]) -> float:
        """The log of its time over the oracle's, which is named on rounds that don't price it.

        The mean of both ways to halve; it may be below 0, as the oracle may have been lucky.
        """
        names, total = tuple(among), 0.0
        for half, other in ((0, 1), (1, 0)):
            oracle = min(names, key=lambda name: self.times[name].halves[half])
            total += self.times[contender].halves[other] - self.times[oracle].halves[other]
        return 0.0 if abs(total / 2) <= math.log1p(_TIE) else total / 2


#: As a race has it by default, contenders closer than this are equal.
_TIE = 0.01


def _seconds(time: Time) -> float:
    """What times are ordered by."""
    return time.time_s


def row_of(case: Case, records: Iterable[Record]) -> Row | None:
    """The row of a case, from one race; None where no contender was timed."""
    timed = {r.contender: r.outcome for r in records if isinstance(r.outcome, Measured)}
    if not timed:
        return None
    race = {name: samples_of(outcome, name) for name, outcome in timed.items()}
    best, ranks = best_of(race), standings(race, Rules())
    base_s = median(timed[best].samples_s)
    times = {}
    for name, outcome in timed.items():
        ratio = ranks[name].ratio
        if math.isnan(ratio.value):  # timed by itself: the rounds have nothing in common
            ratio = Interval(median(outcome.samples_s) / base_s, 0.0, math.inf)
        times[name] = Time(
            time_s=base_s * ratio.value,
            ratio=ratio,
            halves=_halves(race[name], race[best], math.log(ratio.value)),
            peak_bytes=outcome.peak_bytes,
        )
    axes = {axis: float(value) for axis, value in case.axes if is_size(value)}
    return Row(shape=case.shape, axes=axes, times=times)


def _halves(own: Samples, best: Samples, whole: float) -> tuple[float, float]:
    """The log ratio on the even and on the odd rounds; on all where a half has none."""
    found = []
    for half in (0, 1):
        shared = {k: v for k, v in own.items() if k in best and _round(k) % 2 == half}
        found.append(median(paired_log_ratios(shared, best)) if shared else whole)
    return found[0], found[1]


def _round(key: Hashable) -> int:
    """The number of a round; keys are that, or a process and that."""
    number = key[1] if isinstance(key, tuple) else key
    return number if isinstance(number, int) else 0


def merged(newer: Row, older: Row) -> Row:
    """A row of two races: those that only the older one has, through those that both have.

    A new contender need not be timed beside everybody, the best alone will do. Without any in
    common the older race counts for nothing.
    """
    shared = [name for name in newer.times if name in older.times]
    if not shared:
        return newer
    logs = [math.log(newer.times[n].time_s / older.times[n].time_s) for n in shared]
    factor = math.exp(median(logs))
    best_s = min(time.time_s for time in newer.times.values())
    best = min(newer.times, key=lambda name: newer.times[name].time_s)
    times = dict(newer.times)
    for name, time in older.times.items():
        if name not in times:
            time_s = time.time_s * factor
            log, scale = math.log(time_s / best_s), time_s / best_s / time.ratio.value
            ratio = Interval(time_s / best_s, time.ratio.low * scale, time.ratio.high * scale)
            drift = log - sum(time.halves) / 2 + sum(newer.times[best].halves) / 2
            halves = (time.halves[0] + drift, time.halves[1] + drift)
            times[name] = Time(
                time_s=time_s, ratio=ratio, halves=halves, peak_bytes=time.peak_bytes
            )
    return Row(shape=newer.shape, axes=newer.axes, times=times)
