"""Inputs are the same for everybody: seeded, cast, laid out."""

from dataclasses import replace

import numpy
import pytest
import torch

import opbench
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Selection
from opbench.harness.preparation import inputs
from tests.places import LOADED


@pytest.fixture(scope="module")
def op():
    return opbench.load(LOADED / "row_sum.py", entry_points=False).ops["row_sum"]


@pytest.fixture(scope="module")
def case(op):
    catalog = opbench.load(LOADED / "row_sum.py", entry_points=False)
    return plan(catalog, Selection())[0].case


def test_equal_cases_have_equal_inputs(op, case):
    one, two = (inputs.build(op, case).args[0] for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (64, 64)


def test_variants_and_seeds_differ(op, case):
    usual = inputs.build(op, case).args[0]
    assert not torch.equal(usual, inputs.build(op, case, variant=1).args[0])
    assert not torch.equal(usual, inputs.build(op, replace(case, seed=1)).args[0])


def test_inputs_do_not_depend_on_dtype_and_direction(op, case):
    usual = inputs.build(op, case).args[0]
    wide = inputs.build(op, replace(case, dtype="float64", direction="backward")).args[0]
    assert wide.dtype == torch.float64
    assert torch.equal(usual.double(), wide)


@pytest.mark.parametrize("layout", ["transposed", "sliced"])
def test_layouts_hold_the_same_values_in_other_memory(op, case, layout):
    usual = inputs.build(op, case).args[0]
    bent = inputs.build(op, replace(case, layout=layout)).args[0]
    assert torch.equal(usual, bent)
    assert not bent.is_contiguous()


def test_gaps_of_sliced_inputs_hold_garbage(op, case):
    bent = inputs.build(op, replace(case, layout="sliced")).args[0]
    whole = bent.as_strided((64, 129), (129, 1), 0)
    assert whole[:, ::2].isnan().all()


def test_options_at_their_default_are_left_out(op, case):
    assert inputs.build(op, case).options == {}


def test_leaves_are_new_tensors(op, case):
    built = inputs.build(op, case)
    bound, (leaf,) = built.leaves(("x",))
    assert bound.args[0] is leaf
    assert leaf.requires_grad
    assert not built.args[0].requires_grad


def test_tensors_in_lists_are_mapped():
    given = inputs.Inputs(("parts",), ([torch.ones(2), torch.ones(3)],), {})
    doubled = given.map(lambda t: t * 2)
    assert [t.tolist() for t in doubled.tensors()] == [[2, 2], [2, 2, 2]]


def test_list_of_tensors_has_a_leaf_for_each():
    given = inputs.Inputs(("parts", "x"), ([torch.ones(2), torch.arange(3), torch.zeros(1)], 3), {})
    bound, leaves = given.leaves(("parts", "x"))
    assert [leaf.tolist() for leaf in leaves] == [[1, 1], [0]]
    assert bound.args[0][0] is leaves[0]
    assert not given.args[0][0].requires_grad


def test_inputs_are_equal_by_values_types_and_what_is_no_tensor():
    def made(values, dtype=torch.float32, **options):
        return inputs.Inputs(("parts",), ([torch.tensor(values, dtype=dtype)],), options)

    assert made([1.0, 2.0]).equals(made([1.0, 2.0]))
    others = (
        made([1.0, 3.0]),
        made([1.0, 2.0, 3.0]),
        made([1.0, 2.0], torch.float64),
        made([1.0, 2.0], tokens=2),
        inputs.Inputs(("parts",), ([],), {}),
    )
    assert not any(made([1.0, 2.0]).equals(other) for other in others)
    assert made([1.0], tokens=2).equals(made([1.0], tokens=2))
    assert not made([1.0], at=numpy.arange(2)).equals(made([1.0], at=numpy.arange(2)))
