"""Time against size: a line per contender on logarithmic axes, with the interval of each point."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from opbench.dashboards.labels import shortened
from opbench.dashboards.view import OpView
from opbench.results.report.table import format_bytes, format_time
from opbench.results.statistics.interval import Interval
from opbench.results.statistics.intervals import median_interval

#: More lines lie on each other; those that are most often near the best are drawn.
MOST_LINES = 6
#: Okabe and Ito's colours, distinct in every colour vision; yellow is too pale for a line.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
#: Marks and dashes, so that lines differ without their colours.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
LINES = ("-", "--", ":", "-.")

Points = Mapping[int, Interval]


def sizes(view: OpView) -> dict[str, Figure]:
    """A picture for each series of two sizes or more, by the name of the series.

    Sizes are bytes of compulsory traffic; a point has the interval of its own median, not of a
    ratio.
    """
    charts: dict[str, dict[str, dict[int, Interval]]] = {}
    for case, row, measured in view.timed():
        lines = charts.setdefault(view.series[case], {})
        interval = median_interval(measured.samples_s)
        lines.setdefault(row.contender, {})[measured.bytes] = interval
    return {
        series: _figure(f"{view.op}: {series}", lines, order=view.contenders)
        for series, lines in charts.items()
        if len({size for points in lines.values() for size in points}) > 1
    }


def _figure(title: str, lines: Mapping[str, Points], *, order: Sequence[str]) -> Figure:
    """Time over size for each contender, in their order on the leaderboards."""
    figure = Figure(figsize=(5.2, 2.9), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    drawn = [contender for contender in order if contender in lines][:MOST_LINES]
    for number, contender in enumerate(drawn):
        _line(axes, contender, lines[contender], number=number)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("compulsory traffic of a call", fontsize=11)
    axes.set_ylabel("time of a call", fontsize=11)
    some = f", {MOST_LINES} of {len(lines)}" if len(lines) > MOST_LINES else ""
    figure.suptitle(shortened(f"{title}{some}", 52), fontsize=11)
    axes.grid(which="major", color="#dddddd")
    axes.set_axisbelow(True)
    _scales(axes)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8.5, frameon=False)
    return figure


def _line(axes: Axes, contender: str, points: Points, *, number: int) -> None:
    """The line of a contender; number: its place, for its colour and marks."""
    ordered = sorted(points.items())
    middles = [interval.value for _, interval in ordered]
    # One sample has no interval: no bar is drawn then.
    bars = [
        [_error_bar(interval.value - interval.low, interval) for _, interval in ordered],
        [_error_bar(interval.high - interval.value, interval) for _, interval in ordered],
    ]
    axes.errorbar(
        [size for size, _ in ordered],
        middles,
        yerr=bars,
        label=shortened(contender),
        color=COLOURS[number % len(COLOURS)],
        marker=MARKERS[number % len(MARKERS)],
        # Ties lie on each other: what is below shows through the gaps and the hollow marks.
        linestyle=LINES[number % len(LINES)],
        markerfacecolor="none" if number % 2 else None,
        markersize=8 if number % 2 else 6,
        linewidth=1.8,
        capsize=4,
    )


def _error_bar(length: float, interval: Interval) -> float:
    """The length of an error bar to one side; 0 where the interval is unbounded."""
    return max(length, 0.0) if math.isfinite(interval.high) else 0.0


def _scales(axes: Axes) -> None:
    """Sizes in bytes and times in seconds, with a few ticks on each axis."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(format_bytes(value))))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(format_time(value))))
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        # Within a decade or two, one label per decade would leave an axis nearly empty.
        steps = (1.0, 2.0, 5.0) if high / low < 1000 else (1.0,)
        axis.set_major_locator(LogLocator(subs=steps, numticks=12))
        axis.set_minor_locator(NullLocator())
        axis.set_tick_params(labelsize=10)


def _short(text: str) -> str:
    """A number without decimals that are zeros."""
    return re.sub(r"\.0+ ", " ", text)
