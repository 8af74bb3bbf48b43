"""Statistics: known answers, and intervals that hold what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from opbench.results.statistics.interval import Interval
from opbench.results.statistics.intervals import (
    median,
    median_interval,
    paired_log_ratios,
    ratio_interval,
    ratio_of_units,
    rounds_needed,
)


def test_known_answers():
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert Interval(2.0, 1.0, 3.0).relative_width == 0.5


@pytest.mark.parametrize("count", [1, 2, 3, 30, 31])
@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_the_median_is_that_of_numpy(count, kind):
    values = np.random.default_rng(count).lognormal(size=count)
    assert median(kind(values.tolist())) == np.median(values)


def test_a_median_of_what_is_no_number_is_none():
    assert math.isnan(median([1.0, math.nan, 2.0]))
    assert math.isnan(median([math.nan, 2.0]))


def test_only_shared_rounds_are_paired():
    slower, faster = {1: 2.0, 3: 8.0, 9: 1.0}, {1: 1.0, 2: 5.0, 3: 2.0}

    assert paired_log_ratios(slower, faster).tolist() == pytest.approx([math.log(2), math.log(4)])


@given(st.permutations(range(6)), st.lists(st.floats(1e-9, 1e3), min_size=12, max_size=12))
def test_the_order_of_rounds_changes_no_pair(order, times):
    slower = dict(zip(range(6), times[:6], strict=True))
    faster = {key: times[6 + key] for key in order}

    found = paired_log_ratios(slower, faster).tolist()
    assert found == paired_log_ratios(slower, dict(sorted(faster.items()))).tolist()


def test_a_constant_ratio_has_an_interval_of_no_width():
    found = ratio_interval([math.log(2)] * 10, error=0.01)

    assert (found.value, found.low, found.high) == pytest.approx((2, 2, 2))


def test_the_interval_lies_between_the_order_statistics_of_the_sign_test():
    """Of 10 values: 2 * P(at most 0 of 10 coins) = 0.002; with the next pair it is 0.021."""
    logs = np.arange(10.0)

    assert ratio_interval(logs, error=0.002).high == pytest.approx(math.exp(9))
    assert ratio_interval(logs, error=0.0219).low == pytest.approx(math.exp(1))
    assert ratio_interval(logs, error=0.0019).high == math.inf


@pytest.mark.parametrize("count", [2, 9, 57, 1100, 20_000])
@pytest.mark.parametrize("error", [0.3, 0.01, 1e-6])
def test_the_interval_leaves_out_as_many_values_as_coins_allow(count, error):
    """The chance of fewer heads than the rank is at most half of the error; of as many it isn't."""
    found = ratio_interval(np.arange(count) / count, error=error)
    rank = 0 if math.isinf(found.high) else count - round(math.log(found.high) * count)

    assert stats.binom.cdf(rank - 1, count, 0.5) <= error / 2
    assert rank == count // 2 or stats.binom.cdf(rank, count, 0.5) > error / 2


def test_too_few_rounds_give_no_evidence():
    nothing, one = ratio_interval([], error=0.01), ratio_interval([math.log(3)], error=0.01)

    assert math.isnan(nothing.value)
    assert one.value == pytest.approx(3)
    assert (nothing.low, nothing.high) == (one.low, one.high) == (0, math.inf)
    assert median_interval([0.5]) == Interval(0.5, 0, math.inf)


@pytest.mark.parametrize("error", [0.3, 0.05, 0.01, 1e-3, 1e-5])
def test_rounds_needed_are_the_fewest_that_give_an_interval(error):
    rounds = rounds_needed(error)

    assert math.isfinite(ratio_interval([0.0] * rounds, error=error).high)
    assert rounds == 2 or ratio_interval([0.0] * (rounds - 1), error=error).high == math.inf


@pytest.mark.parametrize("rounds", [8, 15, 40, 100])
def test_intervals_miss_the_truth_no_more_often_than_they_promise(rounds):
    """Skewed noise, as timings have it; the bound allows for the sampling error of 2000 trials."""
    rng = np.random.default_rng(7)
    noise = rng.exponential(0.02, (2000, rounds)) - 0.02 * math.log(2)
    found = [ratio_interval(row + math.log(1.1), error=0.05) for row in noise]

    missed = sum(not i.low <= 1.1 <= i.high for i in found) / len(found)
    assert missed <= 0.065
    # And are not wider than they need to be, as far as so few values allow.
    assert missed > 0 or rounds < 10


def test_units_are_averaged_and_spread_between_them_counts():
    steady = ratio_of_units([[math.log(2)] * 3] * 4, error=0.01)
    spread = ratio_of_units([[math.log(2) - 0.1, 5.0, -5.0], [math.log(2) + 0.1]], error=0.01)

    assert (steady.low, steady.high) == pytest.approx((2, 2))
    assert spread.value == pytest.approx(2)
    assert spread.low < 1 < 4 < spread.high


def test_one_unit_gives_no_evidence():
    assert ratio_of_units([[0.0] * 100], error=0.01) == Interval(1.0, 0.0, math.inf)
    assert math.isnan(ratio_of_units([[], []], error=0.01).value)


def test_intervals_of_units_hold_the_truth():
    rng = np.random.default_rng(5)
    found = [
        ratio_of_units([[value] for value in rng.normal(0, 0.01, 5)], error=0.05)
        for _ in range(1000)
    ]

    assert 0.03 <= sum(not i.low <= 1 <= i.high for i in found) / 1000 <= 0.07


def test_two_processes_that_differ_among_many_contenders_know_nothing():
    """The quantile of one degree of freedom is in the tens of thousands."""
    found = ratio_of_units([np.log([1.0, 1.0]), np.log([1.3, 1.3])], error=1e-6)

    assert found.value == pytest.approx(1.3**0.5)
    assert (found.low, found.high) == (0.0, math.inf)
