"""Leaderboards: who is best on a case, by how much, and who ties. Derived from records."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from opbench.results.ranking.ceilings import Share, share
from opbench.results.ranking.verdicts import Samples, Standing, standings
from opbench.results.ranking.waiting import waited
from opbench.results.records import Case, Ceilings, Measured, Record, Rules, Wrong
from opbench.results.records.anchors import without_anchors
from opbench.results.records.run_folder import RunFolder
from opbench.results.statistics.intervals import Interval, median


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One contender on a case. Times and ratio are None where it was not measured.

    verdict: "best", "tied", "slower", "undecided", "wrong", "unsupported" or "failed".
    detectable: of the undecided, the ratio that would have been found slower.
    share: how much of the machine's ceiling it reaches, where that is known.
    device_s: the time by the device's own events.
    waited: whether its threads most probably waited for cores that others had.
    note: the reason where it was not measured, its caveats otherwise; that it was timed by itself,
    where its ratio is one of medians and its verdict open; and what it printed.
    """

    contender: str
    verdict: str
    time_s: float | None = None
    ratio: Interval | None = None
    detectable: float | None = None
    share: Share | None = None
    gb_per_s: float | None = None
    gflop_per_s: float | None = None
    device_s: float | None = None
    peak_bytes: int | None = None
    preparation_s: float | None = None
    error: float | None = None
    samples: int = 0
    note: str = ""
    waited: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """The contenders of one case, best first; those that were not measured come last."""

    case: Case
    rows: tuple[Row, ...]

    @property
    def measured(self) -> tuple[Row, ...]:
        """The rows that have times."""
        return tuple(row for row in self.rows if row.time_s is not None)


def boards(
    records: Iterable[Record], *, rules: Rules | None = None, ceilings: Sequence[Ceilings] = ()
) -> tuple[Board, ...]:
    """One board per case, in the order in which the cases first appear."""
    cases: dict[Case, list[Record]] = {}
    for record in records:
        cases.setdefault(record.case, []).append(record)
    return tuple(
        board(case, group, rules=rules, ceilings=ceilings) for case, group in cases.items()
    )


def boards_of(run: RunFolder) -> tuple[Board, ...]:
    """The boards of a run, decided by the rules that it was raced by; anchors are on none."""
    return boards(without_anchors(run.records()), rules=run.info.rules, ceilings=run.ceilings())


def board(
    case: Case,
    records: Iterable[Record],
    *,
    rules: Rules | None = None,
    ceilings: Sequence[Ceilings] = (),
) -> Board:
    """The board of one case from the records of its contenders.

    ceilings: of the machine, to tell each contender's share of them.
    """
    group = list(records)
    timed = {r.contender: (r, r.outcome) for r in group if isinstance(r.outcome, Measured)}
    race = {name: samples_of(measured, name) for name, (_, measured) in timed.items()}
    found = standings(race, rules or Rules()) if race else {}
    ceiling = next(
        (c for c in ceilings if (c.device, c.threads) == (case.device, case.threads)), None
    )
    best = next((timed[name][1] for name, s in found.items() if s.verdict == "best"), None)
    rows = [
        _timed_row(record, measured, _by_medians(found[name], measured, best), ceiling)
        for name, (record, measured) in timed.items()
    ]
    rows.sort(key=_rank)
    others = [_other_row(r) for r in group if not isinstance(r.outcome, Measured)]
    order = ("wrong", "failed", "unsupported")
    others.sort(key=lambda row: (order.index(row.verdict), row.contender))
    return Board(case, (*rows, *others))


def samples_of(measured: Measured, contender: str) -> Samples:
    """The samples by round, or by process and round where there were several processes.

    Where the contender was timed by itself, by what no other contender has.
    """
    if not measured.rounds:
        keys: Iterable[Hashable] = ((contender, n) for n in range(len(measured.samples_s)))
    elif len(set(measured.units)) > 1:
        keys = zip(measured.units, measured.rounds, strict=True)
    else:
        keys = measured.rounds
    return dict(zip(keys, measured.samples_s, strict=True))


def _by_medians(standing: Standing, measured: Measured, best: Measured | None) -> Standing:
    """Of two that were timed by themselves nothing is decided, and their medians are compared."""
    if best is None or best is measured or (measured.rounds and best.rounds):
        return standing
    ratio = median(measured.samples_s) / median(best.samples_s)
    return replace(standing, ratio=Interval(ratio, 0.0, math.inf))


def _rank(row: Row) -> tuple[bool, float]:
    ratio = row.ratio.value if row.ratio else math.nan
    return row.verdict != "best", math.inf if math.isnan(ratio) else ratio


def _timed_row(
    record: Record, measured: Measured, standing: Standing, ceilings: Ceilings | None
) -> Row:
    time_s = median(measured.samples_s)
    waits = _waited(record.case, measured)
    return Row(
        contender=record.contender,
        verdict=standing.verdict,
        time_s=time_s,
        ratio=standing.ratio,
        detectable=standing.detectable,
        share=_share_of(record.case, measured, time_s, ceilings),
        gb_per_s=measured.bytes / time_s / 1e9,
        gflop_per_s=measured.flops / time_s / 1e9,
        device_s=median(measured.device_s) if measured.device_s else None,
        peak_bytes=measured.peak_bytes,
        preparation_s=_known(measured.preparation_s),
        error=_known(measured.error),
        samples=len(measured.samples_s),
        note="; ".join((*_waits(waits), *_caveats(record), *_apart(measured), *_printed(record))),
        waited=waits,
    )


def _known(value: float) -> float | None:
    """NaN is what another program didn't measure."""
    return None if math.isnan(value) else value


def _share_of(
    case: Case, measured: Measured, time_s: float, ceilings: Ceilings | None
) -> Share | None:
    if ceilings is None:
        return None
    return share(
        time_s,
        flops=measured.flops,
        bytes=measured.bytes,
        dtype=case.dtype,
        cache=case.cache,
        ceilings=ceilings,
    )


def _waited(case: Case, measured: Measured) -> bool:
    """Of an accelerator's times the host's threads tell nothing."""
    on_host = case.device == "cpu" and bool(measured.rounds)
    return on_host and waited(measured.samples_s, calls=measured.calls, threads=case.threads)


def _waits(waits: bool) -> tuple[str, ...]:
    return ("threads waited for cores: its time is the scheduler's",) if waits else ()


def _caveats(record: Record) -> tuple[str, ...]:
    return tuple(f"{kind}: {text}" for kind, text in record.caveats)


def _apart(measured: Measured) -> tuple[str, ...]:
    """That its rounds weren't shared with anybody."""
    return () if measured.rounds else ("timed by itself: nothing is decided",)


def _printed(record: Record) -> tuple[str, ...]:
    """That it printed something, with the beginning of it in one line."""
    text = " ".join(record.output.split())
    return (f"printed {text[:60]!r}",) if text else ()


def _other_row(record: Record) -> Row:
    outcome = record.outcome
    assert not isinstance(outcome, Measured)
    error = outcome.error if isinstance(outcome, Wrong) else None
    note = "; ".join((outcome.reason, *_printed(record)))
    return Row(
        contender=record.contender, verdict=type(outcome).__name__.lower(), error=error, note=note
    )
