"""What a gate decides of units: intervals, looks, suspects that are confirmed, and A/A controls."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from opbench.results.records import GateRules, Paired, Unit
from opbench.results.regression import verdicts as gating
from opbench.results.statistics.interval import Interval
from tests.results.examples import case

RULES = GateRules()
ON = case()
#: How a fresh process is off, in standard deviations: most of them as one expects, or some by far.
NOISES = {
    "normal": lambda rng, count: rng.normal(0, 1, count),
    "contaminated": lambda rng, count: (
        rng.normal(0, 1, count) * np.where(rng.random(count) < 0.05, 10, 1)
    ),
}


def units(logs, name="cpp", role="screen", *, first=0, on=ON, method=""):
    """Units of one round each, with these log-ratios."""
    method = method or ("pairs" if role == "verify" else "twins")
    return [
        Unit(
            contender=name,
            case=on,
            method=method,
            role=role,
            number=number,
            times=Paired((1.0,), (math.exp(log),)),
        )
        for number, log in enumerate(logs, start=first)
    ]


def verdicts(found):
    """The verdict on each contender."""
    return {finding.contender: finding.verdict for finding in found}


def session(rng, shifts, *, noise="normal", spread=0.005, most=24):
    """The findings of a session, of contenders whose head is slower by these log-ratios."""
    taken = []
    for role, judge in (
        ("screen", gating.screening_findings),
        ("confirm", gating.confirming_findings),
    ):
        left = set(shifts) if role == "screen" else suspects(taken)
        before = 0
        for look in itertools.takewhile(lambda number: number <= most, gating.looks()):
            for name in sorted(left):
                logs = shifts[name] + spread * NOISES[noise](rng, look - before)
                taken += units(logs, name, role, first=before)
            before = look
            now = verdicts(judge(taken, RULES))
            left = {name for name in left if now[name] == "inconclusive"}
    for _, name in sorted(gating.confirmed_twins(taken, RULES)):
        # Pairs scatter far more than twins.
        logs = shifts[name] + 6 * spread * NOISES[noise](rng, gating.PAIRS)
        taken += units(logs, name, "verify")
    return verdicts(gating.findings(taken, RULES))


def suspects(taken):
    """Those that the screening takes for slower."""
    found = verdicts(gating.screening_findings(taken, RULES))
    return {name for name, verdict in found.items() if verdict == "slower"}


def bounds(found):
    """Those of a finding's ratio."""
    return found.ratio.low, found.ratio.high


def bounds_of(logs, error):
    """Those that these log-ratios should have."""
    ratio = gating.interval(logs, error=error)
    return pytest.approx((ratio.low, ratio.high))


def most_of(count, chance):
    """How often something with this chance happens in so many trials, but for once in 1000."""
    return int(stats.binom.ppf(0.999, count, chance))


@pytest.mark.parametrize("noise", NOISES)
def test_unchanged_contenders_hardly_ever_fail(noise):
    rng = np.random.default_rng(7)
    shifts = dict.fromkeys("abcdefgh", 0.0)
    sessions = [session(rng, shifts, noise=noise) for _ in range(80)]
    assert sum("slower" in found.values() for found in sessions) <= most_of(80, RULES.alpha)
    passed = sum(found[name] in ("same", "no slower") for found in sessions for name in shifts)
    assert passed > 0.9 * 80 * len(shifts)


@pytest.mark.parametrize("noise", NOISES)
def test_a_slowdown_that_matters_hardly_ever_passes_and_is_found(noise):
    rng = np.random.default_rng(8)
    shifts = {"slowed": math.log(1.03), "steady": 0.0}
    sessions = [session(rng, shifts, noise=noise) for _ in range(60)]
    assert sum(found["slowed"] == "slower" for found in sessions) >= 57
    assert sum(found["slowed"] in ("same", "faster") for found in sessions) <= most_of(
        60, RULES.miss
    )


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("count", [4, 6, 9])
def test_an_interval_misses_as_rarely_as_it_says(noise, count):
    rng = np.random.default_rng(count)
    error, trials = 0.02, 1500
    found = [gating.interval(NOISES[noise](rng, count) / 100, error=error) for _ in range(trials)]
    assert sum(ratio.low > 1 for ratio in found) <= most_of(trials, error)
    assert sum(ratio.high < 1 for ratio in found) <= most_of(trials, error)


logs = st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=20)


@given(logs, st.floats(-1, 1), st.randoms())
def test_an_interval_has_no_favourites(given_logs, shift, rng):
    ratio = gating.interval(given_logs, error=0.01)
    assert ratio.low <= ratio.value <= ratio.high
    shuffled = list(given_logs)
    rng.shuffle(shuffled)
    assert gating.interval(shuffled, error=0.01) == ratio
    turned = gating.interval([-log for log in given_logs], error=0.01)
    assert turned.low == pytest.approx(1 / ratio.high)
    assert turned.high == pytest.approx(1 / ratio.low)
    moved = gating.interval([log + shift for log in given_logs], error=0.01)
    assert moved.low == pytest.approx(ratio.low * math.exp(shift))
    assert moved.high == pytest.approx(ratio.high * math.exp(shift))
    stricter = gating.interval(given_logs, error=0.001)
    assert stricter.low <= ratio.low
    assert stricter.high >= ratio.high


def test_one_process_alone_says_nothing():
    assert gating.interval([0.1], error=0.01) == Interval(math.exp(0.1), 0.0, math.inf)


def test_a_unit_is_the_median_of_its_rounds():
    """One round in which the machine did something else is no evidence."""
    times = Paired((1.0, 2.0, 1.0, 1.0), (1.1, 2.2, 50.0, 1.1))
    assert gating.observation(times) == pytest.approx(math.log(1.1))


def test_scatter_beyond_a_float_is_unbounded():
    """As of a machine on which so much else runs that a process stood still for minutes."""
    found = gating.interval((0.0, 40.0, -40.0, 300.0), error=0.001)
    assert (found.low, found.high) == (0.0, math.inf)
    assert gating.verdict_of(found, GateRules()) == "inconclusive"


@pytest.mark.parametrize("role", ["screen", "confirm"])
@pytest.mark.parametrize("off", [1.5, 1 / 1.5])
def test_one_odd_process_decides_nothing(role, off):
    rng = np.random.default_rng(3)
    steady = 0.003 * rng.standard_normal(9)
    slowed = math.log(1.06) + 0.003 * rng.standard_normal(9)
    judge = gating.screening_findings if role == "screen" else gating.confirming_findings
    for logs, wanted in ((steady, ("same", "inconclusive")), (slowed, ("slower", "inconclusive"))):
        logs[4] += math.log(off)
        (found,) = judge(units(logs, role=role), RULES)
        assert found.verdict in wanted
        assert found.ratio.value == pytest.approx(math.exp(np.median(logs)), rel=0.01)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.04, 1.08, "slower"),
        (1.001, 1.08, "slower"),
        (1.031, 1.032, "slower"),
        # Surely slower, but surely by less than matters.
        (1.001, 1.029, "same"),
        (0.99, 1.01, "same"),
        (0.98, 0.999, "same"),
        (0.99, 1.04, "inconclusive"),
        (0.80, 1.30, "inconclusive"),
        (0.0, math.inf, "inconclusive"),
        (0.96, 1.02, "no slower"),
        (0.96, 0.99, "faster"),
        (0.5, 0.6, "faster"),
    ],
)
def test_the_verdict_of_an_interval(low, high, verdict):
    assert gating.verdict_of(Interval(math.sqrt(low * high), low, high), RULES) == verdict
    assert verdict in gating.VERDICTS


def test_it_is_looked_at_few_times():
    assert list(itertools.islice(gating.looks(), 6)) == [4, 6, 9, 13, 18, 25]


def test_between_two_looks_nothing_is_decided_anew():
    logs = [0.001, -0.001, 0.002, -0.002, 0.3]
    (before,) = gating.screening_findings(units(logs[:4]), RULES)
    (between,) = gating.screening_findings(units(logs), RULES)
    assert before == between
    (early,) = gating.screening_findings(units(logs[:3]), RULES)
    assert (early.verdict, early.units) == ("inconclusive", 3)


@pytest.mark.parametrize(("count", "part"), [(4, 2), (6, 4), (9, 8), (13, 16)])
def test_each_look_has_its_share_of_the_error(count, part):
    """They add up to less than the whole: 1/2, 1/4, 1/8, and so on."""
    logs = list(0.01 * np.random.default_rng(count).standard_normal(count))
    (found,) = gating.screening_findings(units(logs), RULES)
    assert bounds(found) == bounds_of(logs, RULES.miss / part)


def test_suspects_divide_the_chance_of_a_false_alarm():
    logs = [0.05, 0.06, 0.055, 0.052]
    (alone,) = gating.confirming_findings(units(logs, role="confirm"), RULES)
    five = [unit for name in "abcde" for unit in units(logs, name, "confirm")]
    among = gating.confirming_findings(five, RULES)
    assert all(bounds(found) == bounds_of(logs, RULES.alpha / 5 / 2) for found in among)
    assert bounds(alone) == bounds_of(logs, RULES.alpha / 2)
    assert among[0].ratio.low < alone.ratio.low


def test_a_flag_alone_is_not_believed():
    suspected = units([0.2, 0.21, 0.2, 0.21])
    assert verdicts(gating.screening_findings(suspected, RULES)) == {"cpp": "slower"}
    assert verdicts(gating.findings(suspected, RULES)) == {"cpp": "inconclusive"}


@pytest.mark.parametrize(
    ("logs", "verdict"),
    [
        ([0.2, 0.21, 0.2, 0.21], "slower"),
        ([0.0, 0.001, 0.0, -0.001], "same"),
        ([0.0, 0.1, 0.0, -0.1], "inconclusive"),
        ([0.2], "inconclusive"),
    ],
)
@pytest.mark.parametrize("method", ["twins", "pairs"])
def test_fresh_processes_have_the_last_word(logs, verdict, method):
    taken = units([0.2, 0.21, 0.2, 0.21], method=method)
    taken += units(logs, role="confirm", method=method)
    if method == "twins":
        taken += units([0.2, 0.21, 0.2, 0.21], role="verify")
    (found,) = gating.findings(taken, RULES)
    assert (found.verdict, found.role, found.units) == (verdict, "confirm", len(logs))


@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        # They agree; they see too little to say anything; there are too few of them.
        ([0.2, 0.21, 0.2, 0.21], "slower"),
        ([0.3, -0.1, 0.2, 0.1], "slower"),
        ([0.2, 0.21, 0.2], "inconclusive"),
        ([], "inconclusive"),
        # In processes of their own the versions are alike, or the head is the faster one.
        ([0.0, 0.01, 0.0, 0.01], "inconclusive"),
        ([-0.2, -0.21, -0.2, -0.21], "inconclusive"),
    ],
)
def test_fresh_pairs_may_refute_a_confirmed_contender(pairs, verdict):
    taken = units([0.2, 0.21, 0.2, 0.21]) + units([0.2, 0.21, 0.2, 0.21], role="confirm")
    assert gating.confirmed_twins(taken, RULES) == {(ON.key, "cpp")}
    (found,) = gating.findings(taken + units(pairs, role="verify"), RULES)
    assert (found.verdict, found.role, found.method) == (verdict, "confirm", "twins")


def test_only_confirmed_twins_are_verified_in_pairs():
    steady = units([0.0, 0.001, 0.0, 0.001]) + units([0.0, 0.001, 0.0, 0.001], role="confirm")
    assert not gating.confirmed_twins(steady, RULES)
    found = units([0.2, 0.21, 0.2, 0.21], role="confirm", method="pairs")
    assert not gating.confirmed_twins(units([0.2, 0.21, 0.2, 0.21], method="pairs") + found, RULES)


def test_cases_of_one_contender_have_verdicts_of_their_own():
    other = case(shape="large")
    taken = units([0.0, 0.001, 0.0, 0.001]) + units([0.5, 0.5, 0.5, 0.51], on=other)
    found = {f.case: f.verdict for f in gating.screening_findings(taken, RULES)}
    assert found == {ON: "same", other: "slower"}


@pytest.mark.parametrize(
    ("logs", "void"),
    [
        ([0.05, 0.051, 0.05, 0.051], True),
        ([-0.05, -0.051, -0.05, -0.051], True),
        ([0.001, -0.001, 0.001, -0.001], False),
        ([0.1, -0.1, 0.1, -0.1], False),
        ([0.3], False),
    ],
)
def test_a_base_that_differs_from_itself_voids_everything(logs, void):
    taken = units([0.0, 0.001, 0.0, 0.001]) + units(logs, "anchor", "null")
    assert gating.is_void(gating.control_findings(taken, RULES)) is void
    assert [found.contender for found in gating.findings(taken, RULES)] == ["cpp"]
