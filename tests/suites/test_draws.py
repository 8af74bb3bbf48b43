"""Draws: independent ones pass, those that only look like them don't."""

import pytest
import torch

import opbench
from opbench.harness.catalog import Catalog
from opbench.harness.declare import Impl
from opbench.harness.pipeline.check import check
from opbench.harness.planning.cases import plan_checks
from opbench.harness.planning.selection import Selection
from opbench.results.records import Failed, Wrong
from opbench.suites import array_inputs, draws
from opbench.suites.array_contracts import inverse_cdf, sample_faults

OP = opbench.load("opbench.suites.arrays", entry_points=False).ops["sample_distribution"]
RUNS = 50


def inverted(probs, u):
    """The events of given numbers."""
    return inverse_cdf(probs.double() / probs.double().sum(), u)


def by_search(probs, n):
    return inverted(probs, torch.rand(n, dtype=torch.float64))


def in_float32(probs, n):
    return inverted(probs, torch.rand(n))


def by_multinomial(probs, n):
    return probs.multinomial(n, replacement=True)


def by_rejection(probs, n):
    """As many rounds as it takes."""
    kept = [torch.zeros(0, dtype=torch.int64)]
    while sum(map(len, kept)) < n:
        events = torch.randint(len(probs), (2 * n,))
        coins = torch.rand(2 * n, dtype=torch.float64) * probs.max()
        kept.append(events[coins < probs[events]])
    return torch.cat(kept)[:n]


def by_gumbel(probs, n):
    noise = torch.empty(n, len(probs), dtype=torch.float64).exponential_()
    return (probs.double() / noise).argmax(1)


def counted_and_shuffled(probs, n):
    """How often each event is drawn, then in which order."""
    counts = by_search(probs, n).bincount(minlength=len(probs))
    return torch.arange(len(probs)).repeat_interleave(counts)[torch.randperm(n)]


RIGHT = (by_search, in_float32, by_multinomial, by_rejection, by_gumbel, counted_and_shuffled)


@pytest.mark.parametrize("kind", ["normal", "even", "zipf", "zero_ends", "certain"])
@pytest.mark.parametrize("sample", RIGHT)
def test_right_samplers_pass_in_all_runs(sample, kind):
    made = array_inputs.SAMPLES[kind](K=301, N=1001, rng=torch.Generator().manual_seed(0))
    probs, n = made["probs"].float(), made["n"]
    for _ in range(RUNS):
        assert sample_faults(sample(probs, n), probs, n).tolist() == [0] * 6
        assert list(draws.faults_of_draws(lambda: sample(probs, n), probs, n)) == []


@pytest.mark.parametrize(("events", "number"), [(2, 50), (6, 1000), (2, 100_000), (5, 3)])
def test_right_samplers_pass_with_few_events(events, number):
    probs = torch.full((events,), 1 / events)
    for _ in range(RUNS):
        assert sample_faults(by_search(probs, number), probs, number).tolist() == [0] * 6


OWN = torch.Generator().manual_seed(1)


def same_draws_each_call(probs, n):
    return inverted(probs, torch.rand(n, generator=torch.Generator().manual_seed(7)))


def not_torchs_generator(probs, n):
    return inverted(probs, torch.rand(n, generator=OWN))


def sorted_draws(probs, n):
    return inverted(probs, torch.rand(n).sort().values)


def stratified_draws(probs, n):
    return inverted(probs, ((torch.arange(n) + torch.rand(n)) / n)[torch.randperm(n)])


def each_draw_twice(probs, n):
    return inverted(probs, torch.rand(n).repeat_interleave(2)[:n])


def draws_the_impossible(probs, n):
    shares = probs.double().cumsum(0) / probs.double().sum()
    return torch.searchsorted(shares, torch.rand(n).double()).clamp(max=len(probs) - 1)


WRONG = (
    same_draws_each_call,
    not_torchs_generator,
    sorted_draws,
    stratified_draws,
    each_draw_twice,
    draws_the_impossible,
)


def verdicts(*samplers):
    """The reasons of a check of all kinds, by sampler; None for a right one."""
    impls = {s.__name__: Impl(op=OP.name, name=s.__name__, function=s) for s in samplers}
    catalog = Catalog({OP.name: OP}, {OP.name: impls}, {"arrays": (OP.name,)})
    report = check(catalog, plan_checks(catalog, Selection(expression="odd")))
    assert not report.faults
    found = dict.fromkeys(impls)
    for checked in report.checked:
        if isinstance(checked.verdict, Wrong | Failed):
            found[checked.contender] = checked.verdict.reason
    return found


def test_wrong_samplers_are_found_and_right_ones_are_not():
    found = verdicts(*WRONG, *RIGHT)
    assert [name for name, reason in found.items() if reason is None] == [
        sampler.__name__ for sampler in RIGHT
    ]
    assert "an impossible event is drawn" in found["draws_the_impossible"]
