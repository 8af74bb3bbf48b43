"""A history as a table, and the anchors of a run in a line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from opbench.results.records import Record
from opbench.results.records.anchors import ARITHMETIC, DISPATCH, MEMORY, anchor_times
from opbench.results.regression.history import Change, History, Series
from opbench.results.report.counts import counted
from opbench.results.report.table import NOTHING, Table, format_number, format_ratio, format_time
from opbench.results.statistics.change_points import fewest
from opbench.results.statistics.intervals import median

#: Columns of the table.
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
#: The blocks of a drawing, from low to high.
_BLOCKS = "▁▂▃▄▅▆▇█"
#: The least factor that a drawing spans, so that noise doesn't look like changes.
_SPAN = 1.25


def history_table(history: History, *, brief: bool = False) -> Table:
    """A row for each contender and case, changed ones first; first and latest over the anchor.

    brief: of changes their ratios only, for a page that has `change_lines` below.
    """
    title = f"history · {counted(len(history.runs), 'run')}"
    return Table(title, COLUMNS, tuple(_row(series, brief=brief) for series in _ordered(history)))


def change_lines(history: History) -> Iterator[str]:
    """Each change in a sentence, in the order of the table: between which runs, and what else."""
    for series in _ordered(history):
        name = f"{series.contender} ({series.case.op}, {series.case.label})"
        yield from (f"{name}: {change_text(change)}" for change in series.changes)


def _ordered(history: History) -> list[Series]:
    """The series, those that changed first."""
    return sorted(history.series, key=lambda series: (not series.changes, series.case.op))


def remarks(history: History) -> Iterator[str]:
    """The facts that the table doesn't show, a sentence each: runs left out, and short series.

    They go to standard error: the table alone would hide them.
    """
    if others := history.other_environments:
        yield (
            f"runs of other environments, left out: {len(others)}, the latest of them "
            f"{others[-1]}; --all-environments takes them in"
        )
    if without := history.without_anchors:
        yield (
            f"runs without anchors: {len(without)}, the latest of them {without[-1]}; their "
            "times can't be compared with those of other runs, and no ratio is made of them"
        )
    for which, ids in (
        ("that hold what another holds, counted once", history.copies),
        (
            "in which nothing was raced (gates, profiles, calibrations), left out",
            history.without_races,
        ),
    ):
        if ids:
            yield f"runs {which}: {len(ids)}, the latest of them {ids[-1]}"
    least = fewest()
    short = sum(len(series.relative_times) < least for series in history.series)
    if short:
        yield f"series of fewer than {least} runs, too short to show changes: {short}"


def anchors_text(records: Iterable[Record]) -> Iterator[str]:
    """The times of a run's anchors, a line for each device and number of threads."""
    known = anchor_times(records)
    for (device, threads), anchors in known.items():
        times = (
            f"{_short(name)} {format_time(anchors.time_s(name))}"
            for name in (MEMORY, ARITHMETIC, DISPATCH)
        )
        yield f"anchors on {device}, {counted(threads, 'thread')}: {', '.join(times)}"
    if not known:
        yield "anchors: none were timed; `opbench history` can't compare this run with others"


def sparkline(values: Sequence[float], *, width: int = _WIDTH) -> str:
    """A series of positive values as blocks that rise with the logarithm, `width` at most.

    A longer series is drawn by the medians of as many parts.
    """
    if not values:
        return ""
    count = min(len(values), width)
    edges = [round(part * len(values) / count) for part in range(count + 1)]
    logs = [math.log(median(values[start:end])) for start, end in pairwise(edges)]
    middle = (max(logs) + min(logs)) / 2
    half = max(max(logs) - min(logs), math.log(_SPAN)) / 2
    last = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round(last * (log - middle + half) / (2 * half))] for log in logs)


def _row(series: Series, *, brief: bool) -> tuple[str, ...]:
    """The cells of a series."""
    times = series.relative_times
    ratios = ", ".join(format_ratio(change.ratio) for change in series.changes)
    changes = ratios if brief else "; ".join(map(change_text, series.changes))
    return (
        series.case.op,
        series.case.label,
        series.contender,
        str(len(series.points)),
        _short(series.anchor),
        format_number(times[0]) if times else NOTHING,
        format_number(times[-1]) if times else NOTHING,
        format_ratio(series.ratio),
        format_time(series.points[-1].time_s),
        sparkline(times),
        changes,
    )


def change_text(change: Change) -> str:
    """A change in words: its ratio, its runs, and what else is different.

    "1.31x from run-012 to run-013 (another source)", say.
    """
    other = [
        *(["source"] if change.source else []),
        *(["environment"] if change.environment else []),
    ]
    which = f" (another {' and '.join(other)})" if other else ""
    return f"{format_ratio(change.ratio)} from {change.before.run} to {change.after.run}{which}"


def _short(anchor: str) -> str:
    """The name of an anchor without its prefix."""
    return anchor.removeprefix("anchor_")
