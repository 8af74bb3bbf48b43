"""The Text page: a short leaderboard per op, the operators of profiles, and the run itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from opbench.dashboards.events import PAGES, Entry, text
from opbench.dashboards.view import OpView
from opbench.results.ranking.leaderboard import Board
from opbench.results.records import Profile, RunInfo
from opbench.results.regression.profile_diff import differences
from opbench.results.report.leaderboard import leaderboard_table
from opbench.results.report.markdown import escape, render
from opbench.results.report.profiles import difference_table, operators_table
from opbench.results.report.table import Table

#: Longer tables can't be read on the page, and make it slow.
MOST_ROWS = 50
#: The columns of a leaderboard on the page, the most important first.
COLUMNS = ("contender", "time", "ratio", "interval", "verdict", "ceiling", "note")


def entries(
    views: Iterable[OpView], profiles: Iterable[Profile], info: RunInfo, path: Path
) -> Iterator[Entry]:
    """The texts of a run.

    Leaderboards, operators and differences are grouped by op; the run has a text of its own. path:
    the run's folder, for the commands that show the rest.
    """
    for view in views:
        yield text(PAGES, f"leaderboard/{view.op}", _leaderboard(view, path))
    profiles = tuple(profiles)
    for what, tables in (
        ("operators", [(p.case.op, operators_table(p)) for p in profiles]),
        ("what grew", [(d.case.op, difference_table(d)) for d in differences(profiles)]),
    ):
        for op in sorted({op for op, _ in tables}):
            drawn = "\n".join(_shortened(table, path) for of, table in tables if of == op)
            yield text(PAGES, f"{what}/{op}", drawn)
    yield text(PAGES, "run/about", "\n".join(render(table) for table in _about(info)))


def _leaderboard(view: OpView, path: Path) -> str:
    """The first contenders of each case of an op, what isn't supported, and where the rest is."""
    boards = view.boards[:MOST_ROWS]
    each = max(1, MOST_ROWS // len(boards))
    rows = [row for board in boards for row in _rows(board, view.labels[board.case])[:each]]
    whole = sum(len(_rows(board, "")) for board in view.boards)
    title = view.op if len(rows) == whole else f"{view.op}: {len(rows)} of {whole} rows"
    columns = (COLUMNS[0], "case", *COLUMNS[1:])
    lines = [render(Table(title, columns, _with_notes_once(rows)))]
    if idle := sorted({*view.contenders} - {row[0] for row in rows}):
        lines.append(f"Not in the table: {escape(', '.join(idle))}.\n")
    return "\n".join([*lines, _rest(path, view.op)])


def _rows(board: Board, label: str) -> list[tuple[str, ...]]:
    """The cells of a leaderboard with the label of its case, without what isn't supported."""
    supported = tuple(row for row in board.rows if row.verdict != "unsupported")
    table = leaderboard_table(replace(board, rows=supported))
    places = [table.columns.index(name) for name in COLUMNS]
    cells = ([row[place] for place in places] for row in table.rows)
    return [(first, label, *rest) for first, *rest in cells]


def _with_notes_once(rows: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Rows of which each contender has the same note only once."""
    seen: set[tuple[str, str]] = set()
    found = []
    for row in rows:
        note = (row[0], row[-1])
        found.append((*row[:-1], "" if note in seen else row[-1]))
        seen.add(note)
    return tuple(found)


def _shortened(table: Table, path: Path) -> str:
    """A table of its first rows, and where the rest is."""
    drawn = render(replace(table, rows=table.rows[:MOST_ROWS]))
    return drawn if len(table.rows) <= MOST_ROWS else f"{drawn}\n{_rest(path)}"


def _rest(path: Path, op: str = "") -> str:
    """The command that shows all of it."""
    return f"All of it: `{' '.join(filter(None, ('opbench show', str(path), op)))} --wide`\n"


def _about(info: RunInfo) -> Iterator[Table]:
    """The run's head, environment, rules and warnings, a table each."""
    head = (("id", info.id), ("created", info.created), ("command", " ".join(info.command)))
    environment = info.environment
    for title, rows in (
        ("run", (*head, *info.settings)),
        ("environment", (("key", environment.key), *environment.stable)),
        ("state of the machine", environment.volatile),
        ("rules", tuple((name, str(value)) for name, value in asdict(info.rules).items())),
        ("warnings", tuple(("", warning) for warning in info.warnings)),
    ):
        yield Table(title, ("key", "value"), rows)
