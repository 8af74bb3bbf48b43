"""Check the contenders of one case in one process.

Each is checked on every pass and kind by itself; the right ones are then compared with each
other. A contender's function is resolved once for all cases, so that compiled ones keep what they
compiled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from torch._functorch import config as functorch_config

from opbench.harness.catalog import Catalog
from opbench.harness.correctness import checks
from opbench.harness.correctness.affordable import affordable, affordable_inputs
from opbench.harness.correctness.costs import cost_of
from opbench.harness.correctness.own_tolerance import ensure_passes_itself
from opbench.harness.correctness.reference import Reference, without_gradients
from opbench.harness.correctness.samples import (
    SampleReference,
    check_samples,
    sample_references,
)
from opbench.harness.declaration.samples import KIND as SAMPLES
from opbench.harness.declare import Impl, Op
from opbench.harness.execution import process_state
from opbench.harness.execution.observer import Observer
from opbench.harness.execution.ready import TaintedError, reference_of, settings
from opbench.harness.outcomes import catch
from opbench.harness.planning.borders import MOST_WORK, REFUSED, is_border
from opbench.harness.planning.checked_cases import is_thorough, looks_for_caches
from opbench.harness.planning.selection import Race
from opbench.harness.preparation.output_modes import function_in_mode
from opbench.harness.preparation.resolve import ensure_supported, resolve
from opbench.results.errors import UnsupportedError
from opbench.results.records import Case, Failed, Right, Unsupported, Verdict, Wrong

T = TypeVar("T")

#: By pair of contenders, their largest difference as a multiple of the tolerance.
Differences = dict[tuple[str, str], float]


class CaseChecker:
    """Checks one case after another, resolving a contender's function once for all of them."""

    def __init__(self, catalog: Catalog) -> None:
        """catalog: with the ops and contenders of all cases to come."""
        self._catalog = catalog
        self._resolved: dict[tuple[str, str], Callable[..., Any] | Unsupported | Failed] = {}
        #: By case, of any number of threads, and contender, how many it is thoroughly checked on.
        self._thorough: dict[tuple[Case, str], int] = {}

    def check_case(self, race: Race, *, observer: Observer, compares: bool = True) -> Differences:
        """Check every contender, reporting each verdict, and compare the right ones pairwise.

        compares: whether they are compared. Raises TaintedError after a contender that ran out of
        memory, which it may still hold.
        """
        with settings(race.case, reset_compiler=False):
            return self._check_case(race, observer, compares=compares)

    def _check_case(self, race: Race, observer: Observer, *, compares: bool) -> Differences:
        """Check the contenders one after the other, with the settings of the case in force."""
        case = race.case
        observer.begin("", "inputs")
        op = self._catalog.op(case.op)
        if case.inputs == SAMPLES:
            self._check_samples(op, race, observer)
            return {}
        thorough = {name for name in race.contenders if self._is_thorough(op, name, case)}
        make = partial(self._reference, case, thorough=bool(thorough))
        reference = _excused(op, case, catch("inputs", make))
        if not isinstance(reference, Reference):
            for name in race.contenders:
                observer.begin(name, "check")
                observer.done(name, reference)
            observer.begin("", "check")
            return {}
        ensure_passes_itself(reference)
        # It isn't needed here, but a race should not be the first to try it.
        cost_of(reference.op, case, reference.first)
        right: dict[str, Callable[..., Any]] = {}
        for name in race.contenders:
            observer.begin(name, "check")
            function, verdict = self._check_contender(reference, name, thorough=name in thorough)
            observer.done(name, _excused(op, case, verdict))
            if isinstance(verdict, Failed) and verdict.cause == "memory":
                raise TaintedError(verdict.reason)
            if isinstance(verdict, Right) and callable(function):
                right[name] = function
        observer.begin("", "check")
        with _patient_compiler():
            return checks.disagreement(reference, right if compares else {})

    def _is_thorough(self, op: Op, name: str, case: Case) -> bool:
        """Whether a contender is called in unusual circumstances, on one number of threads."""
        if not is_thorough(op, self._catalog.impl(op.name, name), case):
            return False
        once = (replace(case, threads=0), name)
        return self._thorough.setdefault(once, case.threads) == case.threads

    def _check_samples(self, op: Op, race: Race, observer: Observer) -> None:
        """Check the contenders on the samples by which torch tests the function that the op is."""
        case = race.case
        references = catch("inputs", partial(sample_references, op, case))
        for name in race.contenders:
            observer.begin(name, "check")
            verdict: Verdict
            if isinstance(references, Unsupported | Failed):
                verdict = references
            else:
                verdict = self._on_samples(references, self._catalog.impl(case.op, name), case)
            observer.done(name, verdict)

    def _on_samples(
        self, references: Sequence[SampleReference], contender: Impl, case: Case
    ) -> Verdict:
        """The verdict on a contender, on those samples that it takes."""
        graded, op = case.direction == "both", self._catalog.op(case.op)

        def takes(item: SampleReference, case: Case) -> bool:
            refuse = partial(ensure_supported, op, contender, item.sample.given.values, case)
            return catch("prepare", refuse) is None

        if not any(takes(item, case) for item in references):
            graded, case = False, replace(case, direction="forward")
        function = self._resolve(contender)
        if isinstance(function, Unsupported | Failed):
            return function
        in_mode = function_in_mode(op, contender, function, case.board)
        taken = [item for item in references if item.reference is None or takes(item, case)]
        return check_samples(taken, in_mode, graded=graded)

    def _check_contender(
        self, reference: Reference, name: str, *, thorough: bool
    ) -> tuple[Callable[..., Any] | Unsupported | Failed, Verdict]:
        """A contender's function, or why there is none, and the verdict on it."""
        op, case = reference.op, reference.case
        contender = self._catalog.impl(case.op, name)
        expected, function = reference, self._function(reference, contender)
        if isinstance(function, Unsupported) and case.direction == "both":
            # A contender without a gradient is held to its values.
            expected = without_gradients(reference)
            function = self._function(expected, contender)
        caches = looks_for_caches(op, case)
        return function, _verdict(expected, function, thorough=thorough, caches=caches)

    def _reference(self, case: Case, *, thorough: bool) -> Reference:
        """The reference of a case. Raises UnsupportedError where there is none."""
        if not is_border(case):
            return reference_of(self._catalog, case, gradients=True, thorough=thorough)
        try:
            first = affordable_inputs(self._catalog.op(case.op), case, most=MOST_WORK)
            return reference_of(self._catalog, case, first=first, within=affordable())
        except UnsupportedError as error:
            raise UnsupportedError(REFUSED + str(error)) from error

    def _function(
        self, reference: Reference, contender: Impl
    ) -> Callable[..., Any] | Unsupported | Failed:
        """The contender's function, or why it doesn't run on this case."""
        refusal = catch(
            "prepare",
            partial(
                ensure_supported, reference.op, contender, reference.first.values, reference.case
            ),
        )
        if refusal is not None:
            return refusal
        function = self._resolve(contender)
        if isinstance(function, Unsupported | Failed):
            return function
        return function_in_mode(reference.op, contender, function, reference.case.board)

    def _resolve(self, contender: Impl) -> Callable[..., Any] | Unsupported | Failed:
        """The contender's function, resolved once, or why there is none."""
        key = (contender.op, contender.name)
        if key not in self._resolved:
            self._resolved[key] = catch("prepare", partial(resolve, contender))
        return self._resolved[key]


def _excused(op: Op, case: Case, result: T) -> T | Unsupported:
    """A result; Unsupported for a failure that sizes which nobody declared may be the reason of.

    Where memory runs out; and where the op can't tell whether it takes them, as it has no
    `validate`, where a contender raises or returns something of another shape.
    """
    if not is_border(case) or not isinstance(result, Failed | Wrong):
        return result
    is_memory = isinstance(result, Failed) and result.cause == "memory"
    is_refusal = isinstance(result, Failed) or result.stage == "shape"
    if is_memory or (op.validate is None and is_refusal):
        return Unsupported(REFUSED + result.reason)
    return result


def _patient_compiler() -> AbstractContextManager[None]:
    """Keep torch.compile from falling back to eager code after a few shapes.

    It takes as long to import as torch itself, and is not imported for contenders that aren't
    compiled. One that compiles unannounced imports it; the few shapes of that first case are within
    its own limit.
    """
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is None:
        return nullcontext()
    patched: AbstractContextManager[None] = dynamo.config.patch(
        recompile_limit=256, fail_on_recompile_limit_hit=True
    )
    return patched


def _verdict(
    reference: Reference,
    function: Callable[..., Any] | Unsupported | Failed,
    *,
    thorough: bool,
    caches: bool,
) -> Verdict:
    """The verdict of the check; Wrong also where it changed state, which is put back."""
    if isinstance(function, Unsupported | Failed):
        return function
    before = process_state.read()
    # Thoroughly checked, a graph is gone through twice: it must not give its buffers away.
    with _patient_compiler(), functorch_config.patch(donated_buffer=not thorough):
        verdict = checks.check(reference, function, thorough=thorough, caches=caches)
    changes = process_state.restore(before)
    if changes and isinstance(verdict, Right):
        return Wrong("state", f"changed {', '.join(changes)}")
    return verdict
