"""Tables as lines of a width: the columns that fit, a line a row, no number cut or folded.

Texts are cut where they must be, in such a way that different ones look different.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opbench.harness.cli.bars import LINES, Marks, Scale, bar, scale_of
from opbench.results.report.table import format_ratio

if TYPE_CHECKING:
    from opbench.results.report.table import Table

#: The name of the column that is drawn instead of written.
BAR = "bar"
#: The name of the column of the numbers of notes, which has no heading.
MARK = ""
#: Columns of a table of ratios that decide; others are for those who ask.
DECISIVE = (
    *("op", "case", "contender", "time", BAR, "ratio", "verdict", "ceiling", "detectable"),
    MARK,
)
#: The columns that are kept longest where there is no room for all, in that order.
_IMPORTANT = (
    *("contender", MARK, "operator", "verdict", "status", "ratio", "time", "case", "op", BAR),
    *("ceiling", "contract", "changes", "series", "self time", "calls", "contenders", "suite"),
    *("difference", "grown", "change"),
)
#: Texts of few different words, which are never cut.
_WHOLE = (MARK, "verdict", "status", "series")
#: Names, which are cut in the middle: they often begin alike, or end so.
_NAMES = ("contender", "op", "case", "operator")
_GAP = "  "
#: Of the width, the part that a text gets at least: of a sentence a word says little.
_PART = 5
_PARTS = {"contract": 2, "caveats": 2, "base": 2, "changes": 3}
#: The least that is left of a text.
_LEAST = 6
#: What a bar takes at least and at most.
_BAR_WIDTHS = (14, 32)
#: A cell that is a number: with a unit, an interval, a share.
_NUMBER = re.compile(r"[-+\[]?[\d?].{0,22}|[-~]|inf|nan|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table that is to be drawn, with the widths that it may have."""

    name: str
    cells: tuple[str, ...]
    #: Whether it is flush left.
    is_text: bool
    least: int
    most: int
    #: Of a bar: its scale.
    scale: Scale | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What lines are drawn into."""

    #: In characters of a terminal; 0 for as many as it takes.
    width: int
    marks: Marks = LINES
    #: Of the output, which may lack characters.
    encoding: str = "utf-8"


def lines(table: Table, shown: Sequence[str], frame: Frame) -> list[str]:
    """The lines of a table: its headings, a rule, and a line a row.

    shown: the columns, as far as they fit.
    """
    columns = _fitting([_column(table, name, frame) for name in shown], frame)
    drawn = [_drawn(column, width, table, frame.marks) for column, width in columns]
    return [_GAP.join(row).rstrip() for row in zip(*drawn, strict=True)]


def printable(text: str, encoding: str = "utf-8") -> str:
    """`text` on one line, with escapes for what a terminal obeys or an encoding lacks."""
    shown = "".join(c if c.isprintable() else _escape(c) for c in text)
    return shown.encode(encoding, errors="backslashreplace").decode(encoding)


def cut(text: str, width: int, *, mark: str = LINES.cut, middle: bool = False) -> str:
    """`text` in at most `width` cells: its beginning, or with `middle` both of its ends."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    tail = (width - 1) // 2 if middle else 0
    head = max(width - 1 - tail, 0)
    if text.isascii():
        return f"{text[:head]}{mark}{text[len(text) - tail :]}"[:width]
    end = set_cell_size(text[::-1], tail)[::-1]
    return set_cell_size(f"{set_cell_size(text, head)}{mark}{end}", width)


def _escape(character: str) -> str:
    """The escape of a character that can't be printed."""
    return character.encode("unicode_escape", errors="surrogatepass").decode("ascii")


def _column(table: Table, name: str, frame: Frame) -> Column:
    """A column by its name."""
    from rich.cells import cell_len

    if name == BAR:
        least, most = _BAR_WIDTHS
        scale = scale_of(table.ratios)
        return Column(name=name, cells=(), is_text=True, least=least, most=most, scale=scale)
    position = table.columns.index(name)
    cells = tuple(printable(row[position], frame.encoding) for row in table.rows)
    most = max(map(cell_len, (name, *cells)))
    is_text = name in _NAMES or not all(map(_NUMBER.fullmatch, cells))
    may_be_cut = is_text and name not in _WHOLE
    least = _least(name, cells, most, frame) if may_be_cut else most
    return Column(name=name, cells=cells, is_text=is_text, least=least, most=most)


def _least(name: str, cells: Iterable[str], most: int, frame: Frame) -> int:
    """The least width of a text; of a name, as far as others leave room, one that distinguishes."""
    texts = set(cells) if name in _NAMES else set()
    width = min(most, max(_LEAST, frame.width // _PARTS.get(name, _PART)))
    # At 40 columns a time, a ratio and a verdict need 28.
    while width < min(most, frame.width * 3 // 10) and len(
        {cut(text, width, middle=True) for text in texts}
    ) < len(texts):
        width += 1
    return width


def _fitting(columns: Sequence[Column], frame: Frame) -> list[tuple[Column, int]]:
    """The columns that fit, the most important of them, each with its width.

    The first is always there, however narrow the frame is.
    """
    if not frame.width:
        return [(column, column.most) for column in columns]
    first, *others = sorted(columns, key=lambda column: _importance(column, columns))
    widths = {first.name: min(first.least, frame.width)}
    spare = frame.width - widths[first.name]
    for column in others:
        if len(_GAP) + column.least <= spare:
            widths[column.name] = column.least
            spare -= len(_GAP) + column.least
    for column in (first, *others):
        if column.name in widths:
            more = min(spare, column.most - widths[column.name])
            widths[column.name] += max(more, 0)
            spare -= max(more, 0)
    return [(column, widths[column.name]) for column in columns if column.name in widths]


def _importance(column: Column, columns: Sequence[Column]) -> tuple[int, int]:
    """A key that sorts columns by their importance, those that have none by their places."""
    known = column.name in _IMPORTANT
    rank = _IMPORTANT.index(column.name) if known else len(_IMPORTANT)
    return rank, columns.index(column)


def _drawn(column: Column, width: int, table: Table, marks: Marks) -> list[str]:
    """The heading, the rule and the cells of a column, all of one width."""
    rule = marks.rule * width
    if column.scale is not None:
        low, high = (f"{format_ratio(end)}" for end in (column.scale.low, column.scale.high))
        heading = f"{low}{high:>{max(width - len(low), len(high) + 1)}}"
        bars = [bar(ratio, column.scale, width, marks) for ratio in table.ratios]
        return [heading[-width:], rule, *bars]
    texts = _cut_apart((column.name, *column.cells), width, marks, middle=column.name in _NAMES)
    heading, *cells = (_padded(text, width, left=column.is_text) for text in texts)
    return [heading, rule, *cells]


def _cut_apart(texts: Sequence[str], width: int, marks: Marks, *, middle: bool) -> Iterator[str]:
    """Texts in a width; of names that would look alike, the second and later have a number."""
    seen: dict[str, list[str]] = {}
    for text in texts:
        short = cut(text, width, mark=marks.cut, middle=middle)
        alike = seen.setdefault(short, [])
        if text not in alike:
            alike.append(text)
        number = alike.index(text) + 1
        if middle and number > 1:
            tail = f"#{number}"
            short = cut(text, width - len(tail), mark=marks.cut) + tail
        yield short


def _padded(text: str, width: int, *, left: bool) -> str:
    """A text with the blanks that fill its column."""
    from rich.cells import cell_len

    blanks = " " * (width - cell_len(text))
    return text + blanks if left else blanks + text
