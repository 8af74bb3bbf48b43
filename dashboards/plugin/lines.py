"""The measured contenders of an op as lines along an axis: what a crossover is drawn of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from opbench.dashboards.labels import names_of_series, series_of
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.results.ranking.leaderboard import Board, Row
from opbench.results.records import AxisValue, Case, Measured

#: The axes that every case has: the bytes of a call, along which all sizes vary together, and the
#: threads.
TRAFFIC, THREADS = "traffic", "threads"


@dataclass(frozen=True, slots=True)
class Place:
    """A case on the axis, and the contenders that were measured on it."""

    x: float
    case: Case
    rows: Mapping[str, tuple[Row, Measured]]


@dataclass(frozen=True, slots=True)
class Series:
    """The places that differ in the axis alone, in its order."""

    name: str
    places: tuple[Place, ...]


def measured_boards(run: ReadRun, op: str) -> dict[Board, Mapping[str, Measured]]:
    """The boards of an op with the outcomes of those that were measured; none without."""
    outcomes: dict[Case, dict[str, Measured]] = {}
    for record in run.records():
        if record.case.op == op and isinstance(record.outcome, Measured):
            outcomes.setdefault(record.case, {})[record.contender] = record.outcome
    return {board: outcomes[board.case] for board in run.boards() if board.case in outcomes}


def series_along(axis: str, boards: Mapping[Board, Mapping[str, Measured]]) -> tuple[Series, ...]:
    """The series of an op along an axis, those of most places first."""
    groups: dict[Case, list[Place]] = {}
    for board, outcomes in boards.items():
        x = _position(axis, board.case, outcomes.values())
        if x is not None and x > 0:
            rows = {row.contender: (row, outcomes[row.contender]) for row in board.measured}
            groups.setdefault(_rest(axis, board.case), []).append(Place(x, board.case, rows))
    names = names_of_series(groups)
    found = [
        Series(names[rest], tuple(sorted(places, key=lambda place: (place.x, place.case.key))))
        for rest, places in groups.items()
    ]
    return tuple(sorted(found, key=lambda series: -len(series.places)))


def axes_of(boards: Mapping[Board, Mapping[str, Measured]]) -> tuple[str, ...]:
    """The axes along which there is a line of two places at least; traffic always."""
    cases = [board.case for board in boards]
    named = dict.fromkeys(name for case in cases for name, value in case.axes if _is_number(value))
    others = (axis for axis in (*named, THREADS) if _has_line(axis, boards))
    return (TRAFFIC, *others)


def _has_line(axis: str, boards: Mapping[Board, Mapping[str, Measured]]) -> bool:
    """Whether a series along an axis has two places."""
    return any(_is_line(series.places) for series in series_along(axis, boards))


def _is_line(places: Sequence[Place]) -> bool:
    """Whether some places lie apart."""
    return len({place.x for place in places}) > 1


def _position(axis: str, case: Case, outcomes: Iterable[Measured]) -> float | None:
    """Where a case lies on an axis; None where it doesn't."""
    if axis == TRAFFIC:
        return next((float(outcome.bytes) for outcome in outcomes), None)
    if axis == THREADS:
        return float(case.threads)
    value = dict(case.axes).get(axis, "")
    return float(value) if _is_number(value) else None


def _rest(axis: str, case: Case) -> Case:
    """What the cases of one line have in common."""
    if axis == TRAFFIC:
        return series_of(case)
    if axis == THREADS:
        return replace(case, threads=0)
    others = tuple((name, value) for name, value in case.axes if name != axis)
    return replace(case, shape="", axes=others, seed=0)


def _is_number(value: AxisValue) -> bool:
    """Whether the value of an axis is a size or another number, and no switch."""
    return isinstance(value, int | float) and not isinstance(value, bool)
