"""Leaderboards: who is best on a case, by how much, and who ties. Derived from records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from results.record import Case, Measured, Record, Wrong
from results.stats import Interval, by_round, median, paired_log_ratios, ratio_interval

#: Contenders whose ratio to the best is surely below this are tied with it.
TIE = 0.01


@dataclass(frozen=True, slots=True)
class Row:
    """One contender on a case. Times and ratio are None where it was not measured.

    verdict: "best", "tied", "slower", "undecided", "wrong", "unsupported" or "failed".
    note: the reason where it was not measured, its caveats otherwise.
    """

    contender: str
    verdict: str
    time_s: float | None = None
    ratio: Interval | None = None
    gb_per_s: float | None = None
    gflop_per_s: float | None = None
    peak_bytes: int | None = None
    preparation_s: float | None = None
    error: float | None = None
    samples: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """The contenders of one case, best first; those that were not measured come last."""

    case: Case
    rows: tuple[Row, ...]

    @property
    def measured(self) -> tuple[Row, ...]:
        """The rows that have times."""
        return tuple(row for row in self.rows if row.time_s is not None)


def boards(records: Iterable[Record], *, tie: float = TIE) -> tuple[Board, ...]:
    """One board per case, in the order in which the cases first appear."""
    cases: dict[Case, list[Record]] = {}
    for record in records:
        cases.setdefault(record.case, []).append(record)
    return tuple(board(case, group, tie=tie) for case, group in cases.items())


def board(case: Case, records: Iterable[Record], *, tie: float = TIE) -> Board:
    """The board of one case from the records of its contenders."""
    group = list(records)
    timed = [(r, r.outcome) for r in group if isinstance(r.outcome, Measured)]
    best = best_of([measured for _, measured in timed]) if timed else None
    rows = [_timed_row(record, m, best or m, tie=tie) for record, m in timed]
    rows.sort(key=_rank)
    others = [_other_row(r) for r in group if not isinstance(r.outcome, Measured)]
    order = ("wrong", "failed", "unsupported")
    others.sort(key=lambda row: (order.index(row.verdict), row.contender))
    return Board(case, (*rows, *others))


def best_of(timed: Sequence[Measured]) -> Measured:
    """The one, of at least one, that is quickest in the rounds it shares with the others.

    The smallest median may belong to another: one that left the race early, and only knows its
    quiet beginning.
    """
    best, *rest = sorted(timed, key=lambda measured: median(measured.samples_s))
    for measured in rest:
        if _log_ratio(measured, best) < 0:
            best = measured
    return best


def ratio_to(measured: Measured, best: Measured) -> Interval:
    """How many times as long as `best` it takes, from the rounds that both were timed in."""
    if measured is best:
        return Interval(1.0, 1.0, 1.0)
    return ratio_interval(_log_ratios(measured, best))


def verdict_of(ratio: Interval, *, tie: float) -> str:
    """Tied where the interval ends below 1 + tie, slower where it begins above 1."""
    if ratio.high <= 1 + tie:
        return "tied"
    return "slower" if ratio.low > 1 else "undecided"


def _log_ratios(measured: Measured, best: Measured) -> Sequence[float]:
    pair = (by_round(m.rounds, m.samples_s) for m in (measured, best))
    return paired_log_ratios(*pair).tolist()


def _log_ratio(measured: Measured, best: Measured) -> float:
    ratios = _log_ratios(measured, best)
    return median(ratios) if ratios else 0.0


def _rank(row: Row) -> tuple[bool, float]:
    ratio = row.ratio.value if row.ratio else math.nan
    return row.verdict != "best", math.inf if math.isnan(ratio) else ratio


def _timed_row(record: Record, measured: Measured, best: Measured, *, tie: float) -> Row:
    ratio = ratio_to(measured, best)
    time_s = median(measured.samples_s)
    return Row(
        record.contender,
        "best" if measured is best else verdict_of(ratio, tie=tie),
        time_s=time_s,
        ratio=ratio,
        gb_per_s=measured.bytes / time_s / 1e9,
        gflop_per_s=measured.flops / time_s / 1e9,
        peak_bytes=measured.peak_bytes,
        preparation_s=measured.preparation_s,
        error=measured.error,
        samples=len(measured.samples_s),
        note="; ".join(f"{kind}: {text}" for kind, text in record.caveats),
    )


def _other_row(record: Record) -> Row:
    outcome = record.outcome
    assert not isinstance(outcome, Measured)
    error = outcome.error if isinstance(outcome, Wrong) else None
    return Row(record.contender, type(outcome).__name__.lower(), error=error, note=outcome.reason)
