"""What people see in a terminal: tables, and how far the work is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness import gate
    from harness.pipeline import Reporter
    from harness.planning import Race
    from results.table import Table


def draw(tables: Iterable[Table]) -> None:
    """Print tables, as wide as the terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as RichTable

    class Printer(Console):
        def on_broken_pipe(self) -> None:
            # Rich would exit with 1, which stands for a regression here.
            raise

    # A pipe has no width; lines are cut by whoever reads them.
    console = Printer(highlight=False, width=None if sys.stdout.isatty() else 200)
    for table in tables:
        # Above the table and not its title, which would be folded to the table's width.
        console.print(table.title, style="bold", markup=False, soft_wrap=True)
        drawn = RichTable()
        for name in table.columns:
            drawn.add_column(name, overflow="fold")
        for row in table.rows:
            drawn.add_row(*map(escape, row))
        console.print(drawn)


@contextmanager
def progress(races: Sequence[Race], *, quiet: bool) -> Iterator[Reporter]:
    """A reporter that draws a bar with the time left, where there is a terminal to draw on."""
    from harness.pipeline import Silent

    if quiet or not sys.stderr.isatty():
        yield Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeLeft())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(races))
        places = {race.case.key: place for place, race in enumerate(races)}

        class Bar:
            def case(self, race: Race) -> None:
                text = f"{race.case.op} {race.case.label}"
                bar.update(task, description=text, completed=places[race.case.key])

            def contender(self, name: str, stage: str) -> None:
                del name, stage

        yield Bar()


#: What a gate does in units of a role.
_VERBS = {
    "screen": "screening: process",
    "confirm": "confirming: process",
    "verify": "confirming: pair",
}


@contextmanager
def gate_progress(*, quiet: bool) -> Iterator[gate.Reporter]:
    """A reporter that says how many contenders of a gate are undecided, in a terminal.

    How long that takes nobody knows: it depends on how they scatter.
    """
    from harness.gate import Reporter

    if quiet or not sys.stderr.isatty():
        yield Reporter()
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:

        class Status(Reporter):
            _text = ""

            def unit(self, role: str, number: int, left: int) -> None:
                self._text = f"{_VERBS[role]} {number + 1}, {left} undecided"
                status.update(self._text)

            def race(self, race: Race) -> None:
                status.update(f"{self._text} · {race.case.op} {race.case.label}")

        yield Status()
