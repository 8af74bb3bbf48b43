"""The contenders of an op as lines along an axis, and where the lines cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from opbench.dashboards.plugin.answers import Query, finite
from opbench.dashboards.plugin.choices import chosen
from opbench.dashboards.plugin.crossings import crossings
from opbench.dashboards.plugin.lines import (
    TRAFFIC,
    Place,
    Series,
    axes_of,
    measured_boards,
    series_along,
)
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.selection import one_run
from opbench.results.ranking.ceilings import is_suspicious
from opbench.results.ranking.leaderboard import Row, samples_of
from opbench.results.records import Measured, Rules
from opbench.results.statistics.intervals import median_interval


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The lines of the op that `op` names (the first without) along the axis that `x` names."""
    run = one_run(log, query)
    ops = sorted({board.case.op for board in run.boards() if board.measured})
    if not ops:
        return {"ops": [], "op": None, "axes": [], "axis": None, "series": []}
    op = chosen(query, "op", ops)
    boards = measured_boards(run, op)
    axes = axes_of(boards)
    given = query.get("x", [TRAFFIC])[-1]
    axis = given if given in axes else TRAFFIC
    rules = run.info.rules
    series = [_series(one, rules) for one in series_along(axis, boards)]
    return {"ops": ops, "op": op, "axes": axes, "axis": axis, "series": series}


def _series(series: Series, rules: Rules) -> dict[str, Any]:
    """A series: its places, a line for each contender, the crossings."""
    places = series.places
    names = dict.fromkeys(name for place in places for name in place.rows)
    samples = [
        {name: samples_of(measured, name) for name, (_, measured) in place.rows.items()}
        for place in places
    ]
    return {
        "name": series.name,
        "places": [
            {"x": place.x, "label": place.case.label, "sizes": place.case.sizes} for place in places
        ],
        "lines": [
            {
                "contender": name,
                "points": [
                    _point(number, *place.rows[name])
                    for number, place in enumerate(places)
                    if name in place.rows
                ],
            }
            for name in names
        ],
        "crossings": [
            {**asdict(one), "leads": _leads(places, one.low, one.before, one.high, one.after)}
            for one in crossings(samples, rules)
        ],
    }


def _leads(places: Sequence[Place], low: int, before: str, high: int, after: str) -> bool:
    """Whether the best of the race changes with a crossing."""
    ranks = {"best", "tied"}
    return (
        places[low].rows[before][0].verdict in ranks
        and places[high].rows[after][0].verdict in ranks
    )


def _point(place: int, row: Row, measured: Measured) -> dict[str, Any]:
    """A contender at a place; the interval is that of its own median, not of a ratio."""
    time = median_interval(measured.samples_s)
    ratio = row.ratio
    return {
        "place": place,
        "time_s": finite(time.value),
        "low_s": finite(time.low) if time.low > 0 else None,
        "high_s": finite(time.high),
        "bytes": measured.bytes,
        "flops": measured.flops,
        "gb_per_s": finite(row.gb_per_s),
        "share": finite(row.share.value) if row.share else None,
        "bound": row.share.bound if row.share else None,
        "suspicious": bool(row.share and is_suspicious(row.share)),
        "peak_bytes": row.peak_bytes,
        "verdict": row.verdict,
        "ratio": finite(ratio.value) if ratio else None,
        "ratio_low": finite(ratio.low) if ratio and ratio.low > 0 else None,
        "ratio_high": finite(ratio.high) if ratio else None,
        "samples": row.samples,
        "note": row.note,
    }
