"""What a rule names along an axis and over two: drawn is what runs."""

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from opbench.results.choosing.areas import Stretch, along, areas
from opbench.results.choosing.rules import Leaf, Split, chosen

rules = st.recursive(
    st.sampled_from("abc").map(Leaf),
    lambda inner: st.builds(
        Split,
        st.sampled_from(["B", "S", "D", "B*S", "S*D", "B*S*D", "S/D", "B/S^2", "D^3/B*S"]),
        st.floats(1e-3, 1e6),
        inner,
        inner,
    ),
    max_leaves=12,
)
sizes = st.integers(1, 1000)
BOX = ((1, 1000), (1, 1000))


@given(rules, sizes, sizes, sizes)
def test_along_an_axis_stands_what_is_chosen(rule, batch, length, depth):
    others = {"B": batch, "D": depth}
    found = along(rule, "S", others, (1, 1000))
    assert (found[0].low, found[-1].high) == (1, 1000)
    assert all(one.high == other.low for one, other in pairwise(found))
    # A threshold itself is rounded, where others are held.
    assume(all(abs(length - one.high) > 1e-9 * length or one.high == 1000 for one in found))
    assume(length > 1 or all(abs(one.low - 1) > 1e-9 for one in found[1:]))
    (own,) = [one for one in found if one.low < length <= one.high or length == one.low == 1][:1]
    assert own.contender == chosen(rule, {**others, "S": length})


@given(rules, st.floats(1, 1000), st.floats(1, 1000), sizes)
def test_over_two_axes_stands_what_is_chosen(rule, batch, length, depth):
    point = (math.log(batch), math.log(length))
    found = areas(rule, ("B", "S"), {"D": depth}, BOX)
    # Beside a threshold either is right, which is rounded; the areas fill the box, as is tested.
    around = [area.contender for area in found if min(sides_of(area, point)) > 1e-9]
    assert around in ([], [chosen(rule, {"B": batch, "S": length, "D": depth})])


def sides_of(area, point):
    """How far a point is on the inner side of each side of an area."""
    corners = [(math.log(x), math.log(y)) for x, y in area.corners]
    return [
        (x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1)
        for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True)
    ]


@given(rules)
def test_areas_fill_the_box(rule):
    found = areas(rule, ("B", "S"), {"D": 8}, BOX)
    assert sum(map(extent, found)) == pytest.approx(math.log(1000) ** 2)


def extent(area):
    """How large an area is, in the logarithms of its sizes."""
    corners = [(math.log(x), math.log(y)) for x, y in area.corners]
    sides = zip(corners, [*corners[1:], corners[0]], strict=True)
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in sides) / 2


RULE = Split("B*S", 4096, Split("S", 32, Leaf("a"), Leaf("b")), Leaf("c"))


def test_thresholds_on_products_move_with_what_is_held():
    assert along(RULE, "S", {"B": 4}, (16, 8192)) == (
        Stretch("a", 16, 32),
        Stretch("b", 32, 1024),
        Stretch("c", 1024, 8192),
    )
    assert along(RULE, "S", {"B": 512}, (16, 8192)) == (Stretch("c", 16, 8192),)


def test_regions_of_one_contender_side_by_side_are_one_stretch():
    rule = Split("S", 64, Leaf("a"), Split("S", 128, Leaf("a"), Leaf("b")))
    assert along(rule, "S", {}, (16, 256)) == (Stretch("a", 16, 128), Stretch("b", 128, 256))


def test_a_single_size_has_one_stretch():
    assert along(RULE, "S", {"B": 1}, (32, 32)) == (Stretch("a", 32, 32),)


def test_an_axis_that_is_held_at_nothing_is_below_all_thresholds():
    assert along(RULE, "S", {"B": 0}, (16, 64)) == (Stretch("a", 16, 32), Stretch("b", 32, 64))


def test_a_product_of_both_axes_is_a_straight_line():
    found = {
        one.contender: one.corners for one in areas(RULE, ("B", "S"), {}, ((1, 64), (32, 4096)))
    }
    assert set(found) == {"b", "c"}
    assert [tuple(map(round, corner)) for corner in found["c"]] == [(64, 64), (64, 4096), (1, 4096)]
