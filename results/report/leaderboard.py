"""Leaderboards and winners as tables."""

from __future__ import annotations

from collections.abc import Sequence

from opbench.results.ranking.leaderboard import Board, Row
from opbench.results.report.machine import format_rate
from opbench.results.report.table import (
    NOTHING,
    Table,
    format_bytes,
    format_interval,
    format_ratio,
    format_share,
    format_time,
)

#: Columns of a leaderboard.
COLUMNS = (
    "contender",
    "time",
    "ratio",
    "interval",
    "verdict",
    "GB/s",
    "GFLOP/s",
    "ceiling",
    "peak memory",
    "preparation",
    "samples",
    "note",
)
#: Beside the host's time, where a device has events of its own.
DEVICE_TIME = "device time"


def leaderboard_table(board: Board) -> Table:
    """The contenders of a case, best first; a tie with the best is shown as a tie.

    Where a device has events of its own, their time stands beside the host's.
    """
    case = board.case
    title = " · ".join(part for part in (case.op, case.label, case.sizes) if part)
    tie = any(row.verdict == "tied" for row in board.rows)
    rows = [_leaderboard_row(row, tie=tie) for row in board.rows]
    ratios = tuple(row.ratio for row in board.rows)
    if not any(row.device_s for row in board.rows):
        return Table(title, COLUMNS, tuple(rows), ratios)
    times = (format_time(row.device_s) for row in board.rows)
    beside = tuple((*cells[:2], time, *cells[2:]) for cells, time in zip(rows, times, strict=True))
    return Table(title, (*COLUMNS[:2], DEVICE_TIME, *COLUMNS[2:]), beside, ratios)


def winners_table(boards: Sequence[Board], *, title: str) -> Table:
    """A row per case: its winner, those as good, the next and the slowest.

    "as good" are those tied with the best and, marked "perhaps", the undecided.
    """
    columns = ("case", "sizes", "best", "time", "ceiling", "as good", "next", "slowest")
    return Table(title, columns, tuple(map(_winners_row, boards)))


def _leaderboard_row(row: Row, *, tie: bool) -> tuple[str, ...]:
    """The cells of a contender; tie: whether others tie with the best."""
    verdict = {
        "best": "best (tied)" if tie else "best",
        "tied": "tied with best",
        "undecided": _undecided(row),
    }
    return (
        row.contender,
        format_time(row.time_s),
        format_ratio(row.ratio.value if row.ratio else None),
        format_interval(row.ratio),
        verdict.get(row.verdict, row.verdict),
        format_rate(row.gb_per_s),
        format_rate(row.gflop_per_s),
        format_share(row.share),
        format_bytes(row.peak_bytes),
        format_time(row.preparation_s),
        str(row.samples) if row.samples else NOTHING,
        row.note,
    )


def _winners_row(board: Board) -> tuple[str, ...]:
    """The cells of a case; "-" where no contender was measured."""
    start = (board.case.label, board.case.sizes)
    if not board.measured:
        return (*start, *[NOTHING] * 6)
    best, *others = board.measured
    near = [row for row in others if row.verdict in ("tied", "undecided")]
    slower = [row for row in others if row.verdict == "slower"]
    return (
        *start,
        best.contender,
        format_time(best.time_s),
        format_share(best.share),
        ", ".join(row.contender + ("" if row.verdict == "tied" else " (perhaps)") for row in near),
        _at_ratio(slower[0]) if slower else "",
        _at_ratio(slower[-1]) if len(slower) > 1 else "",
    )


def _at_ratio(row: Row) -> str:
    """A contender's name with its ratio to the best."""
    return f"{row.contender} {format_ratio(row.ratio.value if row.ratio else None)}"


def _undecided(row: Row) -> str:
    """The verdict with the detectable ratio, where there is one."""
    ratio = format_ratio(row.detectable)
    return "undecided" if ratio == NOTHING else f"undecided (detectable: {ratio})"
