"""Standings: verdicts, and the error that a whole race may make."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opbench.results.ranking.verdicts import (
    HITS,
    best_of,
    gross_looks,
    looks,
    ratio_to,
    standings,
    verdict_of,
)
from opbench.results.records import Rules
from opbench.results.statistics.interval import Interval

RULES = Rules()


def race(rounds=100, *, noise=0.01, seed=0, **speeds):
    """Contenders of so many seconds, on a machine that is slower in some rounds than in others."""
    rng = np.random.default_rng(seed)
    machine = np.exp(rng.normal(0, 0.3, rounds))
    return {
        name: dict(enumerate(speed * machine * np.exp(rng.normal(0, noise, rounds))))
        for name, speed in speeds.items()
    }


def verdicts(*args, **kwargs):
    return {n: s.verdict for n, s in standings(race(*args, **kwargs), RULES).items()}


def test_best_tied_and_slower():
    assert verdicts(400, a=1.0, same=1.002, slow=1.1) == {
        "a": "best",
        "same": "tied",
        "slow": "slower",
    }


def test_undecided_has_a_detectable_ratio():
    found = standings(race(30, noise=0.05, a=1.0, b=1.02), RULES)
    loser = next(standing for standing in found.values() if standing.verdict != "best")

    assert loser.verdict == "undecided"
    ratio = loser.ratio
    assert loser.detectable == pytest.approx(1.01 * ratio.value / ratio.low)
    moved = Interval(loser.detectable, loser.detectable * ratio.low / ratio.value, math.inf)
    assert verdict_of(Interval(moved.value, moved.low * 1.0001, moved.high), tie=0.01) == "slower"


def test_nothing_is_detectable_in_a_single_round():
    (_, b) = standings(race(1, a=1.0, b=9.0), RULES).values()

    assert (b.verdict, b.detectable) == ("undecided", math.inf)


def test_a_gross_difference_shows_before_the_first_look():
    *_, (rounds, hit) = gross_looks(3, RULES)
    assert rounds < next(looks(3, RULES))
    found = standings(race(rounds, a=1.0, twice=2.0, gross=40.0), RULES)

    assert (found["twice"].verdict, found["gross"].verdict) == ("undecided", "slower")
    assert found["gross"].ratio.low == pytest.approx(40.0 / hit.times, rel=0.1)
    assert found["gross"].is_settled(RULES, futile_ratio=3.0)
    assert found["twice"].detectable == pytest.approx(1.01 * hit.times, rel=0.1)


def test_one_round_that_was_no_slower_acquits_of_a_gross_difference():
    gross = race(gross_looks(2, RULES)[-1][0], a=1.0, gross=40.0)
    gross["gross"][1] = gross["a"][1]

    assert standings(gross, RULES)["gross"].verdict == "undecided"


def test_a_contender_that_left_early_keeps_its_verdict_beside_others_that_went_on():
    raced = race(200, a=1.0, near=1.05, gross=40.0)
    raced["gross"] = {n: raced["gross"][n] for n in range(gross_looks(3, RULES)[-1][0])}

    found = standings(raced, RULES)
    assert (found["near"].verdict, found["gross"].verdict) == ("slower", "slower")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.995, 1.005, "tied"),
        (1.005, 1.0099, "tied"),
        (0.98, 1.005, "undecided"),
        (1.005, 1.02, "undecided"),
        (1.0101, 1.02, "slower"),
        (0.0, math.inf, "undecided"),
    ],
)
def test_a_tie_is_shown_on_both_sides_and_a_loss_beyond_the_tolerance(low, high, expected):
    assert verdict_of(Interval(1.0, low, high), tie=0.01) == expected


def test_the_best_is_best_in_shared_rounds():
    steady = {n: 1.0 if n < 10 else 2.0 for n in range(40)}
    left_early = dict.fromkeys(range(10), 1.1)

    assert best_of({"early": left_early, "steady": steady}) == "steady"


def test_settled_needs_a_verdict_and_a_precise_ratio_unless_futile():
    found = standings(race(40, noise=0.2, a=1.0, b=20.0), RULES)["b"]

    assert found.verdict == "slower"
    assert not found.is_settled(RULES)
    assert found.is_settled(RULES, futile_ratio=3.0)
    assert found.is_settled(Rules(precision=1.0))


def test_looks_begin_when_a_verdict_is_possible_and_grow_apart():
    for contenders in (1, 2, 5, 18):
        first, *rest = itertools.islice(looks(contenders, RULES), 12)
        speeds = {f"c{n}": 1.0 + n for n in range(contenders)}
        alone = race(first, **speeds)
        assert all(
            ratio_to(alone[n], alone["c0"], contenders=contenders, rules=RULES).high < math.inf
            for n in speeds
        )
        assert rest[0] > first
        assert all(b >= math.ceil(1.25 * a) for a, b in itertools.pairwise([first, *rest]))
    assert next(looks(2, RULES)) == 9
    assert next(looks(18, RULES)) == 16


def test_the_grosser_a_difference_the_sooner_it_shows():
    assert [at for at, _ in gross_looks(2, RULES)] == [3, 3, 4]
    assert [at for at, _ in gross_looks(16, RULES)] == [3, 4, 7]
    for at, hit in gross_looks(16, RULES):
        raced = race(at, **{f"c{n}": 1.0 for n in range(15)}, just=hit.times * 3.1)
        assert standings(raced, RULES)["just"].is_settled(RULES, futile_ratio=3.0)
        earlier = {name: dict(list(own.items())[:-1]) for name, own in raced.items()}
        assert not standings(earlier, RULES)["just"].is_settled(RULES, futile_ratio=3.0)


@pytest.mark.parametrize("contenders", [2, 6, 16])
@pytest.mark.parametrize(("look", "hit"), [*enumerate(HITS)])
def test_equals_that_are_hit_now_and_then_show_no_gross_difference(contenders, look, hit):
    """As many hits as the rule allows for, and of any size: 1 in 37 of the error is for these."""
    rules = Rules(error=0.5)
    wrong = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        rounds = range(gross_looks(contenders, rules)[look][0])
        hits = rng.random((contenders, len(rounds))) < hit.chance
        samples = np.where(hits, rng.uniform(hit.times, 10_000, hits.shape), 1.0)
        seen = {str(n): dict(zip(rounds, s, strict=True)) for n, s in enumerate(samples)}
        wrong += any(s.verdict == "slower" for s in standings(seen, rules).values())
    assert wrong <= rules.error / 37 * 400


@pytest.mark.parametrize("contenders", [2, 6])
def test_a_whole_race_of_equals_is_wrong_no_more_often_than_promised(contenders):
    """Every look of 400 races, the noise skewed; 5% may have any contender called slower."""
    rules = Rules(error=0.05, tie=1e-9)
    wrong = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        samples = np.exp(rng.exponential(0.05, (contenders, 300)))
        for rounds in itertools.takewhile(lambda n: n <= 300, looks(contenders, rules)):
            seen = {str(n): dict(enumerate(s[:rounds])) for n, s in enumerate(samples)}
            if any(s.verdict == "slower" for s in standings(seen, rules).values()):
                wrong += 1
                break
    assert wrong <= 0.05 * 400


def test_processes_are_the_unit_where_there_are_several():
    """Each process has its own luck: rounds within one say nothing of it, however many."""
    rng = np.random.default_rng(1)
    luck = rng.normal(0, 0.03, 5)
    a = {(p, r): 1.0 for p in range(5) for r in range(50)}
    b = {(p, r): math.exp(luck[p]) for p in range(5) for r in range(50)}

    pooled = ratio_to(
        {50 * p + r: v for (p, r), v in b.items()}, dict.fromkeys(range(250), 1.0),
        contenders=2, rules=RULES,
    )  # fmt: skip
    units = ratio_to(b, a, contenders=2, rules=RULES)
    assert units.high - units.low > 1.5 * (pooled.high - pooled.low)
    assert units.value == pytest.approx(math.exp(luck.mean()))


@given(
    st.lists(st.floats(0.1, 10), min_size=2, max_size=6),
    st.integers(1, 60),
    st.floats(0.001, 0.2),
)
def test_there_is_one_best_and_every_verdict_fits_its_interval(speeds, rounds, noise):
    found = standings(
        race(rounds, noise=noise, **{f"c{n}": s for n, s in enumerate(speeds)}), RULES
    )

    assert [s.verdict for s in found.values()].count("best") == 1
    for standing in found.values():
        if standing.verdict != "best":
            assert standing.verdict == verdict_of(standing.ratio, tie=RULES.tie)
            assert (standing.detectable is None) == (standing.verdict != "undecided")
