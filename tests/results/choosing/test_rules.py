"""Rules: what is chosen lies in one region, and fitting finds thresholds that lose little."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from opbench.results.choosing.rules import (
    Data,
    Leaf,
    Split,
    chosen,
    contenders_of,
    features_of,
    fit,
    is_inside,
    regions,
)

leaves = st.sampled_from("abc").map(Leaf)
rules = st.recursive(
    leaves,
    lambda inner: st.builds(
        Split,
        st.sampled_from(["B", "S", "B*S", "B/S", "S^2/B", "B^3*S^4"]),
        st.floats(1e-3, 1e6),
        inner,
        inner,
    ),
    max_leaves=12,
)
sizes = st.fixed_dictionaries({"B": st.integers(0, 1000), "S": st.integers(0, 1000)})


@given(rules, sizes)
def test_every_shape_lies_in_the_region_of_what_is_chosen(rule, axes):
    inside = [leaf.contender for bounds, leaf in regions(rule) if is_inside(bounds, axes)]
    assert inside == [chosen(rule, axes)]
    assert set(contenders_of(rule)) == {leaf.contender for _, leaf in regions(rule)}


def data(logs, losses, weights=None):
    logs, losses = np.array(logs, dtype=float), np.array(losses, dtype=float)
    count = np.ones(len(logs)) if weights is None else np.array(weights, dtype=float)
    return Data(tuple("BS"[: logs.shape[1]]), logs, losses, count)


def test_the_threshold_lies_between_two_shapes():
    shapes = [[math.log(size)] for size in (10, 100, 1000, 10_000)]
    rule = fit(data(shapes, [[0, 1], [0, 1], [1, 0], [1, 0]]), "ab")
    assert rule == Split("B", 316.0, Leaf("a"), Leaf("b"))


def test_what_saves_nothing_is_no_region():
    shapes = [[math.log(size)] for size in (10, 100, 1000, 10_000)]
    assert fit(data(shapes, [[0, 0.0001]] * 3 + [[0.0001, 0]]), "ab") == Leaf("a")
    assert fit(data(shapes, np.zeros((4, 2))), "ab") == Leaf("a")
    assert fit(data(shapes, np.zeros((4, 2))), "ba") == Leaf("b")


def test_a_region_in_the_middle_takes_two_thresholds():
    shapes = [[float(n)] for n in range(12)]
    losses = [[0, 1] if n < 4 or n >= 8 else [1, 0] for n in range(12)]
    rule = fit(data(shapes, losses), "ab")
    assert [leaf.contender for _, leaf in regions(rule)] == ["a", "b", "a"]


def test_two_axes_that_only_matter_together_are_both_split_by():
    shapes = [[b, s] for b in range(6) for s in range(6)]
    losses = [[0, 1] if (b < 3) == (s < 3) else [1, 0] for b, s in shapes]
    rule = fit(data(shapes, losses), "ab")
    assert features_of(rule) == {"B", "S"} or isinstance(rule, Leaf)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 4))
def test_a_rule_never_loses_more_than_the_best_single_one(seed, count, contenders):
    rng = np.random.default_rng(seed)
    logs, losses = rng.uniform(0, 10, (count, 2)), rng.exponential(0.2, (count, contenders))
    losses[np.arange(count), rng.integers(contenders, size=count)] = 0
    names = "abcd"[:contenders]
    rule = fit(data(logs, losses), names)
    lost = sum(
        losses[row, names.index(chosen(rule, {"B": math.exp(b), "S": math.exp(s)}))]
        for row, (b, s) in enumerate(logs)
    )
    single = losses.sum(0).min()
    assert lost <= single + 0.002 * count + 1e-9
