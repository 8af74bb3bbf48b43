"""Ratios as bars of characters."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opbench.harness.cli.bars import ASCII, LINES, bar, scale_of
from opbench.results.statistics.interval import Interval

RATIO = st.floats(1e-3, 1e6)
INTERVALS = st.one_of(
    st.none(),
    st.tuples(RATIO, RATIO, RATIO)
    .map(sorted)
    .map(lambda ends: Interval(ends[1], ends[0], ends[2])),
    st.floats(1e-3, 1e6).map(lambda value: Interval(value, 0.0, math.inf)),
    st.just(Interval(math.nan, 0.0, math.inf)),
)


def test_a_bar_stands_between_the_ends_of_its_interval():
    scale = scale_of([Interval(10.0, 1.0, 100.0)])
    assert bar(Interval(10.0, 1.0, 100.0), scale, 9, LINES) == "├───●───┤"
    assert bar(Interval(10.0, 1.0, 100.0), scale, 9, ASCII) == "|---o---|"
    assert bar(Interval(100.0, 100.0, 100.0), scale, 9, LINES) == "┊       ●"
    assert bar(None, scale, 9, LINES) == "┊        "


def test_an_end_that_is_not_known_is_open():
    scale = scale_of([Interval(1.0, 0.5, 2.0)])
    assert bar(Interval(1.0, 0.0, math.inf), scale, 9, LINES) == "◂───●───▸"


def test_an_end_far_below_1_is_beyond_the_scale():
    ratio = Interval(1.0, 0.001, 10.0)
    scale = scale_of([ratio])
    assert scale.low == pytest.approx(0.1)
    assert bar(ratio, scale, 9, LINES) == "◂───●───┤"


def test_noise_alone_does_not_fill_the_scale():
    scale = scale_of([Interval(1.001, 1.0, 1.002)])
    assert scale.high == pytest.approx(1.1)


@given(st.lists(INTERVALS, min_size=1, max_size=5), st.integers(2, 60))
def test_bars_of_any_ratios_have_the_width_and_rise_with_the_ratio(ratios, width):
    scale = scale_of(ratios)
    bars = [bar(ratio, scale, width, LINES) for ratio in ratios]
    assert {len(one) for one in bars} == {width}
    known = [r for r in ratios if r is not None and not math.isnan(r.value)]
    places = [scale.place(r.value, width) for r in sorted(known, key=lambda r: r.value)]
    assert places == sorted(places)
    assert all(0 <= place < width for place in places)
