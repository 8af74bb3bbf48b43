"""Leaderboards: the contenders of a case by their verdicts and ratios, derived from records."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from opbench.results.ranking.ceilings import Share, share
from opbench.results.ranking.verdicts import RaceVerdict, Samples, Standing, standings
from opbench.results.ranking.waiting import threads_waited
from opbench.results.records import Case, Ceilings, Failed, Measured, Record, Rules, Wrong
from opbench.results.records.anchors import without_anchors
from opbench.results.records.run_folder import RunFolder
from opbench.results.statistics.interval import Interval
from opbench.results.statistics.intervals import median

#: The verdict of a race, or the outcome of a contender that was not timed.
RowVerdict = Literal[RaceVerdict, "wrong", "failed", "unsupported"]
#: The order of those that were not timed.
_UNTIMED = ("wrong", "failed", "unsupported")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A contender on a case; a number is None where it was not measured or isn't known."""

    contender: str
    verdict: RowVerdict
    #: The median of its samples.
    time_s: float | None = None
    #: Its time over the best's.
    ratio: Interval | None = None
    #: Of the undecided, the smallest ratio that would have been shown to be slower.
    detectable: float | None = None
    #: Its share of the machine's ceiling.
    share: Share | None = None
    #: Compulsory traffic over the time.
    gb_per_s: float | None = None
    #: Compulsory arithmetic over the time.
    gflop_per_s: float | None = None
    #: The time by the device's own events.
    device_s: float | None = None
    #: The most memory that a call held at once.
    peak_bytes: int | None = None
    preparation_s: float | None = None
    #: The largest that the check found, as a multiple of the tolerance.
    error: float | None = None
    #: How many.
    samples: int = 0
    #: Why it was not timed; else its caveats, that it was timed by itself, and the beginning of its
    #: printed output.
    note: str = ""
    #: Whether its threads most probably waited for cores that other processes used.
    waited: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """The contenders of one case, best first; those that were not measured come last.

    Contenders that were not measured are wrong first, then failed, then unsupported.
    """

    case: Case
    rows: tuple[Row, ...]

    @property
    def measured(self) -> tuple[Row, ...]:
        """The rows that have times."""
        return tuple(row for row in self.rows if row.time_s is not None)


def boards(
    records: Iterable[Record], *, rules: Rules | None = None, ceilings: Sequence[Ceilings] = ()
) -> tuple[Board, ...]:
    """One board per case, in the order in which the cases first appear.

    rules: by which races are decided, the defaults where None. ceilings: of the machine, for the
    shares of them.
    """
    cases: dict[Case, list[Record]] = {}
    for record in records:
        cases.setdefault(record.case, []).append(record)
    return tuple(
        board(case, group, rules=rules, ceilings=ceilings) for case, group in cases.items()
    )


def boards_of(run: RunFolder) -> tuple[Board, ...]:
    """The boards of a run, by the rules of its races; anchors are on none."""
    return boards(without_anchors(run.records()), rules=run.info.rules, ceilings=run.ceilings())


def board(
    case: Case,
    records: Iterable[Record],
    *,
    rules: Rules | None = None,
    ceilings: Sequence[Ceilings] = (),
) -> Board:
    """The board of one case from the records of its contenders.

    ceilings: of the machine, for each contender's share of them.
    """
    group = list(records)
    timed = {r.contender: (r, r.outcome) for r in group if isinstance(r.outcome, Measured)}
    race = {name: samples_of(measured, name) for name, (_, measured) in timed.items()}
    ranks = standings(race, rules or Rules()) if race else {}
    ceiling = next(
        (c for c in ceilings if (c.device, c.threads) == (case.device, case.threads)), None
    )
    best = next((timed[name][1] for name, s in ranks.items() if s.verdict == "best"), None)
    rows = [
        _timed_row(record, measured, _by_medians(ranks[name], measured, best), ceiling)
        for name, (record, measured) in timed.items()
    ]
    rows.sort(key=_order)
    others = [_untimed_row(r) for r in group if not isinstance(r.outcome, Measured)]
    others.sort(key=lambda row: (_UNTIMED.index(row.verdict), row.contender))
    return Board(case, (*rows, *others))


def samples_of(measured: Measured, contender: str) -> Samples:
    """The samples by round, or by process and round where there were several processes.

    A contender that was timed by itself gets keys that no other contender has.
    """
    if not measured.rounds:
        keys: Iterable[Hashable] = ((contender, n) for n in range(len(measured.samples_s)))
    elif len(set(measured.units)) > 1:
        keys = zip(measured.units, measured.rounds, strict=True)
    else:
        keys = measured.rounds
    return dict(zip(keys, measured.samples_s, strict=True))


def _by_medians(standing: Standing, measured: Measured, best: Measured | None) -> Standing:
    """The standing of one timed by itself: a ratio of medians, of which nothing is decided."""
    if best is None or best is measured or (measured.rounds and best.rounds):
        return standing
    ratio = median(measured.samples_s) / median(best.samples_s)
    return replace(standing, ratio=Interval(ratio, 0.0, math.inf))


def _order(row: Row) -> tuple[bool, float]:
    """A key that sorts rows: the best first, the others by their ratios."""
    ratio = row.ratio.value if row.ratio else math.nan
    return row.verdict != "best", math.inf if math.isnan(ratio) else ratio


def _timed_row(
    record: Record, measured: Measured, standing: Standing, ceilings: Ceilings | None
) -> Row:
    """The row of a contender that was measured."""
    time_s = median(measured.samples_s)
    waits = _waits(record.case, measured)
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
        preparation_s=_unless_nan(measured.preparation_s),
        error=_unless_nan(measured.error),
        samples=len(measured.samples_s),
        note=_note(record, measured, waits=waits),
        waited=waits,
    )


def _unless_nan(value: float) -> float | None:
    """None for NaN, which stands for a number that another program didn't measure."""
    return None if math.isnan(value) else value


def _share_of(
    case: Case, measured: Measured, time_s: float, ceilings: Ceilings | None
) -> Share | None:
    """The share of the ceilings; None where they aren't known."""
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


def _waits(case: Case, measured: Measured) -> bool:
    """Whether a contender's threads waited for cores, as far as its samples show."""
    # An accelerator's times say nothing of the host's threads.
    on_host = case.device == "cpu" and bool(measured.rounds)
    return on_host and threads_waited(
        measured.samples_s, calls=measured.calls, threads=case.threads
    )


def _note(record: Record, measured: Measured, *, waits: bool) -> str:
    """The parts of a row's note, where they apply."""
    parts = [
        "threads waited for cores: its time is the scheduler's" if waits else "",
        *(f"{kind}: {text}" for kind, text in record.caveats),
        "" if measured.rounds else "timed by itself: nothing is decided",
        _printed(record),
    ]
    return "; ".join(filter(None, parts))


def _printed(record: Record) -> str:
    """The beginning of its printed output, on one line."""
    text = " ".join(record.output.split())
    return f"printed {text[:60]!r}" if text else ""


def _untimed_row(record: Record) -> Row:
    """The row of a contender that is wrong, failed or unsupported."""
    outcome = record.outcome
    assert not isinstance(outcome, Measured)
    note = "; ".join(filter(None, (outcome.reason, _printed(record))))
    if isinstance(outcome, Wrong):
        return Row(contender=record.contender, verdict="wrong", error=outcome.error, note=note)
    verdict: RowVerdict = "failed" if isinstance(outcome, Failed) else "unsupported"
    return Row(contender=record.contender, verdict=verdict, note=note)
