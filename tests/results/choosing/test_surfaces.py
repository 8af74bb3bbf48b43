"""Surfaces through times, with the steps that these have."""

import math

import numpy as np
import pytest

from opbench.results.choosing.between import feature_logs
from opbench.results.choosing.surfaces import surface

AXES = ("K", "D")
#: What steps may be at.
FEATURES = ("K", "D", "K*D")
#: Above this, a product of both sizes takes another way, three times as fast.
STEP = 400.0


def features_of(points):
    return feature_logs(points, AXES, FEATURES)


def drawn(count, seed):
    """The logarithms of sizes from 2 to 200."""
    return np.random.default_rng(seed).uniform(math.log(2), math.log(200), size=(count, 2))


def smooth_times(logs):
    """Logarithms of seconds without a step."""
    return np.log(2e-6 + 1e-9 * np.exp(logs.sum(1)))


def stepped_times(logs):
    """Logarithms of seconds with a step."""
    return smooth_times(logs) - np.where(logs.sum(1) > math.log(STEP), math.log(3), 0.0)


@pytest.fixture
def known():
    logs = drawn(40, seed=0)
    return logs, np.stack([smooth_times(logs), stepped_times(logs)], 1)


def test_a_step_is_found_where_it_is(known):
    points = drawn(1000, seed=1)
    points = points[np.abs(points.sum(1) - math.log(STEP)) > 0.3]
    off = surface(*known, features_of)(points)[:, 1] - stepped_times(points)
    without = surface(*known)(points)[:, 1] - stepped_times(points)
    assert np.quantile(np.abs(off), 0.95) < 0.1
    assert np.quantile(np.abs(without), 0.95) > 0.3


def test_what_is_smooth_gets_no_step(known):
    points = drawn(1000, seed=1)
    smooth = [surface(*known, of)(points)[:, 0] for of in (features_of, None)]
    assert np.allclose(*smooth)
    assert np.quantile(np.abs(smooth[0] - smooth_times(points)), 0.95) < 0.1


def test_one_odd_shape_makes_no_step(known):
    logs, times = known
    times[7] += 2.0
    points = drawn(1000, seed=1)
    assert np.allclose(*(surface(logs, times[:, :1], of)(points) for of in (features_of, None)))


def test_measured_shapes_have_their_times(known):
    logs, times = known
    assert np.allclose(surface(logs, times, features_of)(logs), times, atol=0.02)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_few_shapes_make_no_steps(count):
    logs = drawn(count, seed=0)
    times = np.stack([stepped_times(logs)], 1)
    points = drawn(50, seed=1)
    assert np.allclose(*(surface(logs, times, of)(points) for of in (features_of, None)))
