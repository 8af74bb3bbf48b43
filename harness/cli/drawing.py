"""Print tables on a terminal, or into a pipe: as wide as that is, a line a row."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING

from opbench.harness.cli.bars import ASCII, LINES
from opbench.harness.cli.layout import BAR, DECISIVE, MARK, Frame, lines, printable
from opbench.harness.declaration.suggestions import near
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from rich.console import Console

    from opbench.results.report.table import Table

#: Of a pipe, unless COLUMNS says something else; the narrowest that tables are drawn for.
_PIPE, _NARROWEST = 100, 40
#: Columns whose cells move to the title where all are the same.
_SHARED = ("op", "case")


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """The columns that a table is drawn with: those that decide, or what was asked for."""

    #: By their names, in this order; all that fit where there are none.
    names: tuple[str, ...] = ()
    #: Whether all columns are drawn, however wide that is.
    is_wide: bool = False

    def ensure_known(self, columns: Collection[str]) -> None:
        """Raise SelectionError, with the nearest, for a name that is no column."""
        for name in self.names:
            if name not in columns:
                known = ", ".join(columns)
                raise SelectionError(f"there is no column {name!r}{near(name, columns)}: {known}")


def draw(tables: Iterable[Table], choice: ColumnChoice | None = None) -> None:
    """Print tables, each with a blank line below it; of tables of ratios what decides."""
    choice = choice or ColumnChoice()
    for table in tables:
        narrow = table if choice.is_wide else _without_shared(table, choice.names)
        say(narrow.title, style="bold")
        draw_rows(narrow, choice)
        say("")


def draw_rows(table: Table, choice: ColumnChoice) -> None:
    """Print a table without its title; columns that don't fit are left out, unless asked for."""
    frame = frame_of_output()
    if choice.names or choice.is_wide:
        frame = replace(frame, width=0)
    console = _console()
    for number, line in enumerate(lines(table, _shown(table, choice), frame)):
        console.print(line, style="dim" if number < 2 else "", markup=False, soft_wrap=True)


def say(text: str, *, style: str = "", indent: str = "") -> None:
    """Print a sentence, folded between words where it is wider than the output.

    indent: of the lines after the first.
    """
    from rich.text import Text

    frame, console = frame_of_output(), _console()
    folded = Text(printable(text, frame.encoding)).wrap(console, frame.width - len(indent))
    for number, line in enumerate(folded or [Text()]):
        plain = (indent if number else "") + line.plain.rstrip()
        console.print(plain, style=style, markup=False, soft_wrap=True)


def frame_of_output() -> Frame:
    """What standard output holds: its width, and whether it draws lines."""
    # A stream without a file behind it, as tests have, is a pipe.
    is_terminal = sys.stdout.isatty()
    width = _given_width() or (shutil.get_terminal_size((_PIPE, 24))[0] if is_terminal else _PIPE)
    encoding = sys.stdout.encoding or "utf-8"
    drawn = "".join((LINES.low, LINES.value, LINES.one, LINES.open_low, LINES.open_high, LINES.cut))
    is_plain = printable(drawn, encoding) != drawn
    marks = ASCII if is_plain else LINES
    return Frame(width=max(width, _NARROWEST), marks=marks, encoding=encoding)


def _given_width() -> int:
    """The width that COLUMNS says; 0 where it says none."""
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 6 else 0


def _console() -> Console:
    """A console that raises what a broken pipe raises."""
    from rich.console import Console

    class Printer(Console):
        def on_broken_pipe(self) -> None:
            """Raise the error of the pipe, which Rich calls this for."""
            # Rich would exit with 1, which stands for a regression here.
            raise

    return Printer(highlight=False, width=frame_of_output().width)


def _shown(table: Table, choice: ColumnChoice) -> tuple[str, ...]:
    """The columns of a table that are to be drawn; of a table of ratios, with their bar."""
    have = list(table.columns)
    if table.ratios:
        have.insert(have.index("ratio"), BAR)
    # A table that has none of them is another than that which they were asked of.
    if chosen := [name for name in choice.names if name in have]:
        return (*chosen, *([MARK] if MARK in have else []))
    return tuple(n for n in have if choice.is_wide or not table.ratios or n in DECISIVE)


def _without_shared(table: Table, kept: Collection[str]) -> Table:
    """A table in whose title stands what is the same in all rows: the op, the case, or its end.

    kept: columns that stay.
    """
    for name in _SHARED:
        if name not in kept and {name, "contender"} <= {*table.columns} and table.rows:
            table = _shared_in_title(table, table.columns.index(name))
    return table


def _shared_in_title(table: Table, position: int) -> Table:
    """The words with which all cells of a column end, moved to the title."""
    cells = [row[position].split(" ") for row in table.rows]
    ends = takewhile(lambda end: len({*end}) == 1, zip(*map(reversed, cells), strict=False))
    common = [end[0] for end in ends][::-1]
    if not common:
        return table
    left = [" ".join(parts[: len(parts) - len(common)]) for parts in cells]
    if not all(left) and any(left):
        return table
    keep = [n for n in range(len(table.columns)) if any(left) or n != position]
    rows = (
        tuple(text if n == position else row[n] for n in keep)
        for row, text in zip(table.rows, left, strict=True)
    )
    return replace(
        table,
        title=f"{table.title} · {' '.join(common)}",
        columns=tuple(table.columns[n] for n in keep),
        rows=tuple(rows),
    )
