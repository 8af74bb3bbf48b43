"""What may be chosen in a situation, and what is left out and why.

A contender is chosen for shapes that nobody measured. So it is left out of all where it wasn't
timed on one: what it does on the next shape of that kind isn't known, and it would run there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from opbench.results.choosing.situations import Row
from opbench.results.records import Failed, Measured, Record, Unsupported, Wrong
from opbench.results.report.table import format_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a contender has to fulfil to be chosen."""

    #: The input kinds and layouts on which it may be wrong.
    accepted: frozenset[str] = frozenset()
    #: The most memory that a call may hold at once; None for no limit.
    max_memory: int | None = None
    #: Whether it may need a compiler.
    compiler: bool = True
    #: Contenders that are never chosen, each with the reason.
    barred: Mapping[str, str] = field(default_factory=dict)


def left_out(
    rows: Sequence[Row], records: Iterable[Record], conditions: Conditions
) -> dict[str, str]:
    """By contender that may not be chosen, the reason; all others were timed on every row.

    records: of the situation's races, those of older runs first.
    """
    by_name: dict[str, list[Record]] = {}
    for record in records:
        by_name.setdefault(record.contender, []).append(record)
    names = {*by_name, *(name for row in rows for name in row.times)}
    reasons = {
        name: next(_reasons(name, by_name.get(name, []), rows, conditions), "") for name in names
    }
    return {name: reason for name, reason in sorted(reasons.items()) if reason}


def _reasons(
    name: str, records: Collection[Record], rows: Sequence[Row], conditions: Conditions
) -> Iterator[str]:
    """The reasons for which a contender may not be chosen, the weightiest first."""
    if name in conditions.barred:
        yield conditions.barred[name]
    yield from _outcomes(records, rows)
    caveats = dict(caveat for record in records for caveat in record.caveats)
    for kind, text in caveats.items():
        if kind not in conditions.accepted:
            yield f"wrong on {kind} inputs: {text} (--accept {kind})"
    compiled = {record.compiled for record in records}
    if not conditions.compiler and compiled != {False}:
        unknown = "a run of an earlier opbench doesn't say whether it needs a compiler"
        yield "needs a compiler" if True in compiled else unknown
    most, limit = _most_memory(name, rows), conditions.max_memory
    if limit is not None and most is None:
        yield "how much memory it takes wasn't measured"
    elif limit is not None and most is not None and most > limit:
        yield f"takes up to {format_bytes(most)} (--max-memory {format_bytes(limit)})"
    missing = [row for row in rows if name not in row.times]
    if missing:
        where = missing[0].shape
        yield f"not raced on {len(missing)} of {len(rows)} shapes, {where} first: race it there"


def _outcomes(records: Collection[Record], rows: Sequence[Row]) -> Iterator[str]:
    """Where it was not timed for a fault of its own; the latest record of a shape counts."""
    latest = {record.case: record for record in records}
    shapes = {row.shape for row in rows}
    bad = [r for r in latest.values() if not isinstance(r.outcome, Measured)]
    for kind, word in ((Wrong, "wrong"), (Failed, "failed"), (Unsupported, "unsupported")):
        some = [r for r in bad if isinstance(r.outcome, kind)]
        if some:
            outcome = some[0].outcome
            assert not isinstance(outcome, Measured)
            everywhere = len(some) >= len(shapes)
            where = "" if everywhere else f" on {len(some)} of {len(latest)} shapes"
            yield f"{word}{where}: {outcome.reason}"


def _most_memory(name: str, rows: Iterable[Row]) -> int | None:
    """The most that a call held at once on any row; None where that isn't known of one."""
    times = [row.times[name] for row in rows if name in row.times]
    peaks = [time.peak_bytes for time in times if not time.is_implied]
    known = [peak for peak in peaks if peak is not None]
    return max(known) if known and len(known) == len(peaks) else None
