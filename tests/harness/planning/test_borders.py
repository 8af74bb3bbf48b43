"""Shapes by rule: which sizes, of which axes, and which are left out."""

import pytest
import torch

import opbench
from opbench import Cost, Op, impl
from opbench.harness.planning.borders import border_shapes, is_border
from opbench.harness.planning.cases import plan, plan_checks
from opbench.harness.planning.selection import Selection
from opbench.results.records import Case
from tests.harness.test_catalog import module

CATALOG = opbench.load()


def declared(**changed):
    """An op of rows and columns."""
    fields = {
        "name": "mine",
        "oracle": lambda x: x,
        "axes": {"R": "rows", "N": "columns"},
        "inputs": {"normal": lambda R, N, rng: {"x": torch.randn(R, N, generator=rng)}},
        "quick": {"small": {"R": 64, "N": 128}},
        "edge": {"odd": {"R": 3, "N": 40}, "one": {"R": 1, "N": 1}, "none": {"R": 0, "N": 5}},
        "cost": lambda R, N: Cost(R * N, R * N),
        "validate": lambda x: None,
    }
    return Op(**{**fields, **changed})


@impl("mine")
def right(x):
    return x


def shapes(op):
    return border_shapes(op, dtype="float32")


def test_each_axis_passes_each_border_beside_the_smallest_others():
    found = shapes(declared())
    assert found["border_R_257"] == {"R": 257, "N": 5}
    assert found["border_N_65537"] == {"R": 3, "N": 65537}


def test_border_that_an_edge_shape_has_passed_is_left_out():
    names = set(shapes(declared()))
    assert "border_R_33" in names
    assert "border_N_33" not in names


def test_axis_that_is_always_even_stays_even():
    op = declared(quick={"small": {"R": 6, "N": 4}}, edge={"odd": {"R": 3, "N": 10}})
    assert {shape["N"] for shape in shapes(op).values()} == {2, 4, 6, 34, 258, 1026, 65538}
    assert {shape["R"] for shape in shapes(op).values()} == {3, 6, 33, 258, 1026, 65538}


def test_all_axes_are_alike_in_one_unless_they_are_in_one_that_is_declared():
    assert shapes(declared())["border_alike"] == {"R": 5, "N": 5}
    square = {"odd": {"R": 3, "N": 40}, "square": {"R": 9, "N": 9}}
    assert "border_alike" not in shapes(declared(edge=square))
    assert "border_alike" not in shapes(declared(validate=None))
    assert is_border(Case(op="mine", shape="border_alike", axes=(("N", 5),), inputs="normal"))


def test_op_that_cannot_refuse_sizes_has_longer_axes_beside_declared_ones_only():
    found = shapes(declared(validate=None, edge={"odd": {"R": 3, "N": 40}}))
    assert found["border_R_257"] == {"R": 257, "N": 40}
    assert not any(shape["R"] < 3 or shape["N"] < 40 for shape in found.values())


def test_options_stay_with_the_sizes_they_were_declared_with():
    op = declared(
        oracle=lambda x, *, scale=1: x * scale,
        axes={"R": "rows", "N": "columns", "scale": "a factor"},
        edge={"odd": {"R": 3, "N": 40, "scale": 2}, "wide": {"R": 2, "N": 90, "scale": 3}},
        quick={"small": {"R": 9, "N": 99, "scale": 5}},
    )
    assert {(s["scale"], s["N"]) for n, s in shapes(op).items() if "_R_" in n} == {(2, 40)}
    assert not any("scale" in name for name in shapes(op))


def test_shapes_that_cost_too_much_are_left_out():
    op = declared(cost=lambda R, N: Cost(0, R * N * 4000))
    assert set(shapes(op)) == {"border_R_1", "border_N_1", "border_R_33", "border_alike"}


def test_cost_that_raises_leaves_a_shape_out():
    def cost(R, N):
        if R > 40:
            raise ValueError("no such sizes")
        return Cost(R * N, R * N)

    names = set(shapes(declared(cost=cost)))
    assert {name for name in names if "_R_" in name} == {"border_R_1", "border_R_33"}


@pytest.mark.parametrize("name", ["border_case", "border_R", "border_R_x", "border_X_257", "odd"])
def test_shape_that_is_declared_by_a_like_name_is_none(name):
    op = declared(edge={name: {"R": 3, "N": 40}}, quick={"small": {"R": 3, "N": 40}})
    catalog = opbench.load(module("ops", op=op), module("theirs", f=right), entry_points=False)
    (race,) = (
        race
        for race in plan_checks(catalog, Selection(names=("mine",), threads=1))
        if (race.case.shape, race.case.layout) == (name, "contiguous")
    )
    assert not is_border(race.case)


def test_op_without_axes_has_none():
    assert shapes(CATALOG.op("rearrange_1")) == {}


@pytest.mark.parametrize("name", CATALOG.ops)
def test_checks_have_them_in_the_forward_pass_and_races_do_not(name):
    op = CATALOG.op(name)
    checked = [r for r in plan_checks(CATALOG, Selection(names=(name,))) if is_border(r.case)]
    assert not any(is_border(race.case) for race in plan(CATALOG, Selection(names=(name,))))
    assert bool(checked) == any(isinstance(v, int) for s in op.quick.values() for v in s.values())
    for race in checked:
        case = race.case
        assert (case.direction, case.layout, case.dtype) == ("forward", "contiguous", op.dtypes[0])
        assert not any(CATALOG.impl(name, one).prepare for one in race.contenders)


def test_every_input_kind_meets_a_long_shape():
    checked = plan_checks(CATALOG, Selection(names=("batched_logsumexp",)))
    kinds = {race.case.inputs for race in checked if race.case.shape == "border_N_1025"}
    op = CATALOG.op("batched_logsumexp")
    # The first meets one of the edge shapes, which is longer.
    assert kinds == set(op.inputs) - {*op.long_sums, "normal"}
