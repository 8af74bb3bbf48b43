"""Tables for people, as plain strings: leaderboards and operators, with units that fit.

Nothing is drawn here: the command line, Markdown and the dashboard each draw a `Table` their way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from results.ceilings import Share, suspicious
from results.leaderboard import Board, Row
from results.record import Ceilings, Profile
from results.stats import Interval

#: Shown where there is nothing to show.
NOTHING = "-"
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
_TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTE_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the names of the columns, and rows of as many cells."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def leaderboard_table(board: Board) -> Table:
    """The contenders of a case, best first; a tie with the best is shown as a tie."""
    case = board.case
    title = " · ".join(part for part in (case.op, case.label, case.sizes) if part)
    tie = any(row.verdict == "tied" for row in board.rows)
    rows = [_leaderboard_row(row, tie=tie) for row in board.rows]
    if not any(row.device_s for row in board.rows):
        return Table(title, COLUMNS, tuple(rows))
    # Beside the host's time, where a device has events of its own.
    times = (format_time(row.device_s) for row in board.rows)
    beside = tuple((*cells[:2], time, *cells[2:]) for cells, time in zip(rows, times, strict=True))
    return Table(title, (*COLUMNS[:2], "device time", *COLUMNS[2:]), beside)


def winners_table(boards: Sequence[Board], *, title: str) -> Table:
    """Who won each case: the best, who can't be told from it, who comes next, and who last."""
    columns = ("case", "sizes", "best", "time", "ceiling", "as good", "next", "slowest")
    return Table(title, columns, tuple(map(_winners_row, boards)))


def operators_table(profile: Profile) -> Table:
    """What a profiled contender spends its time in, the operator with most time of its own first.

    Calls, times and memory are per call of the contender.
    """
    label = profile.case.label
    rows = sorted(profile.operators, key=lambda row: row.self_time_s, reverse=True)
    whole = math.fsum(row.self_time_s for row in rows)
    return Table(
        " · ".join(filter(None, (profile.case.op, profile.contender, label, profile.side))),
        ("operator", "calls", "self time", "share", "total time", "self memory"),
        tuple(
            (
                row.name,
                format_number(row.calls),
                format_time(row.self_time_s),
                f"{row.self_time_s / whole:.1%}" if whole else NOTHING,
                format_time(row.total_time_s),
                format_bytes(row.self_bytes),
            )
            for row in rows
        ),
    )


def ceilings_table(ceilings: Ceilings) -> list[Table]:
    """What a machine can do at most."""
    on = f"{ceilings.device}, {ceilings.threads} threads"
    memory = ((format_bytes(size), format_number(rate / 1e9)) for size, rate in ceilings.memory)
    matmul = ((dtype, format_number(rate / 1e9)) for dtype, rate in ceilings.matmul)
    return [
        Table(f"memory · {on}", ("bytes moved by a call", "GB/s"), tuple(memory)),
        Table(f"matrix product · {on}", ("dtype", "GFLOP/s"), tuple(matmul)),
        Table(
            f"dispatch · {on}", ("an op that does nothing",), ((format_time(ceilings.dispatch_s),),)
        ),
    ]


def format_time(seconds: float | None) -> str:
    """Three digits and the unit that fits: "12.3 µs"."""
    return _in_unit(seconds, _TIME_UNITS)


def format_bytes(count: float | None) -> str:
    """Three digits and the decimal unit that fits: "1.50 MB", "512 B"."""
    if count is not None and abs(count) < 1000 and float(count).is_integer():
        return f"{int(count)} B"
    return _in_unit(count, (*_BYTE_UNITS, (1.0, "B")))


def format_ratio(ratio: float | None) -> str:
    """How many times as long: "1.23x"."""
    if ratio is None or not math.isfinite(ratio):
        return NOTHING
    return f"{_digits(ratio)}x"


def format_interval(interval: Interval | None) -> str:
    """The ends of an interval: "[1.20, 1.26]", with "?" for an end that is not known."""
    if interval is None:
        return NOTHING
    low = _digits(interval.low) if interval.low > 0 else "?"
    high = _digits(interval.high) if math.isfinite(interval.high) else "?"
    return f"[{low}, {high}]"


def format_share(share: Share | None) -> str:
    """The share of a ceiling and which one: "83% memory"; with "!" where it can't be true."""
    if share is None:
        return NOTHING
    return f"{share.value:.0%} {share.bound}{'!' if suspicious(share) else ''}"


def format_number(value: float | None) -> str:
    """Three digits: "0.123", "12.3", "1230"."""
    if value is None or math.isnan(value):
        return NOTHING
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    rounded = float(f"{value:.2e}")
    places = 2 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:.{max(0, min(places, 6))}f}"


def _leaderboard_row(row: Row, *, tie: bool) -> tuple[str, ...]:
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
        _rate(row.gb_per_s),
        _rate(row.gflop_per_s),
        format_share(row.share),
        format_bytes(row.peak_bytes),
        format_time(row.preparation_s),
        str(row.samples) if row.samples else NOTHING,
        row.note,
    )


def _winners_row(board: Board) -> tuple[str, ...]:
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
    return f"{row.contender} {format_ratio(row.ratio.value if row.ratio else None)}"


def _undecided(row: Row) -> str:
    """With the ratio that would have been seen, where any would."""
    seen = format_ratio(row.detectable)
    return "undecided" if seen == NOTHING else f"undecided (could see {seen})"


def _rate(value: float | None) -> str:
    """A rate, where the op has one: a cost of nothing is no rate."""
    return format_number(value or None)


def _digits(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _in_unit(value: float | None, units: tuple[tuple[float, str], ...]) -> str:
    if value is None or math.isnan(value):
        return NOTHING
    if value == 0:
        return f"0 {units[-1][1]}"
    # 999.6 rounds to 1000: what would be shown decides about the unit.
    scale, unit = next((u for u in units if abs(value) >= u[0] * 0.9995), units[-1])
    return f"{format_number(value / scale)} {unit}"
