"""A history as a table, and the anchors of a run in a line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from opbench.results.records import Record
from opbench.results.records.anchors import ARITHMETIC, DISPATCH, MEMORY, yardsticks
from opbench.results.regression.history import Change, History, Series
from opbench.results.report.table import NOTHING, Table, format_number, format_ratio, format_time
from opbench.results.statistics.change_points import fewest
from opbench.results.statistics.intervals import median

COLUMNS = (
    "op",
    "case",
    "contender",
    "runs",
    "anchor",
    "first",
    "latest",
    "ratio",
    "time",
    "series",
    "changes",
)
#: Characters of a series; longer ones are drawn by the medians of so many parts.
_WIDTH = 30
_LEVELS = "▁▂▃▄▅▆▇█"
#: What a drawing spans at least, so that noise doesn't look like changes: a factor.
_SPAN = 1.25


def history_table(found: History) -> Table:
    """A row for each contender and case, those that changed first.

    first, latest: time over that of the anchor. time: of a call in the latest run.
    """
    ordered = sorted(found.series, key=lambda series: (not series.changes, series.case.op))
    title = f"history · {len(found.runs)} runs"
    return Table(title, COLUMNS, tuple(map(_row, ordered)))


def remarks(found: History) -> Iterator[str]:
    """What the table doesn't show: runs that were left out or can't be compared, and short series.

    A sentence each.
    """
    if found.elsewhere:
        yield (
            f"runs of other environments, left out: {len(found.elsewhere)}, the latest of them "
            f"{found.elsewhere[-1]}; --all-environments takes them in"
        )
    if found.bare:
        yield (
            f"runs without anchors: {len(found.bare)}, the latest of them {found.bare[-1]}; their "
            "times can't be compared with those of other runs, and no ratio is made of them"
        )
    for which, ids in (
        ("that hold what another holds, counted once", found.copies),
        ("in which nothing was raced (gates, profiles, calibrations), left out", found.raceless),
    ):
        if ids:
            yield f"runs {which}: {len(ids)}, the latest of them {ids[-1]}"
    least = fewest()
    short = sum(len(series.levels) < least for series in found.series)
    if short:
        yield f"series of fewer than {least} runs, too short to tell changes: {short}"


def anchors_text(records: Iterable[Record]) -> Iterator[str]:
    """The times of a run's anchors, a line for each device and number of threads."""
    known = yardsticks(records)
    for (device, threads), yardstick in known.items():
        times = (
            f"{_short(name)} {format_time(yardstick.time_s(name))}"
            for name in (MEMORY, ARITHMETIC, DISPATCH)
        )
        yield f"anchors on {device}, {threads} threads: {', '.join(times)}"
    if not known:
        yield "anchors: none were timed; `opbench history` can't compare this run with others"


def sparkline(values: Sequence[float], *, width: int = _WIDTH) -> str:
    """A series of positive values as blocks that rise with the logarithm, `width` at most."""
    if not values:
        return ""
    count = min(len(values), width)
    edges = [round(part * len(values) / count) for part in range(count + 1)]
    logs = [math.log(median(values[start:end])) for start, end in pairwise(edges)]
    middle = (max(logs) + min(logs)) / 2
    half = max(max(logs) - min(logs), math.log(_SPAN)) / 2
    last = len(_LEVELS) - 1
    return "".join(_LEVELS[round(last * (log - middle + half) / (2 * half))] for log in logs)


def _row(series: Series) -> tuple[str, ...]:
    levels = series.levels
    return (
        series.case.op,
        series.case.label,
        series.contender,
        str(len(series.points)),
        _short(series.anchor),
        format_number(levels[0]) if levels else NOTHING,
        format_number(levels[-1]) if levels else NOTHING,
        format_ratio(series.ratio),
        format_time(series.points[-1].time_s),
        sparkline(levels),
        "; ".join(map(change_text, series.changes)),
    )


def change_text(change: Change) -> str:
    """By how much, between which runs, and what else is different."""
    other = [
        *(["source"] if change.source else []),
        *(["environment"] if change.environment else []),
    ]
    which = f" (another {' and '.join(other)})" if other else ""
    return f"{format_ratio(change.ratio)} from {change.before.run} to {change.after.run}{which}"


def _short(anchor: str) -> str:
    return anchor.removeprefix("anchor_")
