"""The one seam through which work on cases reports its progress and its results.

In a worker it is the pipe to the supervisor; in the parent the recorder of a run, which passes
everything on to the progress on a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # The command shows progress with one of these, and starts without what these come with.
    from opbench.harness.execution.messages import JobResult, ObservedStage
    from opbench.harness.planning.selection import Race


class Observer(Protocol):
    """Is notified of how far the work is, and of what became of each contender.

    A case begins and ends once; in between, its contenders begin stages and are done.
    """

    def begin_case(self, race: Race) -> None:
        """Work on a case begins."""

    def begin(self, name: str, stage: ObservedStage) -> None:
        """A contender begins a stage.

        With "" for its name it is the harness, or the race of all contenders at once.
        """

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """A contender is done. output: the beginning of what it printed, where that is known."""

    def end_case(self, race: Race) -> None:
        """Work on a case is over."""


class NullObserver:
    """An observer that does nothing; the base of those that need some of the notifications."""

    __slots__ = ()

    def begin_case(self, race: Race) -> None:
        """Do nothing."""

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Do nothing."""

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Do nothing."""

    def end_case(self, race: Race) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class InProcessObserver(NullObserver):
    """Passes on what happens to contenders in this process, as a supervisor does of its workers."""

    #: The one that it passes everything on to.
    observer: Observer
    #: The contenders whose results were passed on.
    reported: set[str] = field(default_factory=set)

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Pass on that a contender begins a stage, or all of them the race; not each block."""
        if (stage == "race") != bool(name):
            self.observer.begin(name, stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Pass on the result of a contender."""
        self.reported.add(name)
        self.observer.done(name, result, output)

    def waiting(self, race: Race) -> Race | None:
        """The race with those contenders that have no result yet; None where all have one.

        No fresh process is to be had here: after one taints the process, the others go on in it.
        """
        names = tuple(name for name in race.contenders if name not in self.reported)
        return race.only(names) if names else None
