"""Sessions of a gate that are resampled from units, by the functions that decide real ones."""

import dataclasses
import itertools
import math
import random

import pytest
from scipy import stats

from opbench.results.errors import RunFolderError
from opbench.results.records import Calibration, Case, GateRules, Paired, Power, Unit
from opbench.results.records.machine import Machine
from opbench.results.records.machine_cache import CALIBRATIONS
from opbench.results.regression import calibration, resampling, verdicts
from opbench.results.report import machine

RULES = GateRules()
CASES = tuple(Case(op=f"op{n}", shape="base", axes=(("N", n),), inputs="normal") for n in range(25))
#: Standard deviation between units.
SPREAD = {"twins": 0.005, "pairs": 0.008}


def units(method, role, share, *, number, rng, cases=CASES):
    """A unit of each case, whose head is slower by that share."""
    for case in cases:
        ratio = (1 + share) * math.exp(rng.gauss(0, SPREAD[method]))
        yield Unit(
            contender="cpp",
            case=case,
            method=method,
            role=role,
            number=number,
            times=Paired((1e-5,), (1e-5 * ratio,)),
            injected=share,
        )


def recording(*, shares=(0.03,), twins=40, pairs=20, seed=0):
    """Units of a machine on which the slowdowns are as large as was asked."""
    rng = random.Random(seed)
    for share in (0.0, *shares):
        for number in range(twins):
            yield from units("twins", "screen", share, number=number, rng=rng)
        for number in range(pairs):
            yield from units("pairs", "verify", share, number=number, rng=rng)
    for number in range(twins):
        yield from units("twins", "null", 0.0, number=number, rng=rng, cases=CASES[:5])


@pytest.fixture(scope="module")
def replicates():
    return resampling.replicates_of(recording(shares=(0.01, 0.03)))


def test_unchanged_sessions_pass_and_slowdowns_that_matter_are_found(replicates):
    assert resampling.simulate_unchanged(replicates, RULES, sessions=40) == {"passed": 40}
    # One is found surely less than 3%: that may happen as often as a slowdown may be missed.
    assert resampling.simulate_slowed(replicates, RULES, 0.03, sessions=25) == {
        "found": 24,
        "passed": 1,
    }
    # That is surely slower, but by less than matters.
    assert resampling.simulate_slowed(replicates, RULES, 0.01, sessions=25)["found"] == 0


def test_a_session_fails_for_the_one_that_is_slower(replicates):
    target = (CASES[7].key, "cpp")
    session = resampling.simulate(replicates, RULES, random.Random(1), {target: 0.03})
    assert (session.failures, session.outcome) == ((target,), "failed")
    assert len(session.findings) == len(CASES)
    # Four processes at least to screen, four to confirm, and four fresh pairs.
    assert session.processes >= 2 * verdicts.FIRST_LOOK + verdicts.PAIRS


def test_where_the_base_differs_from_itself_the_session_is_void():
    rng = random.Random(0)
    bent = (
        dataclasses.replace(u, times=Paired((1.0,), (1.1 * u.times.head_s[0] / 1e-5,)))
        for number in range(40)
        for u in units("twins", "null", 0.0, number=number, rng=rng, cases=CASES[:1])
    )
    kept = (u for u in recording() if u.role != "null")
    replicates = resampling.replicates_of(itertools.chain(kept, bent))
    assert resampling.simulate_unchanged(replicates, RULES, sessions=5) == {"void": 5}
    assert resampling.simulate_slowed(replicates, RULES, 0.03, sessions=5)["found"] == 0


def test_a_recording_that_is_used_up_leaves_the_rest_undecided():
    few = resampling.replicates_of(recording(twins=3, pairs=3))
    session = resampling.simulate(few, RULES, random.Random(0), {})
    assert (session.outcome, session.processes) == ("inconclusive", 3)


def test_a_kind_that_was_not_recorded_is_an_error():
    twins = resampling.replicates_of(u for u in recording(twins=4, pairs=4) if u.method == "twins")
    with pytest.raises(RunFolderError, match="no pairs were recorded with 0% injected"):
        resampling.simulate_unchanged(twins, RULES, sessions=1)
    replicates = resampling.replicates_of(recording(twins=4, pairs=4))
    with pytest.raises(RunFolderError, match="no twins were recorded with 5% injected"):
        resampling.simulate_slowed(replicates, RULES, 0.05, sessions=1)


def test_a_unit_that_was_recorded_for_longer_stands_for_the_beginning_of_it():
    head = (1.0,) * 3 + (1.2,) * 7
    unit = Unit(
        contender="cpp",
        case=CASES[0],
        method="twins",
        role="screen",
        number=0,
        times=Paired((1.0,) * 10, head),
    )
    (process,) = resampling.replicates_of([unit]).of("twins", "screen")
    (replicate,) = process.values()
    for seconds, ratio in ((verdicts.FIRST_S, 1.0), (verdicts.SUSPECT_S, 1.2), (3.0, 1.2)):
        after = replicate.after(seconds)
        assert math.exp(verdicts.observation(after.times)) == pytest.approx(ratio)
        assert dataclasses.replace(after, times=unit.times) == unit


def test_spread_between_units_and_measured_slowdown(replicates):
    assert replicates.slowdowns == (0.01, 0.03)
    for method, usual in SPREAD.items():
        spread = resampling.spread(replicates, method)
        assert set(spread) == {(case.key, "cpp") for case in CASES}
        assert sum(spread.values()) / len(spread) == pytest.approx(usual, rel=0.15)
    assert set(resampling.measured_slowdown(replicates, 0.03)) == set(replicates.subjects())
    assert list(resampling.measured_slowdown(replicates, 0.03).values()) == pytest.approx(
        [0.03] * 25, abs=0.003
    )


@pytest.mark.parametrize(("count", "trials"), [(0, 80), (1, 80), (57, 60), (60, 60)])
def test_the_interval_of_a_rate_is_clopper_and_pearsons(count, trials):
    expected = stats.binomtest(count, trials).proportion_ci(method="exact")
    found = resampling.rate(count, trials)
    assert found.value == count / trials
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_sessions_grow_the_time_of_a_process_at_each_look():
    turns = list(itertools.islice(verdicts.screening_turns([], RULES), 10))
    looks = list(itertools.islice(verdicts.looks(), 3))
    assert looks == [4, 6, 9]
    seconds = [0.3] * 4 + [0.45] * 2 + [0.675] * 3 + [1.0125]
    assert [turn.seconds for turn in turns] == pytest.approx(seconds)
    assert [turn.number for turn in turns if turn.may_end] == list(range(4, 10))


def test_a_calibration_is_derived_cached_and_found_again(replicates, tmp_path):
    made = calibration.calibration_of(
        replicates,
        RULES,
        machine=Machine("key", "cpu", 2),
        created="2026-01-01",
        sessions=10,
        slowed_sessions=8,
    )
    assert (made.failed, made.subjects, made.sessions) == (0, 25, 10)
    assert made.powers == (Power(0.01, 0, 8), Power(0.03, 7, 8))
    assert [method for method, _ in made.spreads] == ["twins", "pairs"]

    CALIBRATIONS.save(made, root=tmp_path)
    assert CALIBRATIONS.find(Machine("key", "cpu", 2), root=tmp_path) == made
    assert CALIBRATIONS.find(Machine("key", "cpu", 1), root=tmp_path) is None
    (path,) = tmp_path.iterdir()
    path.write_text("{}")
    assert CALIBRATIONS.find(Machine("key", "cpu", 2), root=tmp_path) is None


def test_the_table_of_a_calibration_has_intervals():
    made = Calibration(
        environment_key="key",
        device="cpu",
        threads=1,
        created="2026-01-01",
        rules=RULES,
        subjects=28,
        sessions=80,
        failed=0,
        void=1,
        inconclusive=2,
        powers=(Power(0.03, 59, 60),),
        spreads=(("twins", 0.004), ("pairs", 0.009)),
    )
    table = machine.calibration_table(made)
    assert table.rows == (
        ("nothing", "0", "80", "0.0% to 4.5%"),
        ("3.0% in one", "59", "60", "91.1% to 100.0%"),
    )
    assert "28 contenders and cases on cpu, 1 thread, resampled" in table.title
    assert (
        "0.40% for twins, 0.90% for pairs; of the unchanged 1 void, 2 inconclusive" in table.title
    )
