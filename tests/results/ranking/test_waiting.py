"""Whether threads waited for cores, derived from made-up samples."""

import numpy as np
import pytest

from opbench.results.ranking.waiting import threads_waited


def samples(*parts, seed=0):
    """Of each part so many samples around so many seconds, scattered by a share of them."""
    rng = np.random.default_rng(seed)
    return tuple(
        time_s for count, around, scatter in parts for time_s in rng.normal(around, scatter, count)
    )


WAITING = {
    "two ticks, to a thousandth": samples((20, 0.00799, 8e-6)),
    "mostly ticks, of several numbers": samples(
        (8, 0.004, 1e-5), (8, 0.008, 1e-5), (9, 0.0011, 1e-4)
    ),
    "short ticks of several numbers": samples((9, 0.001, 5e-6), (9, 0.003, 5e-6), (6, 3e-4, 1e-5)),
    "a hundred times the quickest": samples((5, 1e-5, 1e-7), (15, 2.7e-3, 1e-3)),
}
QUIET = {
    "an op of a millisecond": samples((40, 0.00113, 2e-5)),
    "an op that takes about as long as a short tick": samples((40, 0.001, 1e-5)),
    "a scattered op": samples((40, 0.0073, 1e-3)),
    "a long op that happens to lie on a tick": samples((40, 0.200, 1e-5)),
    "a few hits among many": samples((30, 3e-4, 1e-5), (6, 0.008, 1e-5)),
    "an op that is five times as quick at times": samples((10, 1e-4, 1e-6), (20, 5e-4, 1e-6)),
}


@pytest.mark.parametrize("name", WAITING)
def test_threads_that_waited(name):
    assert threads_waited(WAITING[name], calls=1, threads=2)


@pytest.mark.parametrize("name", WAITING)
def test_one_thread_never_waits(name):
    assert not threads_waited(WAITING[name], calls=1, threads=1)


@pytest.mark.parametrize("name", QUIET)
def test_threads_that_did_not_wait(name):
    assert not threads_waited(QUIET[name], calls=1, threads=2)


def test_blocks_of_whole_ticks_show_waiting():
    blocks = samples((20, 0.008, 8e-6))
    assert threads_waited(tuple(time_s / 7 for time_s in blocks), calls=7, threads=8)
    assert not threads_waited(tuple(time_s / 7 for time_s in blocks), calls=1, threads=8)


def test_few_samples_show_nothing():
    assert not threads_waited(samples((7, 0.008, 1e-6)), calls=1, threads=2)


def test_steady_ops_of_any_length_are_seldom_taken_for_waiting():
    rng = np.random.default_rng(1)
    times = np.exp(rng.uniform(np.log(2e-4), np.log(0.1), 2000))
    taken = sum(
        threads_waited(tuple(rng.normal(t, 0.01 * t, 30)), calls=1, threads=2) for t in times
    )
    assert taken < 0.01 * len(times)
