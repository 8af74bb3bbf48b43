"""Check contenders on the samples by which torch tests the function that an op is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from opbench.harness.correctness import oracle
from opbench.harness.correctness.gradients import pass_error
from opbench.harness.correctness.memory import clone
from opbench.harness.correctness.outputs import output_error
from opbench.harness.correctness.reference import Circumstances, Reference, WrongError, call
from opbench.harness.declare import Op
from opbench.harness.outcomes import catch
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import op_in_mode
from opbench.harness.preparation.samples import Sample, samples_of
from opbench.results.records import Case, Failed, Right, Unsupported, Verdict, Wrong


@dataclass(frozen=True, slots=True)
class SampleReference:
    """A sample, and its truth."""

    sample: Sample
    #: None where the sample is an error.
    reference: Reference | None

    def __str__(self) -> str:
        shapes = ", ".join(str(list(t.shape)) for t in self.sample.given.tensors())
        options = "".join(f", {name}={v}" for name, v in self.sample.given.options.items())
        return f"on torch's own sample {shapes}{options}"


def sample_references(op: Op, case: Case) -> tuple[SampleReference, ...]:
    """The samples of an op with their truth. Raises UnsupportedError where there are none."""
    op = op_in_mode(op, case.board)
    return tuple(
        SampleReference(sample, None if sample.error else _reference(op, case, sample.given))
        for sample in samples_of(op, case)
    )


def _reference(op: Op, case: Case, given: Inputs) -> Reference:
    """The truth of a sample that is no error."""
    graded = case.direction == "both" and all(t.numel() for t in given.tensors())
    expected = oracle.expect(op, given, dtype=case.dtype, seed=case.seed, gradients=graded)
    return Reference(
        op=op,
        case=case,
        first=given,
        second=given,
        expected_first=expected,
        expected_second=expected,
    )


def check_samples(
    references: Sequence[SampleReference], function: Callable[..., Any], *, graded: bool
) -> Verdict:
    """The verdict on a contender; graded: whether it has gradients."""
    verdicts = (_verdict(item, function, graded=graded) for item in references)
    found = [verdict for verdict in verdicts if not isinstance(verdict, Unsupported)]
    refused = next((v for v in found if not isinstance(v, Right)), None)
    if refused is not None or not found:
        return refused or Unsupported("takes none of torch's own samples")
    return Right(max(verdict.error for verdict in found if isinstance(verdict, Right)))


def _verdict(item: SampleReference, function: Callable[..., Any], *, graded: bool) -> Verdict:
    """The verdict on one sample."""
    reference = item.reference
    if reference is None:
        result = catch("check", lambda: call(function, item.sample.given.map(clone)))
        if isinstance(result, Failed | Unsupported):
            return Right(0.0)
        return Wrong("value", f"{item}: returns, where torch raises: {item.sample.error}")

    def checked() -> Right | Wrong:
        try:
            with Circumstances(str(item)):
                given, expected = reference.first.map(clone), reference.expected_first
                error = output_error(reference, function, given, expected)
                if graded and expected.gradients:
                    error = max(error, pass_error(reference, function))
            return Right(error)
        except WrongError as wrong:
            return wrong.verdict

    return catch("check", checked)
