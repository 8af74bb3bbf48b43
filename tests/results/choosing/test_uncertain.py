"""Where to measure next: on lines that are known it finds crossings and holes, nothing else."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opbench.results.choosing.between import axes_logs
from opbench.results.choosing.situations import Row, Time
from opbench.results.choosing.uncertain import proposal, spanning, uncertainty
from opbench.results.statistics.intervals import Interval

#: By contender, what a call costs before it begins, and for each element.
CROSSING = {"eager": (2e-6, 1e-9), "fused": (2e-5, 2e-10)}
#: The size at which they take as long.
AT = 1.8e-5 / 8e-10
AHEAD = {"fast": (2e-6, 1e-9), "slow": (2e-5, 1e-8)}


def row(speeds, *, off=0.0, **axes):
    """A shape as it would be measured; off: by what the last contender differs, as a logarithm."""
    size = math.prod(axes.values())
    seconds = {name: fixed + each * size for name, (fixed, each) in speeds.items()}
    seconds[next(reversed(seconds))] *= math.exp(off)
    best = min(seconds.values())
    times = {
        name: Time(
            time_s=time,
            ratio=Interval(time / best, time / best, time / best),
            halves=(math.log(time / best),) * 2,
        )
        for name, time in seconds.items()
    }
    sizes = {axis: float(size) for axis, size in axes.items()}
    return Row(shape="_".join(f"{a}{s}" for a, s in axes.items()), axes=sizes, times=times)


def logs(shapes):
    """Shapes as points."""
    return np.array([[math.log(size) for size in shape] for shape in shapes])


def measured(speeds, rows, points, count):
    """The rows after so many more were measured where that was proposed, and the proposals."""
    found = []
    for _ in range(count):
        found.append(proposal(uncertainty(rows, tuple(speeds), ("S",), points)))
        rows = [*rows, row(speeds, S=math.exp(points[found[-1].point, 0]))]
    return rows, found


SIZES = [round(16 * 2 ** (step / 4)) for step in range(61)]
POINTS = logs((size,) for size in SIZES)


def test_a_crossing_is_narrowed_down():
    start = [row(CROSSING, S=size) for size in (16, 512, 16384, 524288)]
    rows, found = measured(CROSSING, start, POINTS, 6)
    near = [SIZES[item.point] for item in found if 0.4 < SIZES[item.point] / AT < 2.5]
    assert len(near) >= 3
    assert {"crossing"} <= {item.reason for item in found}
    before, after = (uncertainty(r, tuple(CROSSING), ("S",), POINTS).mean for r in (start, rows))
    assert after < before
    assert after < 1.01


def test_a_crossing_names_both_and_what_is_nearest():
    rows = [row(CROSSING, S=size) for size in (16, 512, 8192, 65536, 524288)]
    found = proposal(uncertainty(rows, tuple(CROSSING), ("S",), POINTS))
    assert {found.favourite, found.rival} == set(CROSSING)
    assert found.ratio >= 1
    distances = [abs(math.log(SIZES[found.point] / r.axes["S"])) for r in rows]
    assert found.near == int(np.argmin(distances))
    assert math.isclose(found.apart, math.exp(min(distances)))


def test_a_hole_is_filled():
    level = {"one": (2e-6, 1e-9), "two": (2.1e-6, 1.05e-9)}
    # Whatever it is that makes them differ: by sizes it can't be predicted.
    offs = itertools.cycle((0.2, -0.2, 0.1))
    sizes = (16, 20, 25, 32, 40, 50, 524288)
    rows = [row(level, off=next(offs), S=size) for size in sizes]
    found = proposal(uncertainty(rows, tuple(level), ("S",), POINTS))
    assert 500 < SIZES[found.point] < 50_000


def test_where_one_is_far_ahead_nothing_is_uncertain():
    rows = [row(AHEAD, S=size) for size in (16, 512, 16384, 524288)]
    found = uncertainty(rows, tuple(AHEAD), ("S",), POINTS)
    assert found.mean < 1.0001
    assert proposal(found).reason == "hole"


def test_one_contender_is_certain_and_the_farthest_shape_comes_next():
    rows = [row({"only": (2e-6, 1e-9)}, S=size) for size in (16, 64)]
    found = uncertainty(rows, ("only",), ("S",), POINTS)
    assert found.mean == 1.0
    assert SIZES[proposal(found).point] == SIZES[-1]


def test_nothing_is_proposed_where_all_was_measured():
    points = logs([(16,), (64,)])
    rows = [row(CROSSING, S=size) for size in (16, 64, 256)]
    assert proposal(uncertainty(rows, tuple(CROSSING), ("S",), points)) is None


def test_shapes_that_count_more_are_measured_first():
    rows = [row(CROSSING, S=size) for size in (16, 524288)]
    counts = np.array([1000.0 if size < 200 else 1e-3 for size in SIZES])
    found = proposal(uncertainty(rows, tuple(CROSSING), ("S",), POINTS, counts))
    assert SIZES[found.point] < 1000


def test_the_noise_of_a_race_is_no_uncertainty_of_sizes():
    speeds = AHEAD | {"slow": (2.1e-6, 1.05e-9)}
    offs = zip((16, 256, 4096, 65536, 524288), itertools.cycle((0.1, -0.1)), strict=False)
    noisy = [row(speeds, off=off, S=size) for size, off in offs]
    known = uncertainty(noisy, tuple(AHEAD), ("S",), POINTS).mean
    halves = [
        Row(
            shape=r.shape,
            axes=r.axes,
            times={
                name: Time(time_s=t.time_s, ratio=t.ratio, halves=(0.0, 0.4 * (name == "slow")))
                for name, t in r.times.items()
            },
        )
        for r in noisy
    ]
    assert uncertainty(halves, tuple(AHEAD), ("S",), POINTS).mean < known


def test_a_start_spans_the_range():
    points = logs(itertools.product((8, 64, 512), (16, 128, 1024)))
    assert spanning(points, points[:0], 1) == [4]
    assert set(spanning(points, points[:0], 5)) == {0, 2, 4, 6, 8}
    assert set(spanning(points, points[[4, 0, 8]], 2)) == {2, 6}
    assert len(spanning(points, points[:0], 50)) == len(points)
    assert spanning(points, points, 3) == []


shapes = st.lists(
    st.tuples(st.integers(1, 4096), st.integers(1, 4096)), min_size=1, max_size=12, unique=True
)


@settings(max_examples=60, deadline=None)
@given(shapes, shapes, st.lists(st.floats(-3, 3), min_size=1, max_size=12))
def test_whatever_is_measured_a_shape_is_proposed_that_was_not(known, candidates, offs):
    rows = [
        row(CROSSING, off=off, B=b, S=s)
        for (b, s), off in zip(known, itertools.cycle(offs), strict=False)
    ]
    points = logs(candidates)
    found = uncertainty(rows, tuple(CROSSING), ("B", "S"), points)
    assert found.mean >= 1
    assert found.gains().min() >= -1e-9
    chosen = proposal(found)
    new = set(candidates) - set(known)
    assert (chosen is None) == (not new)
    if chosen is not None:
        assert candidates[chosen.point] in new
        again = uncertainty(rows, tuple(CROSSING), ("B", "S"), points)
        assert proposal(again) == chosen


@settings(max_examples=60, deadline=None)
@given(shapes, shapes, st.integers(0, 20))
def test_a_start_has_each_shape_once_and_none_that_is_known(known, candidates, count):
    points, there = logs(candidates), logs(known)
    found = spanning(points, there, count)
    picked = [candidates[place] for place in found]
    assert len(picked) == len(set(picked)) == min(count, len(set(candidates) - set(known)))
    assert not set(picked) & set(known)


def test_rows_and_points_have_the_same_logarithms():
    assert np.allclose(axes_logs([row(AHEAD, B=4, S=16)], ("B", "S")), logs([(4, 16)]))


@pytest.mark.parametrize("count", [1, 2])
def test_a_few_rows_leave_all_uncertain(count):
    rows = [row(CROSSING, S=size) for size in (16, 524288)[:count]]
    assert uncertainty(rows, tuple(CROSSING), ("S",), POINTS).mean > 1.02
