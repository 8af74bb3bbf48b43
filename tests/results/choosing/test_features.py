"""Features: what is written is read, and near a crossing the powers are those of both times."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opbench.results.choosing.crossings import crossings
from opbench.results.choosing.features import (
    exponents_of,
    feature_of,
    is_at_most,
    products,
    sides,
    value_of,
)

powers = st.dictionaries(
    st.sampled_from(["B", "S", "D", "K_2", "größe"]), st.integers(-4, 4).filter(bool), min_size=1
).filter(lambda found: max(found.values()) > 0)
sizes = st.fixed_dictionaries(
    {axis: st.integers(0, 1000) for axis in ("B", "S", "D", "K_2", "größe")}
)


@given(powers)
def test_what_is_written_is_read(found):
    assert exponents_of(feature_of(found)) == found


@given(powers, sizes, st.floats(1e-6, 1e6))
def test_it_is_compared_as_its_value_is(found, axes, at):
    feature = feature_of(found)
    over, under = sides(feature)
    assert len(over) + len(under) == sum(map(abs, found.values()))
    value = value_of(feature, axes)
    if abs(value - at) > 1e-9 * at:
        assert is_at_most(feature, at, axes) == (value <= at)
    assert is_at_most(feature, math.inf, axes)
    assert not is_at_most(feature, -math.inf, axes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "B*",
        "*B",
        "B^1",
        "B^5",
        "B^-2",
        "1/B",
        "B*B",
        "B//S",
        "B S",
        "B^2^2",
        "len(x)",
        "B²",
        "2",
    ],
)
def test_anything_else_is_no_feature(text):
    with pytest.raises(ValueError, match="is no product of powers of axes"):
        exponents_of(text)


def test_products_of_plain_axes():
    assert products(("B",)) == ("B",)
    assert products(("B", "S", "D")) == ("B", "S", "D", "B*S", "B*D", "S*D", "B*S*D")
    assert "B*S*D" in products(("B", "S", "D", "P"))
    assert "B*D*P" not in products(("B", "S", "D", "P"))


POINTS = np.random.default_rng(0).uniform(0, 6, (4000, 3))
AXES = ("B", "S", "D")


def crossing(*slopes, bend=0.0):
    """Two contenders whose times differ by a plane through the middle, and a bend."""
    differences = (POINTS - 3) @ np.array(slopes) + bend * (POINTS[:, 0] - 3) ** 2
    return np.column_stack([np.zeros(len(POINTS)), differences, np.full(len(POINTS), 9.0)])


@pytest.mark.parametrize(
    ("slopes", "expected"),
    [
        ((1, 1, 0), "B*S"),
        ((0, 0, -0.4), "D"),
        ((0.5, 0, -0.5), "B/D"),
        ((0.2, 0.4, -0.2), "B*S^2/D"),
        ((-1, 0.02, -1), "B*D"),
        ((0.75, 1, 0.5), "B^3*S^4*D^2"),
    ],
)
def test_the_powers_are_those_of_the_plane(slopes, expected):
    assert crossings(POINTS, crossing(*slopes), AXES) == (expected,)
    assert crossings(POINTS, crossing(*slopes, bend=0.01), AXES) == (expected,)


def test_what_never_crosses_has_no_feature():
    apart = np.column_stack([np.zeros(len(POINTS)), np.full(len(POINTS), 0.5)])
    assert crossings(POINTS, apart, AXES) == ()
    assert crossings(POINTS, apart[:, :1], AXES) == ()
