"""The HParams page: a row per contender and case, to be filtered and sorted.

TensorBoard reads a row from a run of its own, a small event file each. Where there are more than
forty runs it ticks none on its other pages: so they go into a log folder of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tensorboard.plugins.hparams import summary_v2 as hp

from opbench.dashboards.events import PAGES, Entry, scalar
from opbench.dashboards.labels import slug
from opbench.dashboards.view import OpView
from opbench.results.ranking.leaderboard import Row
from opbench.results.records import AxisValue, Case

#: TensorBoard shows no more.
MOST_ROWS = 1000
#: The group of the charts that TensorBoard draws of the metrics.
_PREFIX = "hparams"
#: More different numbers than this are filtered by a range, fewer by ticking.
_MOST_TICKS = 20
#: Columns that come first, and so are shown from the beginning; the axes follow, then the last.
_FIRST = ("op", "contender", "verdict", "shape", "direction", "dtype")
_LAST = ("inputs", "layout", "device", "cache", "threads")
#: The columns of numbers: title and description.
METRICS = {
    "time_us": ("time (µs)", "median time of a call in microseconds"),
    "ratio": ("ratio to best", "how many times as long as the best contender of the case"),
    "GB_per_s": ("GB/s", "compulsory traffic over the median time"),
    "GFLOP_per_s": ("GFLOP/s", "compulsory arithmetic over the median time"),
    "ceiling": ("ceiling", "share of the machine's ceiling that it reaches"),
    "peak_MB": ("peak MB", "most memory that a call held at once"),
    "error": ("error", "largest error found by the check, as a multiple of the tolerance"),
    "preparation_s": ("preparation (s)", "seconds of compiling and of the first call"),
    "samples": ("samples", "how many blocks were timed"),
}


def entries(views: Sequence[OpView], *, wall_time: float) -> tuple[list[Entry], int]:
    """The columns of the page and its first rows, and how many rows there are beyond those.

    Each row is a run of the log of its own, as TensorBoard reads hyperparameters from runs.
    wall_time: in seconds since 1970.
    """
    every = [(board.case, row) for view in views for board in view.boards for row in board.rows]
    shown = every[:MOST_ROWS]
    rows = [(row, _settings(case, row), _metrics(row)) for case, row in shown]
    columns = _columns([settings for _, settings, _ in rows])
    metrics = [
        hp.Metric(f"{_PREFIX}/{name}", display_name=title, description=description)
        for name, (title, description) in METRICS.items()
    ]
    config = hp.hparams_config_pb(list(columns.values()), metrics, time_created_secs=wall_time)
    found = [Entry(PAGES, config)]
    for number, (row, settings, values) in enumerate(rows):
        # The page cuts a name after a few characters, in which rows have to differ.
        name = f"{number:03} {row.contender}"
        typed = {columns[key].name: _typed(value, columns[key]) for key, value in settings.items()}
        hparams = hp.hparams_pb(typed, trial_id=name, start_time_secs=wall_time)
        found.append(Entry(slug(name), hparams))
        found += (
            scalar(slug(name), f"{_PREFIX}/{metric}", value, description=METRICS[metric][1])
            for metric, value in values.items()
        )
    return found, len(every) - len(shown)


def _settings(case: Case, row: Row) -> dict[str, AxisValue]:
    """The columns that a row is filtered by: verdict, the case's fields and axes."""
    fields: dict[str, AxisValue] = {"contender": row.contender, "verdict": row.verdict}
    fields |= {name: getattr(case, name) for name in (*_FIRST, *_LAST) if name not in fields}
    axes = {f"axis {name}" if name in fields else name: value for name, value in case.axes}
    return fields | axes


def _metrics(row: Row) -> dict[str, float]:
    """The numbers of a row, without those that aren't known."""
    values = {
        "time_us": row.time_s and row.time_s * 1e6,
        "ratio": row.ratio.value if row.ratio else None,
        "GB_per_s": row.gb_per_s,
        "GFLOP_per_s": row.gflop_per_s,
        "ceiling": row.share.value if row.share else None,
        "peak_MB": row.peak_bytes and row.peak_bytes / 1e6,
        "error": row.error,
        "preparation_s": row.preparation_s,
        "samples": row.samples or None,
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def _columns(rows: Iterable[Mapping[str, AxisValue]]) -> dict[str, hp.HParam]:
    """The columns by their names on the page.

    The page orders them by their hidden names, which are numbered for that.
    """
    values: dict[str, set[AxisValue]] = {name: set() for name in _FIRST}
    for row in rows:
        for name, value in row.items():
            values.setdefault(name, set()).add(value)
    order = sorted(values, key=lambda name: _LAST.index(name) if name in _LAST else -1)
    return {
        name: hp.HParam(f"{number:02} {name}", _domain(values[name]), display_name=name)
        for number, name in enumerate(order)
        if values[name]
    }


def _domain(values: set[AxisValue]) -> hp.Domain:
    """The values of a column: a range of many numbers, else a list."""
    kinds = {float if type(value) is int else type(value) for value in values}
    if kinds != {float}:
        return hp.Discrete(sorted(values) if len(kinds) == 1 else sorted(map(str, values)))
    numbers = sorted(float(value) for value in values)
    if len(numbers) > _MOST_TICKS:
        return hp.RealInterval(numbers[0], numbers[-1])
    return hp.Discrete(numbers)


def _typed(value: AxisValue, column: hp.HParam) -> AxisValue:
    """An axis that is a number in one op and text in another is text in this page."""
    return str(value) if column.domain.dtype is str else value
