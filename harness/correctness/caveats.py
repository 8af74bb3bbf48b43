"""Caveats: failures that a contender declares, which are expected and have to show.

A caveat is pytest's strict xfail, per input kind or layout and, if it has a condition, per dtype,
device and machine. A failure that no caveat covers is Wrong. A caveat that should show and doesn't
is Wrong too, so that caveats are removed once they are out of date. A contender isn't timed on a
case on which it is expected to fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from opbench.harness.catalog import Catalog
from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declare import Caveat, Impl, Op
from opbench.results.records import (
    Case,
    Environment,
    FailedCheck,
    Outcome,
    Right,
    Verdict,
    Wrong,
)

#: The failed checks that a caveat covers: wrong results, not misbehaviour.
_COVERED: tuple[FailedCheck, ...] = ("value", "gradient")
#: The facts of an environment, by name, for the conditions of caveats.
MachineFacts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict on one contender on one case, as `opbench check --json` prints it."""

    contender: str
    case: Case
    verdict: Verdict
    #: The text of the caveat by which the failure was expected; "" where it wasn't.
    admitted: str = ""


def machine_facts(environment: Environment) -> MachineFacts:
    """The facts of the machine that contenders run on."""
    return dict((*environment.stable, *environment.volatile))


def expected_failure(
    verdict: Outcome | Verdict, contender: Impl, case: Case, machine: MachineFacts
) -> str:
    """The text of the caveat by which a wrong result was expected; "" where it wasn't."""
    if isinstance(verdict, Wrong) and verdict.stage in _COVERED:
        for kind in (case.inputs, case.layout):
            caveat = contender.caveats.get(kind)
            if caveat is not None and shows(caveat, case, machine) is not False:
                return caveat.text
    return ""


def caveats_on(contender: Impl, case: Case, machine: MachineFacts) -> tuple[tuple[str, str], ...]:
    """The caveats that may show in the dtype of a case on this machine: input kind or layout, text.

    Those of all kinds and layouts, as they matter to everybody who chooses a contender.
    """
    return tuple(
        (kind, caveat.text)
        for kind, caveat in contender.caveats.items()
        if shows(caveat, case, machine) is not False
    )


def enforce_caveats(
    catalog: Catalog, checked: Sequence[Checked], machine: MachineFacts
) -> list[Checked]:
    """The same verdicts, but Wrong where a caveat should have shown and didn't on any case."""
    enforced = list(checked)
    indices: dict[tuple[str, str], list[int]] = {}
    for index, item in enumerate(enforced):
        indices.setdefault((item.case.op, item.contender), []).append(index)
    for op_name, contenders in catalog.impls.items():
        for contender in contenders.values():
            mine = indices.get((op_name, contender.name), [])
            found, op = [enforced[i] for i in mine], catalog.op(op_name)
            for index, reason in _missing(op, contender, found, machine):
                enforced[mine[index]] = replace(
                    enforced[mine[index]], verdict=Wrong("caveat", reason), admitted=""
                )
    return enforced


def _missing(
    op: Op, contender: Impl, mine: Sequence[Checked], machine: MachineFacts
) -> Iterator[tuple[int, str]]:
    """Of each caveat that should show and didn't: the index of the first such case, and why.

    mine: the verdicts on the contender.
    """
    for kind, caveat in contender.caveats.items():
        due = [
            index
            for index, item in enumerate(mine)
            if _should_show(kind, item.case, op)
            and isinstance(item.verdict, Right | Wrong)
            and shows(caveat, item.case, machine) is True
        ]
        if due and not any(mine[index].admitted for index in due):
            yield due[0], f"admits {kind!r} ({caveat.text}), but was right on it: drop the caveat"


def _should_show(kind: str, case: Case, op: Op) -> bool:
    """Whether a caveat of an input kind or layout may be asked for on a case."""
    # It may show in gradients alone, which a check has none of where it could have.
    lacks_gradients = case.direction == "forward" and op.grad and "float" in case.dtype
    return kind == case.layout or (kind == case.inputs and not lacks_gradients)


def shows(caveat: Caveat, case: Case, machine: MachineFacts) -> bool | None:
    """Whether a caveat shows on such a case; None where it may."""
    names = ("dtype", "device", "direction", "board", "layout")
    values = {name: getattr(case, name) for name in names} | {"machine": machine}
    answer: bool | None = call_named(caveat.shows, values)
    return answer
