"""Statistics: known answers, and intervals that hold what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from results.stats import (
    Interval,
    by_round,
    median,
    median_interval,
    paired_log_ratios,
    ratio_interval,
)


def test_known_answers():
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert Interval(2.0, 1.0, 3.0).relative_width == 0.5
    assert by_round((4, 7), (0.1, 0.2)) == {4: 0.1, 7: 0.2}


def test_only_shared_rounds_are_paired_and_in_order():
    slower, faster = {3: 8.0, 1: 2.0, 9: 1.0}, {1: 1.0, 3: 2.0, 2: 5.0}

    assert paired_log_ratios(slower, faster).tolist() == pytest.approx([math.log(2), math.log(4)])


def test_a_constant_ratio_has_an_interval_of_no_width():
    found = ratio_interval([math.log(2)] * 5)

    assert (found.value, found.low, found.high) == pytest.approx((2, 2, 2))


def test_no_round_and_one_round_give_no_evidence():
    nothing, one = ratio_interval([]), ratio_interval([math.log(3)])

    assert math.isnan(nothing.value)
    assert one.value == pytest.approx(3)
    assert (nothing.low, nothing.high) == (one.low, one.high) == (0, math.inf)
    assert median_interval([0.5]) == Interval(0.5, 0, math.inf)


def test_the_interval_is_the_same_each_time():
    samples = np.random.default_rng(0).normal(1, 0.1, 30)

    assert median_interval(samples) == median_interval(samples)
    assert median_interval(samples).value == median(samples)


@pytest.mark.parametrize(("rounds", "short"), [(15, 0.06), (40, 0.03), (100, 0.03)])
def test_intervals_hold_the_truth_as_often_as_they_promise(rounds, short):
    """Skewed noise, as timings have it; the bounds allow for the sampling error of 400 trials.

    short: by how much few rounds may miss what was promised, as the docstring admits.
    """
    rng = np.random.default_rng(7)
    trials, confidence = 400, 0.95
    noise = rng.exponential(0.02, (trials, rounds)) - 0.02 * math.log(2)
    intervals = [ratio_interval(row + math.log(1.1), confidence=confidence) for row in noise]

    covered = sum(i.low <= 1.1 <= i.high for i in intervals) / trials
    assert confidence - short <= covered <= confidence + 0.04


def test_a_median_interval_holds_the_median():
    rng = np.random.default_rng(3)
    intervals = [median_interval(rng.normal(5, 1, 40), confidence=0.95) for _ in range(300)]

    assert 0.92 <= sum(i.low <= 5 <= i.high for i in intervals) / 300 <= 0.99
