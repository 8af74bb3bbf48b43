"""Times that weren't measured, where knowing them would hardly change what is chosen.

A contender need not be raced on every shape to be chosen for some. On a shape that it lacks, its
time over the best's is taken from a surface through that ratio on shapes where both were raced. How
far that may be off is learnt from these shapes, each predicted without it, and grows with the
distance to the nearest of them. So there is what it is expected to cost not to know it better: next
to nothing where the contender is far behind, or far ahead. Where that is little over all shapes the
times are implied; else the contender has to be raced, first where not knowing costs most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from opbench.results.choosing.between import axes_logs, squares_apart
from opbench.results.choosing.rules import Array
from opbench.results.choosing.situations import Row, Time
from opbench.results.choosing.surfaces import left_out_errors, surface
from opbench.results.statistics.interval import Interval

#: The most that it may cost on average over all shapes not to know a contender's times on some.
MOST_LOST = 0.005
#: So many standard errors from where a contender would be as fast as the best, it surely isn't.
SURELY = 3.0
#: The least that the logarithm of a ratio is taken to vary, at a distance of 1: a surface fits a
#: few shapes by chance.
_LEAST_VARIANCE = 0.05**2
#: How many of the nearest shapes say how far a surface may be off.
_NEIGHBOURS = 2


def least_shapes(axes: Sequence[str]) -> int:
    """On how many shapes two contenders were raced, at least, before anything is implied."""
    return 2 * len(axes) + 2


def is_surely_slower(gap: float, error: float) -> bool:
    """Whether a contender is slower beyond doubt.

    gap: the logarithm of its time over the best's. error: the standard error of that.
    """
    return gap - SURELY * error > 0


def expected_loss(gaps: Array, errors: Array) -> Array:
    """What the best is expected to lose to one that seems so far behind it, as a logarithm.

    gaps: of the logarithms of both times, which are off by normal errors; of these the standard
    errors.
    """
    scores = gaps / np.maximum(errors, 1e-12)
    density = np.exp(-(scores**2) / 2) / math.sqrt(2 * math.pi)
    found: Array = np.maximum(errors * (density - scores * ndtr(-scores)), 0.0)
    return found


def completed(rows: Sequence[Row], axes: Sequence[str]) -> tuple[Row, ...]:
    """The rows, with the times of each contender whose times are implied where it lacks some.

    axes: that vary.
    """
    found = [dict(row.times) for row in rows]
    for name in dict.fromkeys(name for row in rows for name in row.times):
        guesses = _guesses(rows, axes, name)
        if _lost(guesses, len(rows)) <= MOST_LOST:
            for place, guess in guesses.items():
                assert guess is not None
                found[place][name] = guess.time
    return tuple(
        row if len(times) == len(row.times) else replace(row, times=times)
        for row, times in zip(rows, found, strict=True)
    )


def places_to_race(rows: Sequence[Row], axes: Sequence[str], name: str) -> list[int]:
    """The places of rows where a contender has to be raced; none where its times are implied.

    Those come first where not knowing costs most.
    """
    guesses = _guesses(rows, axes, name)
    if _lost(guesses, len(rows)) <= MOST_LOST:
        return []
    return sorted(guesses, key=lambda place: -_cost(guesses[place]))


@dataclass(frozen=True, slots=True)
class _Guess:
    """What is implied of a contender on a shape."""

    time: Time
    #: What it is expected to cost not to know it better, as a logarithm.
    cost: float


def _lost(guesses: Mapping[int, _Guess | None], rows: int) -> float:
    """What it costs on average over so many rows not to know those that are guessed."""
    return sum(_cost(guess) for guess in guesses.values()) / max(rows, 1)


def _cost(guess: _Guess | None) -> float:
    return math.inf if guess is None else guess.cost


def _guesses(rows: Sequence[Row], axes: Sequence[str], name: str) -> dict[int, _Guess | None]:
    """By place of a row that lacks the contender, what is implied there; None for nothing."""
    ratios: dict[str, _Ratio | None] = {}
    found: dict[int, _Guess | None] = {}
    for place, row in enumerate(rows):
        if name not in row.times:
            best = min(row.times, key=lambda other, row=row: row.times[other].time_s)  # type: ignore[misc]
            if best not in ratios:
                ratios[best] = _ratio(rows, axes, name, best)
            ratio = ratios[best]
            found[place] = None if ratio is None else ratio.guess(row)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Ratio:
    """The time of a contender over another's, as far as shapes tell where both were raced."""

    best: str
    axes: tuple[str, ...]
    #: Of the shapes where both were raced.
    logs: Array
    #: The logarithm of the ratio at points.
    at: Callable[[Array], Array]
    #: The square of what each of them is off without it, over the distance to the nearest other.
    squares: Array

    def guess(self, row: Row) -> _Guess:
        """What follows for a shape."""
        point = axes_logs([row], self.axes)
        gap = float(self.at(point)[0, 0])
        apart = squares_apart(point, self.logs)[0]
        # Where it bends, the surface is off by more than elsewhere.
        near = self.squares[np.argsort(apart)[:_NEIGHBOURS]].max()
        variance = max(float(self.squares.mean()), float(near), _LEAST_VARIANCE)
        error = math.sqrt(variance * max(math.sqrt(apart.min()), 1e-6))
        best = row.times[self.best]
        ends = (math.exp(gap - SURELY * error), math.exp(gap + SURELY * error))
        time = Time(
            time_s=best.time_s * math.exp(gap),
            ratio=Interval(math.exp(gap), *ends),
            # The halves of a race differ as the time is unsure: so what is implied is known to be.
            halves=(best.halves[0] + gap + error, best.halves[1] + gap - error),
            is_implied=True,
        )
        return _Guess(time, float(expected_loss(np.array(abs(gap)), np.array(error))))


def _ratio(rows: Sequence[Row], axes: Sequence[str], name: str, best: str) -> _Ratio | None:
    """The ratio of two contenders; None where they were raced on too few shapes."""
    both = [row for row in rows if name in row.times and best in row.times]
    if len(both) < least_shapes(axes):
        return None
    logs = axes_logs(both, axes)
    ratios = np.array([math.log(r.times[name].time_s / r.times[best].time_s) for r in both])
    off = left_out_errors(logs, ratios)
    apart = squares_apart(logs, logs)
    np.fill_diagonal(apart, math.inf)
    distances = np.sqrt(np.maximum(apart.min(1), 1e-12))
    return _Ratio(
        best, tuple(axes), logs, surface(logs, ratios[:, None]), np.asarray(off**2 / distances)
    )
