"""Sizes that were chosen by rule, and can't be checked."""

import pytest
import torch

from opbench import Cost, Op
from opbench.harness.correctness.affordable import (
    MOST_OPERATIONS,
    affordable,
    affordable_inputs,
)
from opbench.harness.correctness.reference import build_reference
from opbench.harness.preparation.inputs import build
from opbench.results.errors import UnsupportedError
from opbench.results.records import Case

#: Work of a call that is still affordable.
MOST = Cost(1000, 1000)


def op_of(oracle, make=lambda N: {"x": torch.ones(N)}, **fields):
    return Op(
        name="mine",
        oracle=oracle,
        axes={"N": "size"},
        inputs={"normal": make},
        quick={"small": {"N": 1}},
        **{"cost": lambda: Cost(0, 0), **fields},
    )


def refusal(op, size):
    case = Case(op="mine", shape="border_N", axes=(("N", size),), inputs="normal", dtype="float32")
    with pytest.raises(UnsupportedError) as raised:
        reference_of(op, case)
    return str(raised.value)


def reference_of(op, case):
    """The reference of a case, as far as that is affordable."""
    first = affordable_inputs(op, case, most=MOST)
    return build_reference(op, case, first=first, within=affordable())


def added_up(x):
    return sum(x.unbind(), torch.zeros(()))


def test_oracle_of_few_operations_passes():
    case = Case(op="mine", shape="border_N", axes=(("N", 9),), inputs="normal", dtype="float32")
    op = op_of(added_up)
    assert reference_of(op, case).first.equals(build(op, case))


def test_oracle_that_loops_over_thousands_is_refused_by_their_number():
    assert refusal(op_of(added_up), MOST_OPERATIONS + 1) == (
        f"the oracle does more than {MOST_OPERATIONS} operations"
    )


def test_tensor_that_would_fill_the_memory_is_refused_before_it_is_made():
    op = op_of(lambda x: x, lambda N: {"x": torch.zeros(N, N, N, N)})
    assert "elements" in refusal(op, 65537)


def test_what_the_op_does_not_take_is_no_fault_of_it():
    def validate(x):
        if len(x) % 2:
            raise ValueError("pairs, please")

    def make(N):
        return {"x": torch.ones(2).view(N)}

    assert "doesn't take them" in refusal(op_of(added_up, validate=validate), 33)
    assert "doesn't take them" in refusal(op_of(added_up, make), 33)
    assert "doesn't take them" in refusal(op_of(lambda x: x.view(2)), 33)


def test_work_that_depends_on_the_inputs_is_counted():
    def cost(x):
        return Cost(0, 4 * x.numel())

    assert "too much work: 0.0e+00 FLOP, 1.2e+03 B" in refusal(op_of(added_up, cost=cost), 300)


def test_result_of_many_elements_is_refused_before_it_is_made():
    def outer(x):
        return x[:, None] * x

    assert "elements" in refusal(op_of(outer), 2**17)
    assert "elements" in refusal(op_of(lambda x: x.expand(2**17, len(x)).clone()), 2**17)
