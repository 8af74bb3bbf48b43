"""A run as Markdown: a leaderboard per case, grouped by op; of a gate, its summary."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from results.leaderboard import Board, boards_of
from results.store import open_run
from results.table import Table, leaderboard_table, operators_table

#: Columns of numbers are set flush right.
_TEXT_COLUMNS = frozenset(
    {
        *("contender", "verdict", "operator", "key", "value"),
        *("case", "sizes", "best", "as good", "next", "slowest"),
        *("what", "board", "runs", "caveats", "kind", "grid", "shape"),
        *("op", "change", "status"),
    }
)


def export(run: str | Path, target: Path, *, by: str = "job") -> None:
    """Write the leaderboards and operators of `run` to `target`, or the summary of a gate.

    `by` makes no difference here.
    """
    # They draw their tables with what is below.
    from results.frames import nothing_in
    from results.gate_report import recorded
    from results.gate_text import markdown

    folder = open_run(run)
    report = recorded(folder)
    if report is not None:
        target.write_text(markdown(report, folder.path), encoding="utf-8")
        return
    ordered = sorted(boards_of(folder), key=lambda board: board.case.op)
    profiles = folder.profiles()
    if not ordered and not profiles:
        raise nothing_in(folder, "race, profile or gate")
    parts = [f"# {escape(folder.info.id)}\n"]
    for op, group in itertools.groupby(ordered, key=lambda board: board.case.op):
        parts.append(f"## {escape(op)}\n\n{leaderboards(group)}")
    if profiles:
        parts.append("## Operators\n\n" + "\n".join(map(render, map(operators_table, profiles))))
    target.write_text("\n".join(parts), encoding="utf-8")


def leaderboards(group: Iterable[Board]) -> str:
    """The leaderboards of some cases, each under its title."""
    return "\n".join(render(leaderboard_table(board)) for board in group)


def render(table: Table) -> str:
    """A table under its title, and its column of notes as a list below it.

    A note is a sentence or two: as a column it would squeeze the others until words break.
    """
    kept = [number for number, name in enumerate(table.columns) if name != "note"]
    marks = [":---" if table.columns[n] in _TEXT_COLUMNS else "---:" for n in kept]
    lines = [
        f"### {escape(table.title)}\n",
        _line(table.columns[n] for n in kept),
        _line(marks),
        *(_line(escape(row[n]) for n in kept) for row in table.rows),
    ]
    notes = list(_notes(table))
    return "\n".join([*lines, "", *notes] if notes else lines) + "\n"


def _notes(table: Table) -> Iterator[str]:
    if "note" in table.columns:
        column = table.columns.index("note")
        for row in table.rows:
            if row[column]:
                yield f"- **{escape(row[0])}**: {escape(row[column])}"


def escape(text: str) -> str:
    """`text` on one line, its marks of Markdown taken literally."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`*|<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", flat)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
