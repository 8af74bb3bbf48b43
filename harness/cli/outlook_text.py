"""What would decide a race that left contenders undecided: sentences, with the command to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench.harness.cli.option_types import as_duration

if TYPE_CHECKING:
    from opbench.harness.pipeline.outlook import Outlook


def sentences(outlook: Outlook, run: str) -> tuple[str, ...]:
    """What to tell of a case, and what to do; `run`: the folder that it would go on in."""
    who, rounds = ", ".join(outlook.undecided), f"{outlook.rounds} rounds"
    if outlook.rounds < outlook.first_look:
        rounds = f"{outlook.rounds} of the {outlook.first_look} rounds that a first look takes"
    began = f"{outlook.case.op} {outlook.case.label}: "
    began += "nothing is decided" if outlook.nothing else f"{who} undecided"
    if outlook.processes > 1:
        return (f"{began} in {outlook.processes} processes: race with more --processes",)
    told = [f"{began} after {rounds}"]
    if outlook.needed:
        told[0] += f"; about {outlook.needed} rounds would decide"
    if outlook.budget_s is not None:
        told[0] += f": opbench run --resume {run} --budget {as_duration(outlook.budget_s)}"
    if outlook.close:
        told.append(
            f"{began}: no longer race would tell {', '.join(outlook.close)} from the best; "
            "--processes 5 may, or the difference doesn't matter"
        )
    return tuple(told)
