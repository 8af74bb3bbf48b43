"""A history's pages in TensorBoard: a line per contender over the runs, its changes marked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from opbench.dashboards import events
from opbench.dashboards.labels import labels, shortened
from opbench.dashboards.pictures import as_picture
from opbench.dashboards.scalars import run_of
from opbench.dashboards.sizes import COLOURS, LINES, MARKERS
from opbench.results.errors import RunFolderError
from opbench.results.records.output_paths import ensure_apart_from_runs, ignore_in_git
from opbench.results.regression.history import Change, History, Series
from opbench.results.report.history import change_text, history_table, remarks
from opbench.results.report.markdown import render
from opbench.results.report.table import format_ratio

#: The folder of the log that holds pictures and texts.
RUN = "history"
#: A line is a run of TensorBoard's, which ticks none of more than forty; the folder's own come too.
MOST_LINES = 25
#: What TensorBoard's step and wall time stand for.
_STEP = "The step is the number of the run, the oldest being 0; the wall time is when it began."
#: The series of one case, and the case's name.
Group = tuple[str, list[Series]]


def publish_history(history: History, folder: Path) -> Path:
    """Write the pages of a history below `folder`, in place of those that were there.

    Returns their folder. Raises RunFolderError where it can't be written, is a run's, or holds
    something else than pages.
    """
    target = folder / "tensorboard"
    ensure_apart_from_runs(target)
    if target.exists() and not is_history(folder):
        raise RunFolderError(f"{target} isn't a history that opbench published; move it away")
    try:
        if not folder.exists():
            folder.mkdir(parents=True)
            ignore_in_git(folder)
        with tempfile.TemporaryDirectory(prefix=".tensorboard-", dir=folder) as staging:
            new = Path(staging) / "new"
            last = max((point.created for s in history.series for point in s.points), default=0.0)
            events.write(new, _entries(history), wall_time=last)
            if target.exists():
                target.rename(Path(staging) / "old")
            new.rename(target)
    except OSError as error:
        raise RunFolderError(f"{target} cannot be written: {error.strerror or error}") from error
    return target


def is_history(folder: Path) -> bool:
    """Whether a folder holds the pages of a history, and is not a run.

    A folder that isn't there holds none.
    """
    return not (folder / "run.json").exists() and (folder / "tensorboard" / RUN).is_dir()


def _entries(history: History) -> Iterator[events.Entry]:
    """Lines and a picture for each case, and a text for each op."""
    lines = _lines(history)
    for op, groups in _grouped(history).items():
        for label, group in groups:
            for series in group:
                if series.contender in lines:
                    yield from _line(f"{op}/{label}", series)
            if any(series.relative_times for series in group):
                yield as_picture(RUN, f"{op}/{label}", _figure(f"{op}: {label}", group))
        own = [series for series in history.series if series.case.op == op]
        yield events.text(RUN, f"history/{op}", _text(history, own))


def _lines(history: History) -> frozenset[str]:
    """The contenders that are lines: those that changed, and those of most runs, first."""
    weights: dict[str, tuple[int, int]] = {}
    for series in history.series:
        changes, points = weights.get(series.contender, (0, 0))
        more = (changes + len(series.changes), points + len(series.points))
        weights[series.contender] = more
    ordered = sorted(weights, key=lambda name: weights[name], reverse=True)
    return frozenset(ordered[:MOST_LINES])


def _grouped(history: History) -> dict[str, list[Group]]:
    """The series by op and case."""
    ops: dict[str, list[Series]] = {}
    for series in history.series:
        ops.setdefault(series.case.op, []).append(series)
    return {
        op: [
            (label, [series for series in own if series.case == case])
            for case, label in labels(series.case for series in own).items()
        ]
        for op, own in sorted(ops.items())
    }


def _line(tag: str, series: Series) -> Iterator[events.Entry]:
    """The points of a series: seconds, and the ratio to the anchor where there is one."""
    line = run_of(series.contender)
    for point in series.points:
        yield events.scalar(
            line,
            f"{tag}/time_us",
            point.time_s * 1e6,
            step=point.number,
            wall_time=point.created,
            description=f"Median time of a call in microseconds. {_STEP}",
        )
        if point.relative is not None:
            yield events.scalar(
                line,
                f"{tag}/relative",
                point.relative,
                step=point.number,
                wall_time=point.created,
                description=f"That over what {series.anchor} took in the same run. {_STEP}",
            )


def _text(history: History, own: list[Series]) -> str:
    """The changes of an op, then all its series."""
    changed = [
        f"- {series.contender}, {series.case.label}: {change_text(change)}"
        for series in own
        for change in series.changes
    ]
    table = render(history_table(History(series=tuple(own), runs=history.runs)))
    notes = [f"- {remark}" for remark in remarks(history)]
    return "\n".join([*(changed or ["No change was found."]), "", table, "", *notes])


def _figure(title: str, group: list[Series]) -> Figure:
    """The series of one case over the runs, relative to their anchors."""
    figure = Figure(figsize=(5.2, 2.9), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for number, series in enumerate(group):
        if series.relative_times:
            _draw(axes, series, number=number)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("run", fontsize=11)
    axes.set_ylabel("time over that of the anchor", fontsize=11)
    figure.suptitle(shortened(title, 52), fontsize=11)
    axes.grid(which="major", color="#dddddd")
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8.5, frameon=False)
    return figure


def _draw(axes: Axes, series: Series, *, number: int) -> None:
    """The line of a contender, with a mark and the ratio at each change."""
    colour = COLOURS[number % len(COLOURS)]
    axes.plot(
        [point.number for point in series.points if point.relative is not None],
        series.relative_times,
        label=shortened(series.contender),
        color=colour,
        marker=MARKERS[number % len(MARKERS)],
        linestyle=LINES[number % len(LINES)],
        linewidth=1.4,
        markersize=4,
    )
    for change in series.changes:
        _mark(axes, change, colour)


def _mark(axes: Axes, change: Change, colour: str) -> None:
    """A line between the two levels of a change, and its ratio."""
    middle = (change.before.number + change.after.number) / 2
    axes.axvline(middle, color=colour, linestyle=":", linewidth=1.4)
    axes.annotate(
        format_ratio(change.ratio),
        (middle, change.after.relative or 0.0),
        textcoords="offset points",
        xytext=(4, 4),
        color=colour,
        fontsize=10,
    )
