"""What `opbench check --reproduce` prints: a program for each contender that is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from opbench.harness.correctness.caveats import Checked
from opbench.results.errors import OpbenchError, VersionError
from opbench.results.records import Failed, Wrong


def reproductions(modules: tuple[str, ...], checked: Iterable[Checked]) -> Iterator[str]:
    """For each contender that fails a program that shows it, or why there is none."""
    from opbench.harness.execution.reproduce import reproduce
    from opbench.harness.execution.subprocess_call import call_in_subprocess

    for item in _simplest(checked):
        title = f"{item.contender} of {item.case.op}"
        if isinstance(item.verdict, Failed) and item.verdict.cause not in ("", "raised"):
            yield f"# {title}: no program: {item.verdict.reason}\n"
            continue
        try:
            yield call_in_subprocess(reproduce, modules, item.case, item.contender)
        except VersionError:
            yield f"# {title}: no program: its process ended\n"
        except OpbenchError as error:
            yield f"# {title}: no program: {error}\n"


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
