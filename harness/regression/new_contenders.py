"""Try contenders that only one version has: there is nothing to compare them with.

They are checked and called once, so that a gate can say whether a new contender works at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from opbench.harness.execution.messages import WorkerConfig
from opbench.harness.execution.process import Limits
from opbench.harness.planning.selection import Race
from opbench.harness.regression.process_pair import ProcessPair, SideDiedError
from opbench.results.records import Case, Failed, Outcome, SideName, Uncompared, Unpaired, Wrong

#: The side that has the contenders of a status.
_SIDES: Mapping[str, SideName] = {"new": "head", "vanished": "base"}


def try_alone(
    alone: Iterable[Uncompared], sides: Mapping[SideName, WorkerConfig], limits: Limits
) -> tuple[Uncompared, ...]:
    """The same with the outcome of each, which is checked and called once on its first case.

    A contender of the head that is wrong or fails isn't "new", but has the status "head". Raises
    WorkerError if a version doesn't load.
    """
    alone, items_tried = tuple(alone), []
    for status, side in _SIDES.items():
        items = [item for item in alone if item.status == status]
        refused = _refused(items, side, sides[side], limits) if items else {}
        for item in items:
            items_tried.append(_with(item, side, refused.get((item.case, item.contender))))
    return tuple(items_tried)


def _with(item: Uncompared, side: SideName, outcome: Outcome | None) -> Uncompared:
    """The item with the outcome of its contender; a new one that fails is the head's fault."""
    outcomes: Unpaired = replace(item.outcome, **{side: outcome})
    broken = item.status == "new" and isinstance(outcome, Failed | Wrong)
    return replace(item, outcome=outcomes, status="head" if broken else item.status)


def _refused(
    items: Iterable[Uncompared], side: SideName, config: WorkerConfig, limits: Limits
) -> dict[tuple[Case, str], Outcome]:
    """The outcomes of those contenders that are wrong or don't run."""
    waiting: dict[Case, list[str]] = {}
    for item in items:
        waiting.setdefault(item.case, []).append(item.contender)
    refused: dict[tuple[Case, str], Outcome] = {}
    while waiting:
        with ProcessPair({side: config}, limits) as processes:
            try:
                for case, names in list(waiting.items()):
                    outcomes = processes.refused(side, Race(case, tuple(names)))
                    refused |= {(case, name): outcome for name, outcome in outcomes.items()}
                    del waiting[case]
            except SideDiedError as error:
                culprits = [error.contender] if error.contender else list(names)
                refused |= {(case, name): error.failed for name in culprits}
                waiting[case] = [name for name in names if name not in culprits]
                if not waiting[case]:
                    del waiting[case]
    return refused
