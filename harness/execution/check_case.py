"""What happens to the contenders of one case when they are checked, in one process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from opbench.harness.catalog import Catalog
from opbench.harness.correctness import checks, reference
from opbench.harness.correctness.costs import cost_of
from opbench.harness.declare import Impl
from opbench.harness.execution import process_state
from opbench.harness.execution.observer import Witness
from opbench.harness.execution.ready import SpoiledError, exam_of, settings
from opbench.harness.outcomes import attempt
from opbench.harness.planning.selection import Race
from opbench.harness.preparation.output_modes import function_on
from opbench.harness.preparation.resolve import ensure_supported, resolve
from opbench.results.records import Failed, Right, Unsupported, Verdict, Wrong

#: For each pair of contenders, their largest difference in units of the tolerance.
Apart = dict[tuple[str, str], float]


class Verifier:
    """Checks one case after another. A contender's function is resolved once for all of them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._resolved: dict[tuple[str, str], Callable[..., Any] | Unsupported | Failed] = {}

    def check_case(self, race: Race, *, witness: Witness) -> Apart:
        """Examine every contender, telling each verdict, and compare the right ones pairwise.

        Raises SpoiledError where one of them ran out of memory, which it may still hold.
        """
        with settings(race.case, reset_compiler=False):
            return self._check_case(race, witness)

    def _check_case(self, race: Race, witness: Witness) -> Apart:
        case = race.case
        witness.begin("", "inputs")
        exam = attempt("inputs", partial(exam_of, self._catalog, case, gradients=True))
        if isinstance(exam, reference.Exam):
            cost_of(exam)  # isn't needed here, but a race should not be the first to try it
        right: dict[str, Callable[..., Any]] = {}
        for name in race.contenders:
            witness.begin(name, "check")
            if not isinstance(exam, reference.Exam):
                witness.done(name, exam)
                continue
            contender = self._catalog.impl(case.op, name)
            asked, function = exam, self._function(exam, contender)
            if isinstance(function, Unsupported) and case.direction == "both":
                # Who has no gradient is held to its values.
                asked = reference.without_gradients(exam)
                function = self._function(asked, contender)
            verdict = _verdict(asked, function)
            witness.done(name, verdict)
            if isinstance(verdict, Failed) and verdict.cause == "memory":
                raise SpoiledError(verdict.reason)
            if isinstance(verdict, Right) and callable(function):
                right[name] = function
        witness.begin("", "check")
        if not isinstance(exam, reference.Exam):
            return {}
        with _patient_compiler():
            return checks.disagreement(exam, right)

    def _function(
        self, exam: reference.Exam, contender: Impl
    ) -> Callable[..., Any] | Unsupported | Failed:
        """The contender's function, or why it doesn't run on this case."""
        refusal = attempt(
            "prepare", partial(ensure_supported, exam.op, contender, exam.first.values, exam.case)
        )
        if refusal is not None:
            return refusal
        key = (contender.op, contender.name)
        if key not in self._resolved:
            self._resolved[key] = attempt("prepare", partial(resolve, contender))
        function = self._resolved[key]
        if isinstance(function, Unsupported | Failed):
            return function
        return function_on(exam.op, contender, function, exam.case.board)


def _patient_compiler() -> AbstractContextManager[None]:
    """torch.compile doesn't give up after a few shapes, to run, and let pass, eager code.

    It takes as long to import as torch itself, and is not, for contenders that aren't compiled. Who
    compiles unannounced imports it; the few shapes of that first case are within its own patience.
    """
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is None:
        return nullcontext()
    patched: AbstractContextManager[None] = dynamo.config.patch(
        recompile_limit=256, fail_on_recompile_limit_hit=True
    )
    return patched


def _verdict(exam: reference.Exam, function: Callable[..., Any] | Unsupported | Failed) -> Verdict:
    """The verdict of the exam; right answers don't excuse changed state, which is put back."""
    if isinstance(function, Unsupported | Failed):
        return function
    before = process_state.read()
    with _patient_compiler():
        verdict = checks.examine(exam, function)
    changes = process_state.restore(before)
    if changes and isinstance(verdict, Right):
        return Wrong("state", f"changed {', '.join(changes)}")
    return verdict
