"""Contenders that only one version has, tried there: there is nothing to compare them with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from opbench.harness.execution.process import Limits
from opbench.harness.planning.selection import Race
from opbench.harness.regression.process_pair import DiedError, Duel, Fighter
from opbench.results.records import Case, Failed, Outcome, Uncompared, Unpaired, Wrong

#: Which side has what has that status.
_HAVING = {"new": "head", "vanished": "base"}


def tried(
    alone: Iterable[Uncompared], sides: Mapping[str, Fighter], limits: Limits
) -> tuple[Uncompared, ...]:
    """The same, with what became of each where it was checked and called once, on its first case.

    A contender of the head that is wrong there, or fails, isn't new but has the status "head".
    Raises WorkerError where a version doesn't load.
    """
    alone, found = tuple(alone), []
    for status, side in _HAVING.items():
        items = [item for item in alone if item.status == status]
        refused = _refused(items, side, sides[side], limits) if items else {}
        for item in items:
            found.append(_with(item, side, refused.get((item.case, item.contender))))
    return tuple(found)


def _with(item: Uncompared, side: str, outcome: Outcome | None) -> Uncompared:
    told: Unpaired = replace(item.outcome, **{side: outcome})
    broken = item.status == "new" and isinstance(outcome, Failed | Wrong)
    return replace(item, outcome=told, status="head" if broken else item.status)


def _refused(
    items: Iterable[Uncompared], side: str, fighter: Fighter, limits: Limits
) -> dict[tuple[Case, str], Outcome]:
    """What is wrong with contenders, of those with whom something is."""
    waiting: dict[Case, list[str]] = {}
    for item in items:
        waiting.setdefault(item.case, []).append(item.contender)
    found: dict[tuple[Case, str], Outcome] = {}
    while waiting:
        with Duel({side: fighter}, limits) as duel:
            try:
                for case, names in list(waiting.items()):
                    told = duel.refused(side, Race(case, tuple(names)))
                    found |= {(case, name): outcome for name, outcome in told.items()}
                    del waiting[case]
            except DiedError as error:
                guilty = [error.contender] if error.contender else list(names)
                found |= {(case, name): error.failed for name in guilty}
                waiting[case] = [name for name in names if name not in guilty]
                if not waiting[case]:
                    del waiting[case]
    return found
