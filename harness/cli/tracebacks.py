"""The tracebacks of contenders that failed, or the end of their output where they crashed.

Leaderboards have room for the last line alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opbench.results.records import Case, Failed, Record, Uncompared


@dataclass(frozen=True, slots=True)
class Failure:
    """A contender that failed on a case."""

    #: Its name.
    contender: str
    case: Case
    #: With the reason and the traceback.
    failed: Failed


def failures(items: Iterable[Record | Uncompared]) -> Iterator[Failure]:
    """The failures among records of a run, or among what a gate couldn't compare."""
    for item in items:
        if isinstance(item, Record):
            outcomes = [item.outcome]
        else:
            outcomes = [o for o in (item.outcome.base, item.outcome.head) if o is not None]
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                yield Failure(item.contender, item.case, outcome)


def text(failure: Failure) -> str:
    """A line with the reason, and the traceback below it."""
    failed, case = failure.failed, failure.case
    line = f"{failure.contender} on {case.op} {case.label}: {failed.stage}: {failed.reason}"
    return f"{line}\n{failed.traceback.rstrip()}\n" if failed.traceback else f"{line}\n"
