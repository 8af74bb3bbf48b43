"""Progress in a terminal.

Progress goes to standard error: a bar or a line that changes on a terminal, else a line for each
case or unit, and nothing where it is to be quiet.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opbench.harness.cli.output import Output, complain
from opbench.harness.execution.observer import NullObserver
from opbench.results.report.counts import counted

if TYPE_CHECKING:
    from rich.progress import Progress as DrawnProgress
    from rich.progress import TaskID

    from opbench.harness.execution.messages import ObservedStage
    from opbench.harness.planning.selection import Race
    from opbench.harness.regression import session


class Progress(NullObserver):
    """An observer that shows nothing; the base of those that show how far the work is."""

    def expect(self, races: Sequence[Race]) -> None:
        """Announce the cases that are to come."""


#: The stages in words.
_STAGES = {
    "prepare": "preparing",
    "compile": "compiling",
    "check": "checking",
    "race": "racing",
    "profile": "profiling",
}
#: Between two lines of a check, whose cases take milliseconds.
_CHECK_S = 1.0


@contextmanager
def progress(output: Output) -> Iterator[Progress]:
    """An observer that draws a bar on a terminal, and else writes a line for each case."""
    if output.quiet:
        yield Progress()
    elif sys.stderr.isatty():
        with _bar() as bar:
            yield bar
    else:
        yield _Lines(output.verb, every_s=_CHECK_S if output.verb == "check" else 0.0)


class _Lines(Progress):
    """Writes a line when a case is through: how many are, of how many, and for how long."""

    def __init__(self, verb: str, *, every_s: float) -> None:
        """every_s: the least number of seconds between two lines."""
        self._verb, self._every_s = verb, every_s
        self._began = time.monotonic()
        self._total = self._done = 0
        self._reported_s = -math.inf
        complain(verb, "loading")

    def expect(self, races: Sequence[Race]) -> None:
        """Announce the cases that are to come."""
        self._total = len(races)

    def end_case(self, race: Race) -> None:
        """Write a line for the case."""
        self._done += 1
        elapsed = time.monotonic() - self._began
        if self._done < self._total and elapsed < self._reported_s + self._every_s:
            return
        self._reported_s = elapsed
        done = f"{self._done} of {counted(self._total, 'case')}, {_elapsed(elapsed)}"
        if self._done < self._total:
            done += f", {_left(elapsed, self._done, self._total)}"
        complain(self._verb, f"{done}: {race.case.op} {race.case.label}")


@contextmanager
def _bar() -> Iterator[Progress]:
    """An observer that draws a bar, which vanishes at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Drawn

    text = (TextColumn("{task.description}"), TextColumn("{task.fields[left]}"))
    columns = (SpinnerColumn(), BarColumn(), text[1], TimeElapsedColumn(), text[0])
    with Drawn(*columns, console=Console(stderr=True), transient=True) as drawn:
        yield _Bar(drawn, drawn.add_task("loading", total=None, left=""))


class _Bar(Progress):
    """Draws how many cases are through, what goes on, for how long, and how long it may go on."""

    def __init__(self, drawn: DrawnProgress, task: TaskID) -> None:
        """drawn, task: Rich's progress display, and its one task."""
        self._drawn, self._task = drawn, task
        self._began = time.monotonic()
        self._total = self._done = 0
        self._where = ""

    def expect(self, races: Sequence[Race]) -> None:
        """Announce the cases that are to come."""
        self._total = len(races)
        # One case is through or not: a bar would show nothing.
        self._drawn.update(self._task, total=self._total if self._total > 1 else None)

    def begin_case(self, race: Race) -> None:
        """Show the case."""
        self._where = f"{race.case.op} {race.case.label}"
        self._drawn.update(self._task, description=_escaped(self._where))

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Show the contender and its stage."""
        text = f"{self._where} · {_STAGES.get(stage, stage)} {name}".strip()
        self._drawn.update(self._task, description=_escaped(text))

    def end_case(self, race: Race) -> None:
        """Show how many cases are done, and how long the rest may take."""
        self._done += 1
        elapsed = time.monotonic() - self._began
        left = f"{self._done} of {self._total}, {_left(elapsed, self._done, self._total)}"
        self._drawn.update(self._task, completed=self._done, left=left)


@contextmanager
def busy(output: Output, text: str) -> Iterator[None]:
    """Show a text while something takes time: on a terminal until it is over, else as a line."""
    if output.quiet:
        yield
    elif sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(_escaped(text)):
            yield
    else:
        complain(output.verb, text)
        yield


#: The roles of units in words.
_ROLES = {
    "screen": "screening: process",
    "confirm": "confirming: process",
    "verify": "confirming: pair",
}


@contextmanager
def gate_progress(output: Output) -> Iterator[session.SessionObserver]:
    """An observer that shows which unit of a gate begins and how many contenders are undecided.

    The remaining time isn't shown: it depends on how much they scatter.
    """
    from opbench.harness.regression.session import SessionObserver

    if output.quiet:
        yield SessionObserver()
    elif not sys.stderr.isatty():
        yield _unit_lines(output.verb)
    else:
        from rich.console import Console

        with Console(stderr=True).status("") as status:
            yield _unit_status(lambda text: status.update(_escaped(text)))


def _unit_lines(verb: str) -> session.SessionObserver:
    """An observer that writes a line for each unit."""
    from opbench.harness.regression.session import SessionObserver

    began = time.monotonic()

    class Lines(SessionObserver):
        """A line for each unit, where the output is no terminal."""

        def begin_unit(self, role: str, number: int, left: int) -> None:
            """Write a line for the unit."""
            elapsed = _elapsed(time.monotonic() - began)
            complain(verb, f"{_unit(role, number, left)}, {elapsed}")

    return Lines()


def _unit_status(show: Callable[[str], None]) -> session.SessionObserver:
    """An observer that shows the current unit and case in one line.

    show: replaces that line.
    """
    from opbench.harness.regression.session import SessionObserver

    began = time.monotonic()

    class Status(SessionObserver):
        """One line of a terminal, which each unit replaces."""

        _text = ""

        def begin_unit(self, role: str, number: int, left: int) -> None:
            """Show the unit."""
            self._text = _unit(role, number, left)
            show(self._text)

        def begin_case(self, race: Race) -> None:
            """Show the unit and its case."""
            elapsed = _elapsed(time.monotonic() - began)
            show(f"{self._text}, {elapsed} · {race.case.op} {race.case.label}")

    return Status()


def _unit(role: str, number: int, left: int) -> str:
    """A unit in words."""
    return f"{_ROLES[role]} {number + 1}, {left} undecided"


def _escaped(text: str) -> str:
    """A text with Rich's markup taken literally."""
    from rich.markup import escape

    return escape(text)


def _left(elapsed_s: float, done: int, total: int) -> str:
    """The time that the rest may take, if its cases take as long as those that are through."""
    return f"about {_elapsed(elapsed_s / done * (total - done))} left"


def _elapsed(seconds: float) -> str:
    """A duration in whole seconds: "12s", "1m 05s", "2h 03m"."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60}h {minutes % 60:02d}m"
    return f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"
