"""Where an op's own oracle would be called wrong, it is the declaration that is at fault."""

from dataclasses import replace

import pytest
import torch

from opbench.harness.correctness.own_tolerance import ensure_passes_itself
from opbench.harness.correctness.reference import build_reference
from opbench.harness.declare import DEFAULT_TOLERANCE
from opbench.results.errors import OpFaultError
from tests.harness.correctness.functions import declared
from tests.harness.correctness.test_sizes import case_of, op_of


def centred(x):
    return x - x.mean(1, keepdim=True)


def of_rows(**changes):
    op = op_of(centred, lambda rng: torch.randn(4, 33, generator=rng) + 100, grad=("x",))
    return replace(op, **changes)


def test_an_oracle_passes_by_the_defaults():
    for dtype in ("float32", "float16", "bfloat16"):
        ensure_passes_itself(build_reference(of_rows(), case_of(dtype)))


def test_a_magnitude_that_cancels_is_the_fault_of_the_declaration():
    with pytest.raises(OpFaultError) as caught:
        ensure_passes_itself(build_reference(of_rows(magnitude=lambda x: centred(x)), case_of()))
    told = str(caught.value)
    assert told.startswith("op mine (./tests/harness/correctness/test_own_tolerance.py:")
    assert "magnitude is too small: the oracle itself, evaluated in float32, is off by" in told
    assert "times what is allowed in float32; of the output," in told
    assert told.endswith("leave it out")


def test_a_tolerance_below_rounding_is_the_fault_of_the_declaration():
    with pytest.raises(OpFaultError, match=r"tolerance is too small: .*allow more by tolerance="):
        ensure_passes_itself(
            build_reference(of_rows(tolerance={**DEFAULT_TOLERANCE, "float32": 1e-9}), case_of())
        )


def test_magnitude_whose_gradient_is_too_small_is_reported():
    op = of_rows(magnitude=lambda x: 100 + 1e-9 * x)
    with pytest.raises(OpFaultError, match="of the gradient,"):
        ensure_passes_itself(build_reference(op, case_of()))


def test_a_loop_that_adds_up_passes_in_half_precision():
    def total(x):
        sums = x[:, 0]
        for column in x.unbind(1)[1:]:
            sums = sums + column
        return sums / 4096

    op = op_of(total, lambda rng: torch.rand(2, 4096, generator=rng))
    ensure_passes_itself(build_reference(op, case_of("bfloat16")))


def test_an_oracle_that_works_in_float64_alone_is_no_fault():
    op = op_of(lambda x: x @ torch.eye(33, dtype=torch.float64), lambda rng: torch.ones(4, 33))
    ensure_passes_itself(build_reference(op, case_of()))


def test_what_overflows_in_float32_is_no_fault():
    op = op_of(lambda x: (x.exp() + 1).log(), lambda rng: torch.full((4, 3), 200.0))
    ensure_passes_itself(build_reference(op, case_of()))


def test_functions_of_the_table_are_declared_by_the_defaults():
    op = declared("layer_norm")
    assert op.magnitude is None
    assert op.canonical is None
