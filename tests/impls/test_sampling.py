"""Every contender for drawing events, and for inverting the running sum that they come from."""

import bisect
import itertools
import math
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from opbench.harness.declare import SAME_VALUES
from opbench.impls.kernels import cpp_build, inverse_cdf_cpp
from tests.impls.contenders import Kit

KIT = Kit("opbench.suites.arrays", "opbench.impls.sampling")
SAMPLE, INVERSE = "sample_distribution", "inverse_cdf"
FLOATS = (torch.float32, torch.float64)
#: The largest below 1 of each type.
LARGEST = {torch.float32: 1 - 2**-24, torch.float64: 1 - 2**-53}
DIE = [0.05, 0.1, 0.1, 0.2, 0.15, 0.4]


@pytest.fixture(autouse=True)
def seeded():
    """The same draws whenever a test is run."""
    torch.manual_seed(0)


def worst(op, kind, axes, run, *, dtype=torch.float32, **how):
    """The largest error of `run` on such inputs, as a multiple of the tolerance."""
    inputs = KIT.make(op, kind, axes, dtype=dtype, **how)
    return max(KIT.errors(op, inputs, run, dtype))


def faults(output, probs, n):
    return KIT.catalog.ops[SAMPLE].canonical(output, probs, n).tolist()


# --- the inverse of the running sum ----------------------------------------------------------


def by_bisection(probs, u):
    """The contract once more, one u after the other."""
    totals = list(itertools.accumulate(probs.double().tolist()))
    below = math.nextafter(totals[-1], 0)
    return [bisect.bisect_right(totals, min(value, below)) for value in u.tolist()]


@pytest.mark.parametrize("kind", list(KIT.catalog.ops[INVERSE].inputs))
def test_the_contract_by_bisection(kind):
    for dtype in FLOATS:
        inputs = KIT.make(INVERSE, kind, {"K": 41, "N": 200}, dtype=dtype)
        expected = by_bisection(*inputs.args)
        assert KIT.catalog.ops[INVERSE].oracle(*inputs.args).tolist() == expected
        assert (inputs.args[0][torch.tensor(expected)] > 0).all()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", KIT.names(INVERSE))
def test_events_by_hand(name, dtype):
    probs = torch.tensor([0, 0.25, 0, 0.5, 0.25, 0], dtype=dtype)
    u = torch.tensor([0, 0.2, 0.25, 0.7, 0.75, LARGEST[dtype]], dtype=dtype)
    assert KIT.function(INVERSE, name)(probs, u).tolist() == [1, 1, 3, 3, 4, 4]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", KIT.names(INVERSE))
def test_past_a_sum_below_one(name, dtype):
    probs = torch.tensor([0, 0.4995, 0.5, 0, 0], dtype=dtype)
    u = torch.tensor([0.9995, 0.9999, LARGEST[dtype], 0], dtype=dtype)
    assert KIT.function(INVERSE, name)(probs, u).tolist() == [2, 2, 2, 1]


@pytest.mark.parametrize(
    "known_wrong",
    [
        lambda probs, u: torch.searchsorted(probs.cumsum(0), u),
        lambda probs, u: torch.searchsorted(probs.cumsum(0), u, right=True),
        lambda probs, u: torch.searchsorted(probs.cumsum(0), u, right=True).clamp(
            max=len(probs) - 1
        ),
        lambda probs, u: (u[:, None] > probs.cumsum(0)).sum(1),
    ],
)
def test_a_running_sum_without_care_gives_impossible_events(known_wrong):
    axes = {"K": 41, "N": 99}
    assert worst(INVERSE, "normal", axes, known_wrong) == 0
    assert worst(INVERSE, "sum_short_extreme", axes, known_wrong) > 1


def test_a_search_to_the_left_is_wrong_where_u_meets_the_sum():
    def left(probs, u):
        return torch.searchsorted(probs.double().cumsum(0), u.double())

    assert worst(INVERSE, "exact", {"K": 41, "N": 99}, left) > 1


# Below, at and above the number of events that all are compared; with and without a table.
@pytest.mark.parametrize("axes", [(2, 600), (49, 200), (50, 200), (900, 600), (5000, 9)])
@pytest.mark.parametrize("kind", list(KIT.catalog.ops[INVERSE].inputs))
@pytest.mark.parametrize("name", KIT.names(INVERSE))
def test_few_and_many_events(name, kind, axes):
    sizes = dict(zip("KN", axes, strict=True))
    for dtype in FLOATS:
        assert worst(INVERSE, kind, sizes, KIT.function(INVERSE, name), dtype=dtype) == 0


@pytest.mark.skipif(not any(map(shutil.which, cpp_build.COMPILERS)), reason="needs a C++ compiler")
@pytest.mark.parametrize("events", [3, 300, 30000])
def test_the_kernel_stays_inside_its_tables(events):
    probs = torch.rand(events).softmax(0)
    u = torch.tensor([-1.0, 1.0, 2.0, torch.inf, -torch.inf, torch.nan, -1e30, 1e30]).repeat(50)
    found = inverse_cdf_cpp.inverse_cdf(probs, u)
    assert ((found >= 0) & (found < events)).all()


# --- draws -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KIT.names(SAMPLE))
def test_frequencies(name):
    probs, n = torch.tensor(DIE), 200_000
    found = KIT.function(SAMPLE, name)(probs, n)
    assert found.dtype == torch.int64
    assert found.shape == (n,)
    torch.testing.assert_close(found.bincount() / n, probs, rtol=0.03, atol=0)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", list(KIT.catalog.ops[SAMPLE].inputs))
@pytest.mark.parametrize("name", KIT.names(SAMPLE))
def test_draws_of_every_kind(name, kind, dtype):
    run = KIT.function(SAMPLE, name)
    for sizes in ({"K": 1, "N": 50}, {"K": 6, "N": 3000}, {"K": 70, "N": 3000}, {"K": 9, "N": 0}):
        assert worst(SAMPLE, kind, sizes, run, dtype=dtype) == 0


@pytest.mark.parametrize("name", KIT.names(SAMPLE))
def test_draws_come_from_the_global_generator(name):
    run, probs = KIT.function(SAMPLE, name), torch.tensor(DIE)
    torch.manual_seed(3)
    first, second = run(probs, 500), run(probs, 500)
    torch.manual_seed(3)
    assert torch.equal(run(probs, 500), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", KIT.names(SAMPLE))
def test_draws_do_not_depend_on_each_other(name):
    found = KIT.function(SAMPLE, name)(torch.tensor([0.5, 0.5]), 40_000).double()
    for lag in (1, 2, 20_000):
        assert abs(((found[lag:] - 0.5) * (found[:-lag] - 0.5)).mean()) < 0.01


def test_the_table_of_walker_is_exact():
    from opbench.impls.sampling import _alias_table

    for kind in KIT.catalog.ops[SAMPLE].inputs:
        for events in (1, 2, 37, 1000):
            probs = KIT.make(SAMPLE, kind, {"K": events, "N": 1}, dtype=torch.float64).args[0]
            keep, alias = _alias_table(probs)
            keep = keep.clamp(max=1)
            assert (keep >= -1e-9).all()
            share = keep.index_add(0, alias, 1 - keep) / events
            torch.testing.assert_close(share, probs / probs.sum(), rtol=1e-9, atol=1e-12)


def naive(probs, n):
    """As the exercise hints: how many running sums each number is above."""
    return (torch.rand(n)[:, None] > probs.cumsum(0)).sum(1)


def swapped(probs, n):
    """Two neighbours are taken for each other."""
    probs = probs.clone()
    probs[[2, 3]] = probs[[3, 2]]
    return torch.multinomial(probs, n, replacement=True)


def drifting(probs, n):
    """The running sum is kept in bfloat16."""
    totals = probs.bfloat16().cumsum(0).float()
    return torch.searchsorted(totals, torch.rand(n)).clamp(max=len(probs) - 1)


@pytest.mark.parametrize(
    ("known_wrong", "kind", "axes"),
    [
        (naive, "sum_short", {"K": 9, "N": 100_000}),
        (swapped, "zipf", {"K": 9, "N": 10_000}),
        (drifting, "even", {"K": 3000, "N": 100_000}),
        (lambda probs, n: torch.randint(len(probs), (n,)), "sparse", {"K": 9, "N": 1000}),
        (lambda probs, n: torch.full((n,), 4), "even", {"K": 9, "N": 1000}),
    ],
)
def test_wrong_samples_are_found(known_wrong, kind, axes):
    assert worst(SAMPLE, kind, axes, known_wrong) > 1


def test_counted_events():
    probs = torch.tensor([0.5, 0, 0.5])
    right = torch.tensor([0, 2]).repeat(50)[torch.randperm(100)]
    assert faults(right, probs, 100) == [0, 0, 0, 0, 0, 0]
    assert faults(right[:-3], probs, 100)[0] == 3
    assert faults(torch.tensor([0, 3, -1, 2]), probs, 4)[0] == 2
    assert faults(torch.tensor([0, 1, 1, 2]), probs, 4)[1] == 2
    # Impossible events count as too frequent beyond what chance explains.
    assert faults(torch.tensor([0, 0, 0, 1]).repeat(200), probs, 800)[:4] == [0, 200, 3, 2]
    assert faults(torch.zeros(0, dtype=torch.int64), probs, 0) == [0, 0, 0, 0, 0, 0]


def test_neighbours_and_counts_that_chance_does_not_make():
    probs = torch.tensor([0.5, 0.5])
    assert faults(torch.tensor([0, 1]).repeat(500), probs, 1000)[4] == 4
    even = torch.full((200,), 1 / 200)
    stratified = torch.arange(200).repeat(50)[torch.randperm(10_000)]
    assert faults(stratified, even, 10_000) == [0, 0, 0, 0, 0, 1]


def test_the_oracle_is_a_right_sample():
    oracle = KIT.catalog.ops[SAMPLE].oracle
    probs = torch.tensor([0.25, 0, 0.75])
    assert faults(oracle(probs, 1000), probs, 1000) == [0, 0, 0, 0, 0, 0]
    assert oracle(torch.tensor([1.0]), 0).tolist() == []


# --- both ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "name"), KIT.pairs(SAMPLE, INVERSE))
@settings(deadline=None, max_examples=8, derandomize=True)
@given(
    events=st.integers(1, 70),
    draws=st.integers(0, 90),
    data=st.data(),
    dtype=st.sampled_from(FLOATS),
    layout=st.sampled_from(SAME_VALUES),
    seed=st.integers(0, 99),
)
def test_agrees_with_the_contract(op, name, events, draws, data, dtype, layout, seed):
    kind = data.draw(st.sampled_from(list(KIT.catalog.ops[op].inputs)))
    axes = {"K": events, "N": draws}
    run = KIT.function(op, name)
    assert worst(op, kind, axes, run, dtype=dtype, seed=seed, layout=layout) == 0


@pytest.mark.parametrize("op", [SAMPLE, INVERSE])
@pytest.mark.parametrize(
    ("probs", "error", "says"),
    [
        ([0.5, 0.498], ValueError, "probs: sum to 0.998, only 1 [+]- 0.001 is allowed"),
        ([0.5, 0.502], ValueError, "probs: sum to 1.002, only 1"),
        ([], ValueError, "probs: sum to 0, only 1"),
        ([1.5, -0.5], ValueError, "probs: -0.5, only 0 and more is allowed"),
        ([1.0, math.nan], ValueError, "probs: nan, only 0 and more is allowed"),
        ([math.inf, 0.5], ValueError, "probs: sum to inf, only 1"),
        ([[0.5, 0.5]], ValueError, r"probs: shape \[1, 2\], only \[k\] is allowed"),
        ([1, 0], TypeError, "probs: torch.int64, only floating-point types are allowed"),
    ],
)
def test_arguments_that_are_no_distribution_raise(op, probs, error, says):
    other = 3 if op == SAMPLE else torch.rand(3)
    with pytest.raises(error, match=f"{op}: {says}"):
        KIT.catalog.call(op, torch.tensor(probs), other, impl="searchsorted")


def test_other_arguments():
    probs = torch.tensor([0.4995, 0.5])
    for n, error, says in ((-1, ValueError, "n: -1, only 0 and"), (2.0, TypeError, "n: 2.0, only")):
        with pytest.raises(error, match=says):
            KIT.catalog.call(SAMPLE, probs, n, impl="searchsorted")
    for u, error, says in (
        (torch.tensor([0, 1.0]), ValueError, "u: 1.0, only 0 <= u < 1 is allowed"),
        (torch.tensor([-0.1]), ValueError, "u: -0.1"),
        (torch.tensor([math.nan]), ValueError, "u: nan"),
        (torch.tensor(0.5), ValueError, r"u: shape \[\], only \[n\] is allowed"),
        (torch.tensor([0]), TypeError, "u: torch.int64, only floating-point types"),
    ):
        with pytest.raises(error, match=says):
            KIT.catalog.call(INVERSE, probs, u, impl="searchsorted")
    assert KIT.catalog.call(INVERSE, probs, torch.tensor([0.6]), impl="searchsorted").item() == 1


def test_refusals_name_the_reason():
    probs = torch.full((2**14,), 2.0**-14)
    draws = {"probs": probs, "n": 2**14}
    assert "2^27 pairs" in KIT.refuses(SAMPLE, "compare", draws)
    assert "2^27 pairs" in KIT.refuses(INVERSE, "argmax", {"probs": probs, "u": torch.rand(2**14)})
    many = {"probs": torch.empty(2**24 + 1, device="meta"), "n": 1}
    assert "2^24 events" in KIT.refuses(SAMPLE, "multinomial", many)
    assert KIT.refuses(SAMPLE, "multinomial", draws) is None
