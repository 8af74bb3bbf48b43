"""Reproduce a failure on the smallest case that shows it."""

from __future__ import annotations

from opbench.harness.catalog import Catalog
from opbench.harness.correctness.reference import build_reference
from opbench.harness.correctness.reproduction import Failure, program
from opbench.harness.correctness.smallest_case import smallest_case
from opbench.harness.execution.check_case import CaseChecker
from opbench.harness.execution.messages import JobResult, ObservedStage
from opbench.harness.execution.observer import NullObserver, Observer
from opbench.harness.execution.ready import TaintedError, settings
from opbench.harness.planning.selection import Race
from opbench.harness.preparation.output_modes import function_in_mode
from opbench.harness.preparation.resolve import resolve
from opbench.results.errors import OpFaultError, UnsupportedError
from opbench.results.records import Case, Failed, Wrong


def reproduce(catalog: Catalog, race: Race, observer: Observer) -> str:
    """A program that shows what is wrong with the contender of a race, on the smallest case found.

    Where such a program would be too large, or can't show it, a comment that says so.
    """
    op, (name,) = catalog.op(race.case.op), race.contenders
    contender = catalog.impl(op.name, name)
    verdicts = _Verdicts(catalog, name, observer)
    stage = getattr(verdicts.on(race.case), "stage", None)

    def fails(smaller: Case) -> bool:
        """Whether the same check fails."""
        return stage is not None and getattr(verdicts.on(smaller), "stage", None) == stage

    smallest = smallest_case(op, race.case, fails)
    verdict = verdicts.on(smallest)
    if not isinstance(verdict, Wrong | Failed):
        return no_program(race, "called once more, it was right")
    try:
        with settings(smallest):
            reference = build_reference(op, smallest)
            function = function_in_mode(reference.op, contender, resolve(contender), smallest.board)
            return program(Failure(contender, reference, verdict), function)
    except UnsupportedError as error:
        return no_program(race, str(error))


def no_program(race: Race, why: str) -> str:
    """The comment in place of a program."""
    return f"# {race.contenders[0]} of {race.case.op}: no program: {why}\n"


class _Verdicts(NullObserver):
    """Asks for the verdict on one contender, case by case."""

    def __init__(self, catalog: Catalog, name: str, observer: Observer) -> None:
        self._checker = CaseChecker(catalog)
        self._name = name
        self._observer = observer
        self._found: JobResult | None = None

    def on(self, case: Case) -> JobResult | None:
        """The verdict; None where there is no such case."""
        self._found = None
        try:
            self._checker.check_case(Race(case, (self._name,)), observer=self)
        except (OpFaultError, TaintedError):
            return None
        return self._found

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Pass on that a check begins: each has the time of one."""
        self._observer.begin(name, stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Keep the verdict."""
        self._found = result
