"""Reproduce a failure on the smallest case that shows it."""

from __future__ import annotations

from opbench.harness.catalog import Catalog, load
from opbench.harness.correctness.reference import build_reference
from opbench.harness.correctness.reproduction import Failure, program
from opbench.harness.correctness.smallest_case import smallest_case
from opbench.harness.execution.check_case import CaseChecker
from opbench.harness.execution.messages import JobResult
from opbench.harness.execution.observer import NullObserver
from opbench.harness.execution.ready import TaintedError, settings
from opbench.harness.planning.selection import Race
from opbench.harness.preparation.output_modes import function_in_mode
from opbench.harness.preparation.resolve import resolve
from opbench.results.errors import OpFaultError, UnsupportedError
from opbench.results.records import Case, Failed, Wrong


def reproduce(modules: tuple[str, ...], case: Case, name: str) -> str:
    """A program that shows what is wrong with a contender on a case, or on a smaller one.

    modules: to load besides the installed suites.
    Raises UnsupportedError where such a program would be too large, or can't show it.
    """
    catalog = load(*modules)
    verdicts = _Verdicts(catalog, name)
    stage = getattr(verdicts.on(case), "stage", None)

    def fails(smaller: Case) -> bool:
        """Whether the same check fails."""
        return stage is not None and getattr(verdicts.on(smaller), "stage", None) == stage

    op, contender = catalog.op(case.op), catalog.impl(case.op, name)
    smallest = smallest_case(op, case, fails)
    verdict = verdicts.on(smallest)
    if not isinstance(verdict, Wrong | Failed):
        raise UnsupportedError("called once more, it was right")
    with settings(smallest):
        reference = build_reference(op, smallest)
        function = function_in_mode(reference.op, contender, resolve(contender), smallest.board)
        return program(Failure(contender, reference, verdict), function)


class _Verdicts(NullObserver):
    """Asks for the verdict on one contender, case by case."""

    def __init__(self, catalog: Catalog, name: str) -> None:
        self._checker = CaseChecker(catalog)
        self._name = name
        self._found: JobResult | None = None

    def on(self, case: Case) -> JobResult | None:
        """The verdict; None where there is no such case."""
        self._found = None
        try:
            self._checker.check_case(Race(case, (self._name,)), observer=self)
        except (OpFaultError, TaintedError):
            return None
        return self._found

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Keep the verdict."""
        self._found = result
