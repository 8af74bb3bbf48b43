"""Of the lines of a run that are about the same thing, the latest: what was done anew counts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Protocol, TypeVar

from opbench.results.records.run import Line

L = TypeVar("L", bound=Line)


class Lines(Protocol):
    """Reads the lines of a run, perhaps only those that mention some strings."""

    def __call__(self, *, mentioning: tuple[str, ...] = ()) -> Iterator[Line]:
        """The lines, in order."""


def latest_of(read: Lines, kind: type[L], key: Callable[[L], Hashable]) -> tuple[L, ...]:
    """The lines of a kind; of those with equal keys the latest, in the place of the first."""
    lines = read(mentioning=(kind.__name__,))
    return tuple({key(line): line for line in lines if isinstance(line, kind)}.values())
