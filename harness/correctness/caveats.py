"""Weaknesses that contenders admit: what they excuse, and whether they show where they should."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from opbench.harness.catalog import Catalog
from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declare import Caveat, Impl
from opbench.results.records import Case, Environment, Outcome, Right, Verdict, Wrong

#: Stages of a check that a caveat excuses: being wrong, not misbehaving.
EXCUSABLE = ("value", "gradient")
#: The facts of an environment by name, which the condition of a caveat may ask for.
Machine = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict on one contender on one case.

    admitted: the caveat that excuses it, where it was wrong as it said it would be.
    """

    contender: str
    case: Case
    verdict: Verdict
    admitted: str = ""


def machine_of(environment: Environment) -> Machine:
    """What caveats may ask of the machine that contenders run on."""
    return dict((*environment.stable, *environment.volatile))


def excuse(verdict: Outcome | Verdict, contender: Impl, case: Case, machine: Machine) -> str:
    """The caveat that excuses a wrong answer on this kind of input or layout; "" where none."""
    if isinstance(verdict, Wrong) and verdict.stage in EXCUSABLE:
        for kind in (case.inputs, case.layout):
            caveat = contender.caveats.get(kind)
            if caveat is not None and shows(caveat, case, machine) is not False:
                return caveat.text
    return ""


def admitted_on(contender: Impl, case: Case, machine: Machine) -> tuple[tuple[str, str], ...]:
    """The caveats, by kind or layout, but those that don't show in this dtype or on this machine.

    Of every kind and layout: they are to be known to whoever chooses a contender for this case.
    """
    return tuple(
        (kind, caveat.text)
        for kind, caveat in contender.caveats.items()
        if shows(caveat, case, machine) is not False
    )


def verified(catalog: Catalog, checked: Sequence[Checked], machine: Machine) -> list[Checked]:
    """The same verdicts, with an error for each admitted weakness that should show and didn't."""
    found = list(checked)
    places: dict[tuple[str, str], list[int]] = {}
    for index, item in enumerate(found):
        places.setdefault((item.case.op, item.contender), []).append(index)
    for op_name, contenders in catalog.impls.items():
        for contender in contenders.values():
            mine = places.get((op_name, contender.name), [])
            for index, reason in _unseen(contender, [found[i] for i in mine], machine):
                found[mine[index]] = replace(
                    found[mine[index]], verdict=Wrong("caveat", reason), admitted=""
                )
    return found


def _unseen(
    contender: Impl, mine: Sequence[Checked], machine: Machine
) -> Iterator[tuple[int, str]]:
    """The place of the first case on which each weakness should show that shows on none, and why.

    mine: the verdicts on the contender.
    """
    for kind, caveat in contender.caveats.items():
        due = [
            index
            for index, item in enumerate(mine)
            if kind in (item.case.inputs, item.case.layout)
            and isinstance(item.verdict, Right | Wrong)
            and shows(caveat, item.case, machine) is True
        ]
        if due and not any(mine[index].admitted for index in due):
            yield due[0], f"admits {kind!r} ({caveat.text}), but was right on it: drop the caveat"


def shows(caveat: Caveat, case: Case, machine: Machine) -> bool | None:
    """Whether the weakness shows on such a case; None where that isn't known."""
    names = ("dtype", "device", "direction", "board", "layout")
    values = {name: getattr(case, name) for name in names} | {"machine": machine}
    answer: bool | None = call_named(caveat.shows, values)
    return answer
