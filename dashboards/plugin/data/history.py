"""The runs of the log directory as a history: contenders relative to anchors, and their changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opbench.dashboards.labels import labels
from opbench.dashboards.plugin.answers import Query, finite
from opbench.dashboards.plugin.choices import chosen, runs_with
from opbench.dashboards.plugin.commits import commit_of
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.dashboards.plugin.selection import selected_runs
from opbench.results.records import Record
from opbench.results.records.run_folder import start_time
from opbench.results.regression.history import Change, Point, Series, history_of
from opbench.results.report.history import change_text, remarks
from opbench.results.statistics.change_points import fewest

#: The runs of points, by the name and the time that a point knows.
_Runs = Mapping[tuple[str, float], ReadRun]


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The series of the op that `op` names, of the first without.

    With `all=1` the runs of other environments than the latest one's are among them.
    """
    races = runs_with(log, Record.__name__)
    found = selected_runs(log, races) if races["run"] else ()
    whole = history_of(found, all_environments=query.get("all") == ["1"])
    runs = {(run.info.id, start_time(run.info)): run for run in found}
    op = chosen(query, "op", whole.ops) if whole.ops else None
    own = [series for series in whole.series if series.case.op == op]
    names = labels(series.case for series in own)
    return {
        "ops": whole.ops,
        "changed": sorted({series.case.op for series in whole.series if series.changes}),
        "op": op,
        "runs": len(whole.runs),
        "fewest": fewest(),
        "other_environments": len(whole.other_environments),
        "remarks": list(remarks(whole)),
        "series": [{**_series(one, runs), "case": names[one.case]} for one in _ordered(own)],
    }


def _ordered(series: Iterable[Series]) -> list[Series]:
    """Those that changed first, then those of the longest history: the first is what comes up."""
    return sorted(
        series,
        key=lambda one: (not one.changes, -len(one.points), one.case.key, one.contender),
    )


def _series(series: Series, runs: _Runs) -> dict[str, Any]:
    """A series for a page."""
    numbers = {point: place for place, point in enumerate(series.points)}
    return {
        "key": series.case.key,
        "label": series.case.label,
        "sizes": series.case.sizes,
        "contender": series.contender,
        "anchor": series.anchor,
        "ratio": finite(series.ratio),
        "points": [_point(point, runs) for point in series.points],
        "changes": [_change(change, numbers) for change in series.changes],
    }


def _point(point: Point, runs: _Runs) -> dict[str, Any]:
    """A contender in one run."""
    run = runs[point.run, point.created]
    return {
        "run": run.id,
        "number": point.number,
        "created": run.info.created,
        "commit": commit_of(run.info),
        "environment": point.environment,
        "fingerprint": point.fingerprint,
        "time_s": finite(point.time_s),
        "relative": finite(point.relative),
    }


def _change(change: Change, numbers: Mapping[Point, int]) -> dict[str, Any]:
    """A step of a series, between two of its points, given by their places."""
    return {
        "before": numbers[change.before],
        "after": numbers[change.after],
        "ratio": finite(change.ratio),
        "evidence": finite(change.evidence),
        "source": change.source,
        "environment": change.environment,
        "text": change_text(change),
    }
