"""What `opbench check --reproduce` prints: a program for each contender that is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from opbench.harness.cli.catalogue import load_catalog
from opbench.harness.cli.workers import supervised
from opbench.harness.correctness.caveats import Checked
from opbench.harness.execution.observer import NullObserver
from opbench.harness.planning.selection import Race
from opbench.results.errors import OpbenchError
from opbench.results.records import Failed, Wrong

if TYPE_CHECKING:
    from opbench.harness.execution.messages import JobResult
    from opbench.harness.execution.process import Limits
    from opbench.harness.execution.supervisor import Supervisor


def reproductions(
    modules: tuple[str, ...], checked: Iterable[Checked], limits: Limits | None
) -> Iterator[str]:
    """For each contender that fails a program that shows it, or why there is none.

    limits: those of the check; None for the search in this process.
    """
    from opbench.harness.execution.reproduce import no_program

    failures = _simplest(checked)
    if not failures:
        return  # and start no process
    with supervised(modules, limits) as supervisor:
        for item in failures:
            race = Race(item.case, (item.contender,))
            if isinstance(item.verdict, Failed) and item.verdict.cause not in ("", "raised"):
                yield no_program(race, item.verdict.reason)
                continue
            try:
                yield _program(modules, race, supervisor)
            except OpbenchError as error:
                yield no_program(race, str(error))


def _program(modules: tuple[str, ...], race: Race, supervisor: Supervisor | None) -> str:
    """The program, or why there is none."""
    from opbench.harness.execution.reproduce import no_program, reproduce

    if supervisor is None:
        return reproduce(load_catalog(modules), race, NullObserver())
    death = _Death()
    return supervisor.reproduce(race, death) or no_program(race, death.reason)


class _Death(NullObserver):
    """Keeps why a process ended."""

    reason = "its process ended"

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Keep the reason."""
        if isinstance(result, Failed):
            self.reason = result.reason


def _simplest(checked: Iterable[Checked]) -> list[Checked]:
    """Of each contender that fails where nothing excuses it, the check of the fewest elements."""
    found: dict[tuple[str, str], Checked] = {}
    for item in sorted(checked, key=_size):
        # A caveat that doesn't show is no failure of a call.
        fails = isinstance(item.verdict, Wrong | Failed) and item.verdict.stage != "caveat"
        if fails and not item.admitted:
            found.setdefault((item.case.op, item.contender), item)
    return list(found.values())


def _size(item: Checked) -> int:
    """The product of the axes of a check's case: about how many numbers a person has to read."""
    return math.prod(size for _, size in item.case.axes if isinstance(size, int))
