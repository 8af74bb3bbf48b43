"""Times that weren't measured: of contenders that by their other times are surely slower there.

A contender need not be raced on every shape to be chosen for some. Where by the shapes that it was
raced on it is slower than the best beyond doubt, its time there is implied: by the ratio of both on
shapes where both were raced, through which a surface goes. How far that may be off is learnt from
these shapes, each predicted without it, and grows with the distance to the nearest of them. Where
it might be the best nothing is implied, and it has to be raced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from opbench.results.choosing.between import axes_logs, squares_apart
from opbench.results.choosing.rules import Array
from opbench.results.choosing.situations import Row, Time
from opbench.results.choosing.surfaces import left_out_errors, surface
from opbench.results.statistics.interval import Interval

#: So many standard errors from where a contender would be as fast as the best, it surely isn't.
SURELY = 3.0
#: The least that the logarithm of a ratio is taken to vary, at a distance of 1: a surface fits a
#: few shapes by chance.
_LEAST_VARIANCE = 0.1**2


def least_shapes(axes: Sequence[str]) -> int:
    """On how many shapes two contenders were raced, at least, before anything is implied."""
    return 2 * len(axes) + 2


def is_surely_slower(gap: float, error: float) -> bool:
    """Whether a contender is slower beyond doubt.

    gap: the logarithm of its time over the best's. error: the standard error of that.
    """
    return gap - SURELY * error > 0


def completed(rows: Sequence[Row], axes: Sequence[str]) -> tuple[Row, ...]:
    """The rows, with the times that are implied in those that lack some. axes: that vary."""
    names = dict.fromkeys(name for row in rows for name in row.times)
    if all(len(row.times) == len(names) for row in rows):
        return tuple(rows)
    ratios: dict[tuple[str, str], Ratio | None] = {}
    found = []
    for row in rows:
        best = min(row.times, key=lambda name, row=row: row.times[name].time_s)  # type: ignore[misc]
        times = dict(row.times)
        for name in names:
            if name in times:
                continue
            if (name, best) not in ratios:
                ratios[name, best] = _ratio(rows, axes, name, best)
            if (ratio := ratios[name, best]) and (time := ratio.implied(row)):
                times[name] = time
        found.append(replace(row, times=times))
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """The time of a contender over another's, as far as shapes tell where both were raced."""

    best: str
    axes: tuple[str, ...]
    #: Of the shapes, and of the ratios on them.
    logs: Array
    ratios: Array
    #: At a distance of 1.
    variance: float

    def implied(self, row: Row) -> Time | None:
        """The time on a shape where it is surely slower; None anywhere else."""
        point = axes_logs([row], self.axes)
        gap = float(surface(self.logs, self.ratios[:, None])(point)[0, 0])
        error = math.sqrt(self.variance * math.sqrt(squares_apart(point, self.logs).min()))
        if not is_surely_slower(gap, error):
            return None
        best = row.times[self.best]
        ends = (math.exp(gap - SURELY * error), math.exp(gap + SURELY * error))
        return Time(
            time_s=best.time_s * math.exp(gap),
            ratio=Interval(math.exp(gap), *ends),
            # The halves of a race differ as the time is unsure: so what is implied is known to be.
            halves=(best.halves[0] + gap + error, best.halves[1] + gap - error),
            is_implied=True,
        )


def _ratio(rows: Sequence[Row], axes: Sequence[str], name: str, best: str) -> Ratio | None:
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
    variance = max(float((off**2 / distances).mean()), _LEAST_VARIANCE)
    return Ratio(best, tuple(axes), logs, ratios, variance)
