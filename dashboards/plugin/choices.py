"""What a query chooses among what there is."""

from __future__ import annotations

from collections.abc import Sequence

from opbench.dashboards.plugin.answers import Query
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
