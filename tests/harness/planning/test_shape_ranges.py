"""The shapes that stand for a range: given, drawn, like the declared ones, or served."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opbench
from opbench.harness.planning.given_shapes import given_shapes
from opbench.harness.planning.selection import Selection
from opbench.harness.planning.shape_ranges import (
    DRAWN,
    in_range,
    like_declared,
    like_served,
    measured,
)
from opbench.results.choosing.served import Served, read_served
from opbench.results.errors import SelectionError
from opbench.results.records import Case
from tests.places import LOADED


@pytest.fixture(scope="module")
def op():
    return opbench.load(LOADED / "row_sum.py", entry_points=False).op("row_sum")


def test_a_range_goes_from_end_to_end_of_its_sweeps(op):
    found = in_range(op, Selection(sweeps=("N=2..4096", "M=4..512")))
    axes = [candidate.axes for candidate in found]
    assert len(axes) == DRAWN + 4
    assert {(a["N"], a["M"]) for a in axes[:4]} == {(2, 4), (2, 512), (4096, 4), (4096, 512)}
    assert all(2 <= a["N"] <= 4096 and 4 <= a["M"] <= 512 for a in axes)
    # Evenly in the logarithm: half of them are below the geometric mean.
    below = sum(a["N"] < 90 for a in axes[4:]) / DRAWN
    assert 0.4 < below < 0.6


def test_shapes_span_a_range_and_none_is_larger_in_all(op):
    given = Selection(shapes=("N=2,M=4096", "N=4096,M=2", "small"))
    found = in_range(op, given)
    assert max(c.axes["N"] * c.axes["M"] for c in found) == 8192
    assert {"N=2,M=4096", "N=64,M=64"} <= {c.text for c in found}


def test_of_few_sizes_there_are_few_shapes(op):
    found = in_range(op, Selection(shapes=("N=8,M=4",), sweeps=("M=4..6",)))
    assert sorted(c.text for c in found) == ["N=8,M=4", "N=8,M=5", "N=8,M=6"]
    assert [c.text for c in in_range(op, Selection(shapes=("N=8,M=4",)))] == ["N=8,M=4"]


def test_a_seed_draws_the_same_again(op):
    sweeps = ("N=2..4096",)
    one, again, other = (in_range(op, Selection(sweeps=sweeps, seed=n)) for n in (0, 0, 1))
    assert one == again
    assert one != other


def test_a_number_of_sizes_is_refused(op):
    with pytest.raises(SelectionError, match=r"says nothing to tune.*: N=2\.\.64"):
        in_range(op, Selection(sweeps=("N=2..64/5",)))


def test_shapes_like_the_declared_ones(op):
    found = like_declared(op, Selection(), 20)
    assert len(found) == 20
    assert all(64 <= c.axes["N"] <= 512 and 16 <= c.axes["M"] <= 64 for c in found)
    held = like_declared(op, Selection(), 20, hidden=("M",))
    assert {c.axes["M"] for c in held} == {64}
    assert like_declared(op, Selection(grid="full"), 20) == ()


def test_axes_that_are_no_sizes_keep_declared_values(catalog):
    merging = catalog.op("patch_merging")
    found = like_declared(merging, Selection(), 30)
    orders = {shape["order"] for shape in merging.quick.values()}
    assert {c.axes["order"] for c in found} <= orders
    assert {c.fixed for c in found} <= {(("order", order),) for order in orders}


def test_served_shapes_count(op, tmp_path):
    file = tmp_path / "shapes.jsonl"
    lines = [
        {"op": "row_sum", "axes": {"N": 4, "M": 16}, "count": 3},
        {"op": "row_sum", "axes": {"N": 4, "M": 16}},
        {"op": "row_sum", "axes": {"N": 9, "M": 16}},
        {"op": "row_sum", "axes": {"N": 9}},
        {"op": "softmax", "axes": {"N": 4, "M": 16}},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = like_served(op, read_served(file, "--shapes"))
    assert [(c.text, c.count) for c in found] == [("N=4,M=16", 4.0), ("N=9,M=16", 1.0)]


@pytest.mark.parametrize(
    ("axes", "name", "reason"),
    [
        ({"N": 4.0}, "row_sum", "none has all of M, N"),
        ({"N": 4.0, "M": 2.0}, "softmax", "there is no shape of row_sum"),
        ({"N": 4.5, "M": 2.0}, "row_sum", "has to be a whole number"),
    ],
)
def test_served_shapes_that_are_none_of_the_op(op, axes, name, reason):
    with pytest.raises(SelectionError, match=reason):
        like_served(op, [Served(op=name, axes=axes, count=1.0)])


def test_measured_shapes_are_taken_once(op):
    case = Case(op="row_sum", shape="a", axes=(("N", 4), ("M", 8)), inputs="normal")
    assert [c.text for c in measured([case, case])] == ["N=4,M=8"]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 9))
def test_what_is_drawn_is_taken_as_it_is_written(op, low, more, seed):
    selection = Selection(sweeps=(f"N={low}..{low + more}", "M=1..999"), seed=seed)
    for candidate in in_range(op, selection)[::40]:
        (shape,) = given_shapes(op, Selection(shapes=(candidate.text,))).values()
        assert dict(shape) == dict(candidate.axes)
