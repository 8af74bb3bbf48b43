"""What a query chooses among what there is, and the runs that have something to choose from."""

from __future__ import annotations

from collections.abc import Sequence

from opbench.dashboards.plugin.answers import Query
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.selection import readable_runs
from opbench.results.errors import SelectionError


def chosen(query: Query, name: str, choices: Sequence[str]) -> str:
    """The choice that a parameter names, the first where it names none.

    Raises SelectionError where it names something else.
    """
    given = query.get(name, [""])[-1]
    if not given:
        return choices[0]
    if given not in choices:
        raise SelectionError(f"there is no {name} {given[:200]!r} here")
    return given


def runs_with(log: LogFolder, kind: str) -> dict[str, list[str]]:
    """A query for the runs that have lines of a kind, the name of their class, as they began.

    None of them is decoded for it.
    """
    having = {run.id for run in log.summaries() if run.lines[kind]}
    return {"run": [name for name in readable_runs(log) if name in having]}
