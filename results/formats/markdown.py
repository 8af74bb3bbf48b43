"""A run as Markdown: a leaderboard per case, grouped by op."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from results.leaderboard import Board, boards
from results.store import open_run
from results.table import Table, leaderboard_table

#: Columns of numbers are set flush right.
_TEXT_COLUMNS = frozenset({"contender", "verdict", "note", "operator", "key", "value"})


def export(run: str | Path, target: Path, *, by: str = "job") -> None:
    """Write the leaderboards of `run` to `target`. `by` makes no difference here."""
    folder = open_run(run)
    ordered = sorted(boards(folder.records()), key=lambda board: board.case.op)
    parts = [f"# {escape(folder.info.id)}\n"]
    for op, group in itertools.groupby(ordered, key=lambda board: board.case.op):
        parts.append(f"## {escape(op)}\n\n{leaderboards(group)}")
    target.write_text("\n".join(parts), encoding="utf-8")


def leaderboards(group: Iterable[Board], *, leave_out: Collection[str] = ()) -> str:
    """The leaderboards of some cases, each under its title, without the columns `leave_out`."""
    return "\n".join(render(leaderboard_table(board), leave_out=leave_out) for board in group)


def render(table: Table, *, leave_out: Collection[str] = ()) -> str:
    """A table under its title; a column of notes that has none is left out."""
    kept = [
        number
        for number, name in enumerate(table.columns)
        if name not in leave_out and (name != "note" or any(row[number] for row in table.rows))
    ]
    marks = [":---" if table.columns[n] in _TEXT_COLUMNS else "---:" for n in kept]
    lines = [
        f"### {escape(table.title)}\n",
        _line(table.columns[n] for n in kept),
        _line(marks),
        *(_line(escape(row[n]) for n in kept) for row in table.rows),
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """`text` on one line, its marks of Markdown taken literally."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`*|<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", flat)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
