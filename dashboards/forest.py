"""A forest plot of a gate: the ratio of head to base with its interval, a row per contender."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from opbench.dashboards.labels import labels, shortened
from opbench.results.regression.report import Report
from opbench.results.regression.verdicts import VERDICTS, Finding, GateVerdict

#: More rows would be too small to read in the page.
MOST_ROWS = 15
#: The farthest that the axis goes either way: one wild interval must not squeeze the others.
_FARTHEST = 8.0
#: Okabe and Ito's colours with a mark each, distinct in every colour vision, in print too.
_STYLES: Mapping[GateVerdict, tuple[str, str]] = {
    "slower": ("#d55e00", "D"),
    "inconclusive": ("#cc79a7", "s"),
    "faster": ("#009e73", "^"),
    "no slower": ("#56b4e9", "v"),
    "same": ("#0072b2", "o"),
}
#: The background of ratios that count as equal.
_ZONE = "#e4e4e4"


def forest(report: Report) -> Figure:
    """The findings, the slower first, and the zone of what is as good as equal.

    At most MOST_ROWS of them; the title says how many there are. At least one finding.
    """
    ordered = sorted(report.findings, key=lambda f: (VERDICTS.index(f.verdict), -f.ratio.value))
    shown = ordered[:MOST_ROWS]
    limit = 1 + report.gate.rules.min_slowdown
    names = _names(shown)
    left, height = 0.3 + 0.085 * max(map(len, names)), 0.27 * len(shown)
    whole = (left + 3.6, height + 1.6)
    figure = Figure(figsize=whole, dpi=110)
    axes = figure.add_axes((left / whole[0], 0.55 / whole[1], 3.4 / whole[0], height / whole[1]))
    low, high = _ends(shown, limit)
    axes.axvspan(1 / limit, limit, color=_ZONE, linewidth=0)
    axes.axvline(1, color="#888888", linewidth=1)
    for row, finding in enumerate(shown):
        _row(axes, row, finding, ends=(low, high))
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_yticks(range(len(shown)), names, fontsize=9.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time of head over base", fontsize=10.5)
    _ticks(axes, high / low)
    _title(figure, report, shown=len(shown), height=whole[1])
    _legend(figure, shown, height=whole[1])
    return figure


def _names(findings: Sequence[Finding]) -> list[str]:
    """A label for each row: its op where there are several, contender and case."""
    by_op: dict[str, list[Finding]] = {}
    for finding in findings:
        by_op.setdefault(finding.case.op, []).append(finding)
    cases = {op: labels(f.case for f in group) for op, group in by_op.items()}
    return [
        " · ".join(
            (
                *([shortened(f.case.op, 12)] if len(by_op) > 1 else []),
                shortened(f.contender, 14),
                shortened(cases[f.case.op][f.case], 14),
            )
        )
        for f in findings
    ]


def _ends(findings: Sequence[Finding], limit: float) -> tuple[float, float]:
    """The ends of the axis, which holds all finite ratios and some of either side of the zone."""
    ratios = [f.ratio for f in findings]
    values = [r.value for r in ratios] + [end for r in ratios for end in (r.low, r.high)]
    finite = [value for value in values if 0 < value < math.inf]
    low, high = min((*finite, 1 / limit**2)), max((*finite, limit**2))
    return max(low, 1 / _FARTHEST) / 1.02, min(high, _FARTHEST) * 1.02


def _row(axes: Axes, row: int, finding: Finding, *, ends: tuple[float, float]) -> None:
    """A point on its interval; an arrow where the interval or the point is beyond the picture."""
    colour, mark = _STYLES[finding.verdict]
    ratio = finding.ratio
    inside = [min(max(end, ends[0]), ends[1]) for end in (ratio.low, ratio.value, ratio.high)]
    axes.plot((inside[0], inside[2]), (row, row), color=colour, linewidth=1.8)
    if ratio.low < ends[0]:
        axes.plot(ends[0], row, marker="<", color=colour, clip_on=False)
    if ratio.high > ends[1]:
        axes.plot(ends[1], row, marker=">", color=colour, clip_on=False)
    if inside[1] == ratio.value:
        axes.plot(ratio.value, row, marker=mark, color=colour, markersize=6)


def _ticks(axes: Axes, span: float) -> None:
    """Ticks of a logarithmic axis; in even steps where it spans less than a factor of three."""
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if span > 3:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0), numticks=12))
        return
    # Within less than a decade a logarithmic axis is nearly straight, but would have one tick.
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (span - 1) / s <= 8)
    low, high = axes.get_xlim()
    first, last = math.ceil(low / step), math.floor(high / step)
    axes.set_xticks([round(number * step, 4) for number in range(first, last + 1)])
    axes.set_xticks([], minor=True)


def _title(figure: Figure, report: Report, *, shown: int, height: float) -> None:
    """The title, and a line that explains the zone; shown: the number of rows drawn."""
    title = "head against base"
    if report.is_void:
        title += ": void, the base differs from itself"
    if shown < len(report.findings):
        title += f": {shown} of {len(report.findings)}, the slower first"
    figure.text(0.01, 1 - 0.32 / height, title, fontsize=13)
    key = f"shaded: within {report.gate.rules.min_slowdown:.1%}, which is taken for the same"
    figure.text(0.01, 1 - 0.6 / height, key, fontsize=9, color="#555555")


def _legend(figure: Figure, findings: Sequence[Finding], *, height: float) -> None:
    """The verdicts in the picture with their colours and marks."""
    verdicts = {finding.verdict for finding in findings}
    handles = [
        Line2D([], [], color=colour, marker=mark, label=verdict)
        for verdict, (colour, mark) in _STYLES.items()
        if verdict in verdicts
    ]
    figure.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(0.99, 1 - 0.68 / height),
        ncols=len(handles),
        fontsize=9,
        frameon=False,
        borderaxespad=0,
    )
