"""A sentence of advice for a case: which contender to use, and by how much at least.

It says no more than the ranking shows. The ends of intervals are quoted and never their middles;
where the best isn't ahead of any other, or threads waited for cores, nothing is advised.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from opbench.results.ranking.ceilings import is_suspicious
from opbench.results.ranking.leaderboard import Board, Row
from opbench.results.records import Record

#: The name by which torch's own function is a contender.
TORCH = "torch"
#: More names than these aren't listed.
_MOST_NAMES = 3
#: By contender, the input kinds and layouts on which it admits to be wrong.
Caveats = Mapping[str, tuple[str, ...]]
#: By contender, whether it takes a compiler; without those of which nobody knows.
Compiled = Mapping[str, bool]


def caveats_of(board: Board, records: Iterable[Record]) -> Caveats:
    """The caveats of the contenders of a case."""
    return {
        record.contender: tuple(kind for kind, _ in record.caveats)
        for record in records
        if record.case == board.case and record.caveats
    }


def compiled_of(board: Board, records: Iterable[Record]) -> Compiled:
    """Which contenders of a case take a compiler, as far as their records say."""
    return {
        record.contender: record.compiled
        for record in records
        if record.case == board.case and record.compiled is not None
    }


def advice(board: Board, caveats: Caveats, compiled: Compiled) -> str:
    """The sentence; "" where the numbers carry none."""
    if not board.measured:
        return ""
    best, *others = board.measured
    behind = [row for row in others if row.verdict == "slower" and _is_bounded(row)]
    if best.verdict != "best" or not behind or not all(map(_is_sound, (best, *behind))):
        return ""
    level = [row for row in others if row.verdict in ("tied", "undecided")]
    lead = _lead(best, level, _compared_with(behind))
    return "; ".join((lead, *_exceptions(best, [*level, *behind], caveats, compiled)))


def _is_bounded(row: Row) -> bool:
    """Whether the ratio of a contender has two ends."""
    return row.ratio is not None and row.ratio.low > 1 and math.isfinite(row.ratio.high)


def _is_sound(row: Row) -> bool:
    """Whether the times of a contender can be believed."""
    return not row.waited and (row.share is None or not is_suspicious(row.share))


def _compared_with(behind: list[Row]) -> Row:
    """The contender that the best is compared with: torch's own, else the next."""
    return next((row for row in behind if row.contender == TORCH), behind[0])


def _lead(best: Row, level: list[Row], other: Row) -> str:
    """Which to use, what is as good, and by how much it is faster than another."""
    name = "torch's own" if best.contender == TORCH else best.contender
    use = f"use {name}"
    if level:
        names = ", ".join(row.contender for row in level[:_MOST_NAMES])
        more = f" and {len(level) - _MOST_NAMES} more" if len(level) > _MOST_NAMES else ""
        is_tie = all(row.verdict == "tied" for row in level)
        use += f" or {names}{more} ({'tied' if is_tie else 'which is faster is undecided'})"
        use += f": {name} is"
    else:
        use += ":"
    of = "torch's own" if other.contender == TORCH else f"the next, {other.contender}"
    return f"{use} at least {_at_least(other)} times as fast as {of}"


def _exceptions(best: Row, others: list[Row], caveats: Caveats, compiled: Compiled) -> list[str]:
    """What to use where the best can't be: without a compiler, or on what it gets wrong."""
    found = []
    if compiled.get(best.contender):
        found += _instead(
            "without a compiler",
            others,
            lambda row: compiled.get(row.contender) is False and row.contender not in caveats,
        )
    if kinds := caveats.get(best.contender):
        found += _instead(
            f"on {' or '.join(kinds)} inputs, which it gets wrong,",
            others,
            lambda row: row.contender not in caveats,
        ) or [f"it is wrong on {' or '.join(kinds)} inputs"]
    return found


def _instead(where: str, others: list[Row], is_fit: Callable[[Row], bool]) -> list[str]:
    """The first that is fit, and how long it takes; none where no other is."""
    row = next(filter(is_fit, others), None)
    if row is None:
        return []
    if row.verdict != "slower":
        return [f"{where} {row.contender}"]
    return [f"{where} {row.contender}, which takes at most {_at_most(row)} times as long"]


def _at_least(row: Row) -> str:
    """The low end of a ratio, rounded down."""
    assert row.ratio is not None
    return _rounded(row.ratio.low, math.floor)


def _at_most(row: Row) -> str:
    """The high end of a ratio, rounded up."""
    assert row.ratio is not None
    return _rounded(row.ratio.high, math.ceil)


def _rounded(value: float, rounding: Callable[[float], int]) -> str:
    """A ratio with two digits or more, rounded to one side."""
    places = 2 if value < 2 else 1 if value < 10 else 0
    return f"{rounding(value * 10**places) / 10**places:.{places}f}"
