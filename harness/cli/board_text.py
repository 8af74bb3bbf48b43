"""Leaderboards for people: what decides, and below it notes, what isn't supported, and advice."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from opbench.harness.cli.drawing import ColumnChoice, draw_rows, say
from opbench.harness.cli.layout import BAR, MARK

if TYPE_CHECKING:
    from opbench.results.ranking.leaderboard import Board, Row
    from opbench.results.records import Record
    from opbench.results.report.table import Table


def draw_boards(boards: Iterable[Board], records: Sequence[Record], choice: ColumnChoice) -> None:
    """Print leaderboards; each note once for an op, below the last of its leaderboards."""
    from opbench.results.report.advice import advice, caveats_of, compiled_of

    for _, group in itertools.groupby(boards, key=lambda board: board.case.op):
        notes: dict[str, int] = {}
        for board in group:
            _draw_board(board, notes, choice)
            known = caveats_of(board, records), compiled_of(board, records)
            for sentence in filter(None, (_unsupported(board.rows), advice(board, *known))):
                say(sentence, indent="  ")
            say("")
        for note, number in notes.items():
            say(f"[{number}] {note}", indent="    ")
        if notes:
            say("")


def columns() -> tuple[str, ...]:
    """The columns that a leaderboard may have."""
    from opbench.results.report.leaderboard import COLUMNS, DEVICE_TIME

    return (*COLUMNS, DEVICE_TIME, BAR)


def line(board: Board) -> str:
    """A leaderboard in a line: the best, the next, and what was not measured."""
    from opbench.results.report.table import format_interval, format_ratio, format_time

    parts = []
    for row in board.measured[:1]:
        parts.append(f"{row.contender} {format_time(row.time_s)}")
    for row in board.measured[1:2]:
        ratio = format_ratio(row.ratio.value if row.ratio else None)
        parts.append(f"{row.contender} {ratio} {format_interval(row.ratio)} {row.verdict}")
    for verdict in ("wrong", "failed"):
        names = ", ".join(row.contender for row in board.rows if row.verdict == verdict)
        parts += [f"{verdict}: {names}"] if names else []
    return f"{board.case.op} {board.case.label}: {'; '.join(parts) or 'nothing was measured'}"


def _draw_board(board: Board, notes: dict[str, int], choice: ColumnChoice) -> None:
    """Print the table of a leaderboard, and number its notes.

    notes: those of the op so far, to which its own are added.
    """
    from opbench.results.report.leaderboard import leaderboard_table

    rows = tuple(row for row in board.rows if row.verdict != "unsupported")
    table = leaderboard_table(replace(board, rows=rows))
    say(table.title, style="bold")
    if not rows:
        return
    if "note" not in choice.names:
        table = _with_marks(table, rows, notes)
    if not (choice.is_wide or choice.names):
        table = _with_short_verdicts(table, rows)
    draw_rows(table, choice)


def _with_marks(table: Table, rows: Sequence[Row], notes: dict[str, int]) -> Table:
    """A table with the numbers of its notes instead of the notes."""
    for row in rows:
        if row.note:
            notes.setdefault(row.note, len(notes) + 1)
    at = table.columns.index("note")
    cells = (
        (*cells[:at], f"[{notes[row.note]}]" if row.note else "", *cells[at + 1 :])
        for cells, row in zip(table.rows, rows, strict=True)
    )
    columns = (*table.columns[:at], MARK, *table.columns[at + 1 :])
    return replace(table, columns=columns, rows=tuple(cells))


def _with_short_verdicts(table: Table, rows: Sequence[Row]) -> Table:
    """A table with verdicts of a word each, where a long one would cost another column."""
    at = table.columns.index("verdict")
    cells = (
        (*cells[:at], row.verdict, *cells[at + 1 :])
        for cells, row in zip(table.rows, rows, strict=True)
    )
    return replace(table, rows=tuple(cells))


def _unsupported(rows: Iterable[Row]) -> str:
    """The unsupported contenders in a sentence, by their reasons."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.verdict == "unsupported":
            reasons.setdefault(row.note, []).append(row.contender)
    parts = (f"{', '.join(names)} ({reason})" for reason, names in reasons.items())
    return f"unsupported: {'; '.join(parts)}" if reasons else ""
