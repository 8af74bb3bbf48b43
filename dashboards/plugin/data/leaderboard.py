"""The leaderboards of runs as one table in columns: a row per run, case and contender.

Columns instead of objects: ten thousand rows are half a megabyte so, compressed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opbench.dashboards.plugin.answers import Query, finite
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.selection import latest_races, selected_runs
from opbench.results.ranking.ceilings import is_suspicious
from opbench.results.ranking.leaderboard import Board, Row
from opbench.results.records import Case

#: So many rows of all runs together are sent.
_MOST_ROWS = 20_000
#: The numbers of a row, in the order of their columns.
_NUMBERS = (
    "time_s",
    "detectable",
    "gb_per_s",
    "gflop_per_s",
    "device_s",
    "peak_bytes",
    "preparation_s",
    "error",
)


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The leaderboards of the runs that `run` names; where it names none, of all.

    Of so many that a page can't hold them, the latest.
    """
    latest, left_out = latest_races(log, _MOST_ROWS)
    names = query.get("run") or latest
    runs = selected_runs(log, {"run": names}) if names else ()
    found = [(run, run.boards()) for run in runs]
    return {
        "runs": [{"id": run.id, "tie": run.info.rules.tie} for run, _ in found],
        "left_out": 0 if query.get("run") else left_out,
        "cases": [
            {"run": number, **case_fields(board.case)}
            for number, (_, boards) in enumerate(found)
            for board in boards
        ],
        "rows": _columns(board for _, boards in found for board in boards),
    }


def case_fields(case: Case) -> dict[str, Any]:
    """A case for a page: its fields, and its names for people."""
    fields = {name: getattr(case, name) for name in Case.__slots__ if name != "axes"}
    names = {"key": case.key, "label": case.label, "sizes": case.sizes}
    return fields | names | {"axes": {name: _axis(value) for name, value in case.axes}}


def _axis(value: float | str | bool) -> float | str | bool | None:
    """The value of an axis, None where JSON has none for it."""
    return finite(value, digits=17) if isinstance(value, float) else value


def _columns(boards: Iterable[Board]) -> dict[str, list[Any]]:
    """The columns of all rows; `case` is the number of the row's case."""
    numbered = [(number, row) for number, board in enumerate(boards) for row in board.rows]
    rows = [row for _, row in numbered]
    columns: dict[str, list[Any]] = {
        "case": [number for number, _ in numbered],
        "contender": [row.contender for row in rows],
        "verdict": [row.verdict for row in rows],
        "ratio": [finite(row.ratio.value) if row.ratio else None for row in rows],
        "low": [_low(row) for row in rows],
        "high": [finite(row.ratio.high) if row.ratio else None for row in rows],
        "share": [finite(row.share.value) if row.share else None for row in rows],
        "bound": [row.share.bound if row.share else None for row in rows],
        "suspicious": [bool(row.share and is_suspicious(row.share)) for row in rows],
        "samples": [row.samples for row in rows],
        "waited": [row.waited for row in rows],
        "note": [row.note for row in rows],
    }
    numbers = {name: [finite(getattr(row, name)) for row in rows] for name in _NUMBERS}
    return columns | numbers


def _low(row: Row) -> float | None:
    """The lower end of the interval; None where it isn't known."""
    return finite(row.ratio.low) if row.ratio and row.ratio.low > 0 else None
