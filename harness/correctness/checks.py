"""Check contenders against the oracle: values, gradients, and forbidden side effects.

Of each contender are checked: outputs on two sets of inputs in the same memory, their shapes,
dtypes, device and memory, inputs left unchanged, no caching, and gradients; and all of that in
unusual circumstances, where the check is thorough. The first check that fails gives the verdict
`Wrong`, with its name; what the contender raises gives `Failed`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from opbench.harness.correctness.caching import refuse_caching
from opbench.harness.correctness.draws import refuse_bad_draws
from opbench.harness.correctness.evaluation import comparable
from opbench.harness.correctness.gradients import pass_error
from opbench.harness.correctness.memory import clone
from opbench.harness.correctness.outputs import output_error
from opbench.harness.correctness.promises import promised_error
from opbench.harness.correctness.reference import Reference, WrongError, call, refilled
from opbench.harness.correctness.repeated_calls import thorough_error
from opbench.harness.correctness.tolerance import Truth, error_of
from opbench.harness.outcomes import catch
from opbench.harness.preparation.output_modes import as_tuple
from opbench.results.records import Right, Verdict, Wrong


def check(
    reference: Reference,
    function: Callable[..., Any],
    *,
    thorough: bool = False,
    caches: bool = True,
) -> Verdict:
    """The verdict on one contender, whatever it does short of ending the process.

    thorough: whether it is called in unusual circumstances as well.
    caches: whether it is looked for results that are remembered by their inputs.
    """

    def checked() -> Right | Wrong:
        try:
            error = _largest_error(reference, function, caches=caches)
            if not thorough:
                return Right(error)
            unusual = (thorough_error(reference, function), promised_error(reference, function))
            return Right(max(error, *unusual))
        except WrongError as wrong:
            return wrong.verdict

    return catch("check", checked)


def disagreement(
    reference: Reference, functions: Mapping[str, Callable[..., Any]]
) -> dict[tuple[str, str], float]:
    """By pair of contenders, their largest difference as a multiple of the tolerance."""
    op, given = reference.op, reference.first
    magnitudes = [truth.magnitude for truth in reference.expected_first.compared]
    truths = {
        name: [
            Truth(output.detach(), magnitude)
            for output, magnitude in zip(
                comparable(op, as_tuple(call(f, given.map(clone))), given), magnitudes, strict=True
            )
        ]
        for name, f in functions.items()
    }
    tolerance = op.tolerance[reference.case.dtype]
    return {
        (one, other): max(
            error_of(a.value, b, tolerance) for a, b in zip(truths[one], truths[other], strict=True)
        )
        for one, other in itertools.combinations(truths, 2)
    }


def _largest_error(reference: Reference, function: Callable[..., Any], *, caches: bool) -> float:
    """The largest error over all outputs and gradients. Raises WrongError."""
    given = reference.first.map(clone)
    errors = [output_error(reference, function, given, reference.expected_first)]
    # The same memory with other values: a contender that caches by address answers with the old.
    given = refilled(given, reference.second)
    errors.append(output_error(reference, function, given, reference.expected_second))
    # Before the gradients: those of a remembered result are missing, which says less.
    if caches:
        refuse_caching(reference, function)
    refuse_bad_draws(reference, function)
    if reference.expected_first.gradients:
        errors.append(pass_error(reference, function))
    return max(errors)
