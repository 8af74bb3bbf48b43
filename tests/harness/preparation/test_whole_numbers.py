"""Inputs of whole numbers are as large as the results of an op leave room for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from opbench import Cost, Op
from opbench.harness.preparation import inputs
from opbench.results.records import Case


def built(oracle, make, *, N=5, exact=False):
    op = Op(
        name="mine",
        oracle=oracle,
        axes={"N": "size"},
        inputs={"normal": make},
        quick={"small": {"N": N}},
        dtypes=("float32", "int64"),
        cost=lambda: Cost(0, 0),
        exact=exact,
    )
    case = Case(op="mine", shape="small", axes=(("N", N),), inputs="normal", dtype="int64")
    return inputs.build(op, case).args[0]


def normal(N, rng):
    return {"x": torch.randn(N, generator=rng) + 1}


@given(power=st.integers(1, 6), terms=st.integers(1, 3000))
def test_powers_and_their_sums_neither_overflow_nor_fit_into_a_float(power, terms):
    x = built(lambda x: (x**power).sum(), normal, N=terms)
    exact = sum(number**power for number in x.tolist())
    assert (x**power).sum().item() == exact
    if power < 4:  # of more, the hundreds that inputs are anyway fill what there is
        assert max(abs(number) ** power for number in x.tolist()) * terms > 2**53


def test_what_is_compared_is_as_large_as_what_is_moved():
    moved = built(lambda x: x, normal, exact=True)
    assert torch.equal(built(lambda x: x.amax(0), normal), moved)
    assert torch.equal(built(lambda x: (x > 0).sum(), normal), moved)
    assert moved.abs().max() > 2**53
    assert all(number % 2 for number in moved.tolist())


@pytest.mark.parametrize(
    "oracle", [lambda x: x * 0, lambda x: x.nonsense(), lambda x: x[:0], lambda x: (x * 99).exp()]
)
def test_numbers_stay_as_they_are_where_nothing_can_be_found_out(oracle):
    assert built(oracle, normal).abs().max() < 1000


def test_indexes_and_masks_stay_as_they_are():
    def make(N, rng):
        return {"x": torch.arange(N), "y": torch.randn(N, generator=rng)}

    assert built(lambda x, y: y[x], make).tolist() == [0, 1, 2, 3, 4]


def test_an_oracle_that_works_in_place_leaves_the_inputs():
    assert torch.equal(built(lambda x: x.mul_(1), normal), built(lambda x: x.mul(1), normal))
