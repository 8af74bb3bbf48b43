"""The outlook of an undecided race in sentences, with the command that would decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench.harness.cli.option_types import as_duration

if TYPE_CHECKING:
    from opbench.harness.pipeline.outlook import Outlook


def sentences(outlook: Outlook, run: str) -> tuple[str, ...]:
    """The sentences of a case. run: the folder to go on with."""
    names, rounds = ", ".join(outlook.undecided), f"{outlook.rounds} rounds"
    if outlook.rounds < outlook.first_look:
        rounds = f"{outlook.rounds} of the {outlook.first_look} rounds that a first look takes"
    begin = f"{outlook.case.op} {outlook.case.label}: "
    begin += "nothing is decided" if outlook.nothing else f"{names} undecided"
    if outlook.processes > 1:
        return (f"{begin} in {outlook.processes} processes: race with more --processes",)
    lines = [f"{begin} after {rounds}"]
    if outlook.needed:
        lines[0] += f"; about {outlook.needed} rounds would decide"
    if outlook.budget_s is not None:
        lines[0] += f": opbench run --resume {run} --budget {as_duration(outlook.budget_s)}"
    if outlook.close:
        lines.append(
            f"{begin}: no longer race would distinguish {', '.join(outlook.close)} from the best; "
            "--processes 5 may, or the difference doesn't matter"
        )
    return tuple(lines)
