"""Tables and leaderboards as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from opbench.results.ranking.leaderboard import Board
from opbench.results.report.leaderboard import leaderboard_table
from opbench.results.report.table import Table

#: Columns of numbers are set flush right.
_TEXT_COLUMNS = frozenset(
    {
        *("contender", "verdict", "operator", "key", "value"),
        *("case", "sizes", "best", "as good", "next", "slowest"),
        *("what", "board", "runs", "caveats", "kind", "grid", "shape"),
        *("op", "change", "status"),
    }
)


def leaderboards(group: Iterable[Board]) -> str:
    """The leaderboards of some cases, each under its title."""
    return "\n".join(render(leaderboard_table(board)) for board in group)


def render(table: Table) -> str:
    """A table under its title, and its column of notes as a list below it.

    A note is a sentence or two: as a column it would squeeze the others until words break.
    """
    shown = [number for number, name in enumerate(table.columns) if name != "note"]
    marks = [":---" if table.columns[n] in _TEXT_COLUMNS else "---:" for n in shown]
    lines = [
        f"### {escape(table.title)}\n",
        _line(table.columns[n] for n in shown),
        _line(marks),
        *(_line(escape(row[n]) for n in shown) for row in table.rows),
    ]
    notes = list(_notes(table))
    return "\n".join([*lines, "", *notes] if notes else lines) + "\n"


def _notes(table: Table) -> Iterator[str]:
    """A line of a list for each row that has a note."""
    if "note" in table.columns:
        column = table.columns.index("note")
        for row in table.rows:
            if row[column]:
                yield f"- **{escape(row[0])}**: {escape(row[column])}"


def escape(text: str) -> str:
    """`text` on one line, its marks of Markdown taken literally.

    Line breaks become blanks, since a cell and a heading are one line.
    """
    flat = " ".join(text.split())
    return re.sub(r"([\\`*|<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", flat)


def _line(cells: Iterable[str]) -> str:
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"
