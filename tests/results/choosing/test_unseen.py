"""What a choice costs on shapes that it wasn't made from, where the true times are known."""

import math
import random

import numpy as np
import pytest

from opbench.results.choosing.choice import Terms, choose
from opbench.results.choosing.rules import Leaf, chosen
from opbench.results.choosing.situations import Row, Time, situation_of
from opbench.results.statistics.interval import Interval
from tests.results.choosing.examples import case

#: The least and the largest size of each axis.
SIZES = {"T": (8, 2048), "K": (1, 8), "D": (8, 1024)}
#: Seconds of a call by what it does: it begins, passes once for each K, has something in between.
COSTS = {
    "loop": lambda T, K, D: 4e-6 + 5e-6 * K + 1e-10 * T * K * D,
    "gather": lambda T, K, D: 5e-6 + 1e-9 * T * K * D * (1.5 if T * K * D > 2**19 else 1),
    "matrix": lambda T, K, D: 2e-5 + 1e-9 * T * D + 2e-10 * T * K * D,
    "scatter": lambda T, K, D: 6e-6 + 2e-8 * T * K + 2e-10 * T * K * D,
}


def rows_of(count, rng):
    """Measured shapes, evenly in the logarithms of sizes, off by 1% or so on each half."""
    return [measured_row(one, rng) for one in drawn(count, rng)]


def drawn(count, rng):
    """Sizes within their bounds."""
    return [
        {
            a: round(math.exp(rng.uniform(math.log(low), math.log(high))))
            for a, (low, high) in bounds
        }
        for bounds in [SIZES.items()] * count
    ]


def measured_row(sizes, rng):
    """The row of some sizes."""
    halves = {
        name: [math.log(cost(**sizes)) + rng.gauss(0, 0.01) for _ in range(2)]
        for name, cost in COSTS.items()
    }
    best = min(halves, key=lambda name: sum(halves[name]))
    times = {}
    for name, (even, odd) in halves.items():
        logs = (even - halves[best][0], odd - halves[best][1])
        ratio = math.exp(sum(logs) / 2)
        times[name] = Time(
            time_s=math.exp((even + odd) / 2), ratio=Interval(ratio, ratio, ratio), halves=logs
        )
    return Row(shape=str(sizes), axes={a: float(size) for a, size in sizes.items()}, times=times)


def lost(rule, sizes):
    """The logarithm of the chosen contender's true time over the best's."""
    times = {name: cost(**sizes) for name, cost in COSTS.items()}
    return math.log(times[chosen(rule, sizes)] / min(times.values()))


@pytest.mark.parametrize("seed", range(4))
def test_unseen_shapes_within_the_bounds_cost_little(seed):
    rng = random.Random(seed)
    rows = rows_of(40, rng)
    choice = choose(situation_of(case()), rows, {}, Terms(axes=tuple(SIZES)))
    unseen = [sizes for sizes in drawn(1000, rng) if is_within(sizes, choice)]
    costs = [lost(choice.rule, sizes) for sizes in unseen]
    single = [lost(Leaf(choice.contenders[0]), sizes) for sizes in unseen]
    assert np.mean(single) > math.log(1.2)
    assert np.mean(costs) < math.log(1.01)
    assert np.quantile(costs, 0.95) < math.log(1.10)
    assert max(costs) < math.log(1.5)


def is_within(sizes, choice):
    """Whether sizes lie within what was measured, where the rule is used."""
    return all(low <= sizes[axis] <= high for axis, (low, high) in choice.bounds.items())
