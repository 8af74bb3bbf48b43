"""Runs as tidy tables, for pandas and for the formats that are tables.

Beside the measurements stand the verdicts, which are derived: times of different cases, or of
different runs, can't be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.results.errors import NothingRecordedError
from opbench.results.ranking.leaderboard import Row, boards
from opbench.results.records import Case, Measured, Paired, Record, Rules, Uncompared, Unit
from opbench.results.records.anchors import is_anchor, without_anchors
from opbench.results.records.run_folder import RunFolder
from opbench.results.regression.report import Report, find_report
from opbench.results.regression.verdicts import Finding
from opbench.results.statistics.intervals import median
from opbench.results.store.opening import open_run

if TYPE_CHECKING:
    import pandas as pd

#: Fields that a job has per sample, and a row of the table by sample has once.
_PER_SAMPLE = ("samples_s", "rounds", "units", "device_s")


def read(run: str | Path, *, by: str = "job") -> pd.DataFrame:
    """A run as a tidy table: one row per job, or with by="sample" one per sample.

    Columns: `anchor`, whether the job is of a machine anchor; the fields of the case, one
    `axis_<name>` per axis, contender, outcome, its fields (times in seconds), `reason`, and of
    the leaderboard: `verdict`, `ratio` to the best of the case, and the ends of its interval,
    `low` and `high` (0 and infinite where nothing is known).
    Of a gate a row per contender and case with its verdict, and the ratio of head to base; by
    sample one per round of each unit, with the seconds of base and head.
    The frame is empty where none of that was recorded. Raises RunFolderError where `run` is not
    a run, ValueError where `by` is neither.
    """
    if by not in ("job", "sample"):
        raise ValueError(f"by={by!r} is not one of job, sample")
    folder = open_run(run)
    report = find_report(folder)
    if report is not None:
        return _frame(_gate_rows(report) if by == "job" else _unit_rows(folder))
    jobs = folder.records()
    ranks = _ranks(jobs, folder.info.rules)
    if by == "job":
        return _frame([_job_row(record, ranks) for record in jobs])
    return _frame([row for record in jobs for row in _sample_rows(record, ranks)])


def read_some(run: str | Path, *, by: str) -> pd.DataFrame:
    """As `read`; raises NothingRecordedError where the frame would be empty."""
    frame = read(run, by=by)
    if frame.empty:
        raise nothing_in(open_run(run), "sample" if by == "sample" else "race or gate")
    return frame


def nothing_in(folder: RunFolder, what: str) -> NothingRecordedError:
    """The error that a run holds no `what`, which says what it holds instead."""
    if find_report(folder) is not None:
        other = "it is a gate's: use --format markdown, csv, json or parquet"
    elif folder.profiles():
        other = "it is a profile: use --format markdown, or `opbench show`"
    else:
        other = "name another run"
    return NothingRecordedError(f"there is no {what} in {folder.path}; {other}")


def _frame(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """A frame in which a column of integers stays one where some jobs have no value."""
    import pandas as pd

    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    types = {name: {type(v) for v in values if v is not None} for name, values in columns.items()}
    holes = [name for name, values in columns.items() if types[name] == {int} and None in values]
    return pd.DataFrame(columns).astype(dict.fromkeys(holes, "Int64"))


Ranks = Mapping[tuple[Case, str], Row]


def _ranks(jobs: Iterable[Record], rules: Rules) -> Ranks:
    """The rows of the leaderboard by case and contender; anchors are on none."""
    ranked = boards(without_anchors(jobs), rules=rules)
    return {(board.case, row.contender): row for board in ranked for row in board.rows}


def _sample_rows(record: Record, ranks: Ranks) -> Iterator[dict[str, object]]:
    """A row for each sample of a job; none where it wasn't measured."""
    outcome = record.outcome
    if isinstance(outcome, Measured):
        row = _job_row(record, ranks)
        del row["median_s"]
        count = len(outcome.samples_s)
        units, rounds = outcome.units or (0,) * count, outcome.rounds or (None,) * count
        device = outcome.device_s or (None,) * count
        for unit, number, time_s, device_s in zip(
            units, rounds, outcome.samples_s, device, strict=True
        ):
            sample = {"process": unit, "round": number, "time_s": time_s, "device_s": device_s}
            yield row | sample


def _rank_columns(rank: Row | None) -> dict[str, object]:
    """The columns of a contender's place on its leaderboard; empty where it is on none."""
    ratio = rank.ratio if rank else None
    low, high = (ratio.low, ratio.high) if ratio else (None, None)
    columns: dict[str, object] = {
        "verdict": rank.verdict if rank else None,
        "ratio": ratio.value if ratio else None,
    }
    return columns | {"low": low, "high": high}


def _job_row(record: Record, ranks: Ranks) -> dict[str, object]:
    """The row of a job: its case, its outcome's fields and its verdict."""
    outcome = record.outcome
    row: dict[str, object] = {
        "contender": record.contender,
        "anchor": is_anchor(record),
        **_case_columns(record.case),
        "outcome": type(outcome).__name__,
        "fingerprint": record.fingerprint,
        "environment_key": record.environment_key,
        "caveats": "; ".join(f"{kind}: {text}" for kind, text in record.caveats),
        "output": record.output,
        **_rank_columns(ranks.get((record.case, record.contender))),
    }
    names = (n for cls in type(outcome).__mro__ for n in getattr(cls, "__slots__", ()))
    row |= {name: getattr(outcome, name) for name in names if name not in _PER_SAMPLE}
    if isinstance(outcome, Measured):
        row["median_s"] = median(outcome.samples_s)
    return row


def _gate_rows(report: Report) -> list[dict[str, object]]:
    """A row for each finding and each uncompared contender of a gate."""
    accepted = [item for item, _ in report.accepted]
    items: Iterable[Finding | Uncompared] = (*report.findings, *report.uncompared)
    return [
        {
            "contender": item.contender,
            **_case_columns(item.case),
            **(_compared(item) if isinstance(item, Finding) else _uncompared(item)),
            "accepted": item in accepted,
        }
        for item in items
    ]


def _compared(finding: Finding) -> dict[str, object]:
    """The columns of a finding."""
    return {
        "verdict": finding.verdict,
        "ratio": finding.ratio.value,
        "low": finding.ratio.low,
        "high": finding.ratio.high,
        "units": finding.units,
        "spread": finding.spread,
        "detectable": finding.detectable,
        "method": finding.method,
        "role": finding.role,
    }


def _uncompared(item: Uncompared) -> dict[str, object]:
    """The columns of a contender that wasn't compared."""
    sides = {"base": item.outcome.base, "head": item.outcome.head}
    reasons = {name: getattr(outcome, "reason", None) for name, outcome in sides.items()}
    given = (f"{name}: {reason}" for name, reason in reasons.items() if reason)
    return {"verdict": item.status, "reason": "; ".join(given)}


def _unit_rows(folder: RunFolder) -> list[dict[str, object]]:
    """A row for each round of each unit of a gate."""
    return [
        {
            "contender": unit.contender,
            **_case_columns(unit.case),
            "method": unit.method,
            "role": unit.role,
            "unit": unit.number,
            "injected": unit.injected,
            **times,
        }
        for unit in folder.lines()
        if isinstance(unit, Unit)
        for times in _rounds(unit.times)
    ]


def _rounds(times: Paired) -> Iterator[dict[str, object]]:
    """The columns of each round: seconds of base and head."""
    for number, (base_s, head_s) in enumerate(zip(times.base_s, times.head_s, strict=True)):
        yield {"round": number, "base_s": base_s, "head_s": head_s}


def _case_columns(case: Case) -> dict[str, object]:
    """The columns of a case: its fields, and one for each axis."""
    columns = {name: getattr(case, name) for name in Case.__slots__ if name != "axes"}
    return columns | {f"axis_{name}": value for name, value in case.axes}
