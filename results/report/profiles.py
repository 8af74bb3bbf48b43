"""Tables of a contender's operators, and of the difference between two profiles."""

from __future__ import annotations

import math
from pathlib import PurePosixPath

from opbench.results.records import Profile
from opbench.results.regression.profile_diff import OperatorChange, ProfileDiff, growth
from opbench.results.report.counts import counted
from opbench.results.report.declared_cost import is_contradicted, is_in_sight
from opbench.results.report.table import (
    NOTHING,
    Table,
    format_bytes,
    format_flops,
    format_number,
    format_time,
)

#: The share of the time, of operators that operations are counted of, from which all are counted.
_NEARLY_ALL = 0.9
#: Columns of a difference.
COLUMNS = (
    "operator",
    "change",
    "base calls",
    "head calls",
    "base self time",
    "head self time",
    "difference",
    "grown",
)


def difference_table(diff: ProfileDiff, *, top: int | None = None) -> Table:
    """A row per operator, the one that grew most first; per call of the contender.

    top: only so many, whose time changed most; all where None.
    """
    shown = diff.operators if top is None else diff.most_changed(top)
    return Table(
        f"{diff.case.op} · {diff.contender} · {diff.case.label} · head against base",
        COLUMNS,
        tuple(map(_row, shown)),
    )


def summary(diff: ProfileDiff) -> str:
    """In a line, the time of all operators together and the peak memory of a call, in both."""
    time = f"{format_time(diff.base_s)} to {format_time(diff.head_s)}"
    memory = f"{format_bytes(diff.base_bytes)} to {format_bytes(diff.head_bytes)}"
    grown = _percent(growth(diff.base_s, diff.head_s))
    return f"all operators per call: {time} ({grown})   peak memory: {memory}"


def _row(change: OperatorChange) -> tuple[str, ...]:
    """The cells of an operator's change."""
    return (
        change.name,
        "" if change.status == "both" else change.status,
        format_number(change.base_calls),
        format_number(change.head_calls),
        format_time(change.base_s) if change.base_calls else NOTHING,
        format_time(change.head_s) if change.head_calls else NOTHING,
        ("+" if change.grown_s > 0 else "") + format_time(change.grown_s),
        _percent(change.grown),
    )


def _percent(share: float | None) -> str:
    """A signed share in percent; "-" for None."""
    return NOTHING if share is None else f"{share:+.1%}"


def work_lines(profile: Profile) -> tuple[str, ...]:
    """The work of a call beside what its op declares; and, where they can't both be, that.

    A contender that is right does what is declared, or more. That is compared only where nearly all
    of a call is in operators, and of operations where they are counted of nearly all of these.
    """
    work = profile.work
    if work is None:
        return ()
    moved = "bytes not seen" if work.bytes is None else f"{format_bytes(work.bytes)} moved"
    declared = f"{format_flops(work.declared_flops)}, {format_bytes(work.declared_bytes)}"
    operations = f"{format_flops(work.flops)} counted" if work.flops else "no operations counted"
    line = f"by its operators: {operations}, {moved}; declared: {declared}"
    faults = []
    if is_in_sight(work.outside):
        if work.bytes is not None and is_contradicted(work.bytes, work.declared_bytes):
            faults.append("bytes")
        if _counts_all(profile) and is_contradicted(work.flops, work.declared_flops):
            faults.append("operations")
    return (
        line,
        *(f"the op declares more {what} than it takes: its cost is wrong" for what in faults),
    )


def code_lines(profile: Profile) -> tuple[str, ...]:
    """A line on the files with the code that was compiled for a contender, if there are any."""
    if not profile.code:
        return ()
    paths = [PurePosixPath(name) for name in profile.code]
    endings = ", ".join(sorted({path.suffix for path in paths}))
    stem = paths[0].name.partition(".")[0]
    what = counted(len(paths), "file")
    return (f"its code, beside the trace: {what}, {stem}.* ({endings})",)


def _counts_all(profile: Profile) -> bool:
    """Whether operations were counted of what takes nearly all of the time."""
    whole = math.fsum(row.self_time_s for row in profile.operators)
    counted = math.fsum(row.self_time_s for row in profile.operators if row.flops)
    return counted >= _NEARLY_ALL * whole > 0


def operators_table(profile: Profile) -> Table:
    """A row per operator of a profile, the one with most time of its own first.

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
