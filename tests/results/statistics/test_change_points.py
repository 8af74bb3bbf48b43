"""Change points: found where there is a step, and hardly ever where there is none."""

from itertools import pairwise

import numpy as np
import pytest

from opbench.results.statistics.change_points import SHORTEST, fewest, steps
from tests.results.histories import noisy


def test_a_step_is_found_at_its_place_and_of_its_size():
    (step,) = steps(noisy([1e-4] * 20 + [1.2e-4] * 10))

    assert step.at == 20
    assert step.ratio == pytest.approx(1.2, rel=0.02)
    assert step.evidence > 1


def test_up_and_down_again_are_two_steps():
    found = steps(noisy([1.0] * 15 + [1.5] * 12 + [1.0] * 15))

    assert [step.at for step in found] == [15, 27]
    assert found[0].ratio == pytest.approx(1.5, rel=0.03)
    assert found[1].ratio == pytest.approx(1 / 1.5, rel=0.03)


def test_two_steps_in_one_direction():
    found = steps(noisy([1.0] * 15 + [1.2] * 15 + [1.5] * 15))

    assert [step.at for step in found] == [15, 30]


def test_a_step_that_does_not_matter_is_left_out():
    values = noisy([1.0] * 20 + [1.03] * 20, noise=0.001)

    assert steps(values) == ()
    assert [step.at for step in steps(values, min_change=0.02)] == [20]


def test_beside_a_small_step_the_large_one_stays():
    values = noisy([1.0] * 15 + [1.02] * 15 + [1.4] * 15, noise=0.001)

    assert [step.at for step in steps(values)] == [30]


@pytest.mark.parametrize("slow", [1, 2])
def test_runs_that_were_slowed_down_are_no_change(slow):
    levels = [1.0] * 40
    levels[20 : 20 + slow] = [3.0] * slow

    assert steps(noisy(levels)) == ()


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 30, [1.0, 2.0] * 2])
def test_a_series_too_short_has_no_steps(values):
    assert steps(values) == ()


def test_how_long_a_series_has_to_be():
    least = fewest()

    assert least == 12
    for count, reported in ((least - 1, 0), (least, 1)):
        clear = [1.0 + n * 1e-6 + (n >= count // 2) for n in range(count)]
        assert len(steps(clear)) == reported


@pytest.mark.parametrize("runs", [15, 30, 100])
def test_false_alarms(runs):
    """One series in a hundred may have a step of any size, whatever its noise is like."""
    rng = np.random.default_rng(runs)
    quiet = (rng.lognormal(0, 0.02, runs) for _ in range(200))
    wild = (rng.pareto(2, runs) + 1 for _ in range(200))
    alarms = [bool(steps(values.tolist(), min_change=1e-6)) for values in (*quiet, *wild)]

    # More than that has a chance below 1 in 1000.
    assert sum(alarms) <= 11


def test_levels_last_a_few_runs():
    found = steps(noisy([1.0] * 20 + [2.0] * SHORTEST + [1.0] * 20))

    edges = [0, *(step.at for step in found), 43]
    assert all(b - a >= SHORTEST for a, b in pairwise(edges))
