"""What two runs made at different times may claim, with changes and machines that are known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opbench.results.errors import EnvironmentsDifferError
from opbench.results.records import (
    Environment,
    Failed,
    GateRules,
    Measured,
    Unsupported,
    run_folder,
)
from opbench.results.records.anchors import ANCHORS
from opbench.results.regression.process_effects import process_estimates
from opbench.results.regression.two_runs import compare, ensure_comparable
from opbench.results.report.two_runs import headline, tables
from tests.results.examples import ENVIRONMENT, case, info, measured, record

NAMES = tuple("abcdef")


def timed(time_s, rng, *, processes=1, noise=0.005, luck=0.01, rounds=20):
    """A contender in so many processes, each with its luck."""
    samples, units = [], []
    for unit in range(processes):
        own = math.exp(rng.normal(0, luck))
        samples += [time_s * own * math.exp(rng.normal(0, noise)) for _ in range(rounds)]
        units += [unit] * rounds
    return Measured(
        samples_s=tuple(samples),
        rounds=tuple(range(rounds)) * processes,
        calls=5,
        preparation_s=0.01,
        error=0.1,
        flops=1_000_000,
        bytes=1_000_000,
        stopped="decided",
        units=tuple(units) if processes > 1 else (),
    )


def case_of(number):
    return case(shape=f"shape{number}")


def run_of(
    root, name, *, changes=None, cases=3, names=NAMES, drift=1.0, sources=None, seed=0, **how
):
    """A run of contenders that take 1, 2, 3 … 100 µs, each `changes` times as long as that.

    drift: of the machine, a number or one for each case.
    """
    rng = np.random.default_rng(seed)
    folder = run_folder.create(root, info(name))
    lines = []
    for number in range(cases):
        slow = drift[number] if isinstance(drift, tuple) else drift
        for position, contender in enumerate(names, start=1):
            factor = (changes or {}).get((number, contender), 1.0)
            outcome = timed(position * 1e-4 * slow * factor, rng, **how)
            source = (sources or {}).get(contender, "f00d")
            lines.append(record(contender, outcome, case_of(number), fingerprint=source))
    text = "".join(run_folder.codec.dumps(line) + "\n" for line in lines)
    (folder.path / "records.jsonl").write_text(text, encoding="utf-8")
    return folder


def add_anchors(folder, factor=1.0):
    for name, slow in zip(ANCHORS, (0.98, 1.0, 1.02), strict=True):
        folder.append(record("it", measured(1e-5 * factor * slow), case(name, "one")))


def verdicts(comparison):
    return {
        (c.finding.case.shape, c.finding.contender): c.finding.verdict for c in comparison.findings
    }


def slower(comparison):
    return {key for key, verdict in verdicts(comparison).items() if verdict == "slower"}


@settings(deadline=None, max_examples=25)
@given(
    drift=st.tuples(*[st.floats(0.3, 3.0)] * 3),
    seed=st.integers(0, 10_000),
    cases=st.integers(1, 3),
)
def test_a_machine_that_drifts_makes_no_contender_slower(tmp_path_factory, drift, seed, cases):
    root = tmp_path_factory.mktemp("runs")
    base = run_of(root, "base", cases=cases, seed=seed)
    head = run_of(root, "head", cases=cases, seed=seed + 1, drift=drift)
    found = compare(base, head)
    assert set(verdicts(found).values()) == {"inconclusive"}
    assert math.isclose(found.machine.low, min(drift[:cases]), rel_tol=0.05)
    assert math.isclose(found.machine.high, max(drift[:cases]), rel_tol=0.05)
    # Several processes tell more, and still not that the machine's change was anybody's.
    base = run_of(root, "base5", cases=cases, seed=seed, processes=5)
    head = run_of(root, "head5", cases=cases, seed=seed + 1, drift=drift, processes=5)
    assert set(verdicts(compare(base, head)).values()) <= {"inconclusive", "same"}


def test_one_of_many_that_is_half_as_slow_again_is_found(tmp_path):
    base = run_of(tmp_path, "base")
    head = run_of(tmp_path, "head", seed=1, drift=(1.7, 0.8, 1.2), changes={(1, "c"): 1.5})
    found = compare(base, head)
    assert slower(found) == {("shape1", "c")}
    (compared,) = [c for c in found.findings if c.finding.verdict == "slower"]
    assert compared.finding.ratio.value == pytest.approx(1.5, rel=0.05)
    assert compared.measured == pytest.approx(1.5 * 0.8, rel=0.05)
    assert (compared.source, compared.of_race, compared.others) == ("same", True, 5)


def test_one_process_claims_no_small_slowdown(tmp_path):
    base = run_of(tmp_path, "base", luck=0.0, noise=0.001)
    head = run_of(tmp_path, "head", seed=1, luck=0.0, noise=0.001, changes={(1, "c"): 1.05})
    found = compare(base, head)
    assert set(verdicts(found).values()) == {"inconclusive"}
    assert min(c.finding.detectable for c in found.findings) == pytest.approx(0.3)
    # Nor that nothing is slower, unless only what is larger matters.
    tolerant = compare(base, head, GateRules(min_slowdown=0.5))
    assert set(verdicts(tolerant).values()) == {"same"}


def test_several_processes_claim_more_and_less_where_they_scatter(tmp_path):
    quiet = run_of(tmp_path, "quiet", processes=8)
    slow = run_of(tmp_path, "slow", seed=1, processes=8, changes={(1, "c"): 1.2})
    found = compare(quiet, slow)
    assert slower(found) == {("shape1", "c")}
    assert {c.finding.units for c in found.findings} == {8}
    restless = run_of(tmp_path, "restless", seed=2, processes=8, luck=0.15, changes={(1, "c"): 1.2})
    assert slower(compare(quiet, restless)) == set()


def test_a_whole_process_that_was_slow_for_all_is_no_spread():
    rng = np.random.default_rng(0)
    outcomes = [timed(1e-4, rng, processes=4, luck=0.0) for _ in NAMES]
    hit = [
        dataclasses.replace(
            o,
            samples_s=tuple(
                s * (2 if u == 2 else 1) for s, u in zip(o.samples_s, o.units, strict=True)
            ),
        )
        for o in outcomes
    ]
    found = process_estimates([record(n, o) for n, o in zip(NAMES, hit, strict=True)])
    assert all(np.ptp(level.logs) < 0.02 for level in found.values())
    # Nobody beside it tells whether one of two is slow or the machine is.
    pair = process_estimates([record(n, o) for n, o in zip("ab", hit, strict=False)])
    assert all(np.ptp(level.logs) > 0.6 for level in pair.values())


def test_a_contender_that_left_early_is_judged_by_its_own_rounds():
    slowing = np.exp(np.linspace(0, 1, 40))
    stays = measured()
    stays = dataclasses.replace(stays, samples_s=tuple((1e-4 * slowing).tolist()))
    leaves = dataclasses.replace(
        stays, samples_s=tuple((2e-4 * slowing[:10]).tolist()), rounds=tuple(range(10))
    )
    found = process_estimates([record("stays", stays), record("leaves", leaves)])
    assert found[case(), "leaves"].log - found[case(), "stays"].log == pytest.approx(math.log(2))


def test_drift_is_not_estimated_from_changed_sources(tmp_path):
    changed = dict.fromkeys("abcd", "beef")
    base = run_of(tmp_path, "base", names=tuple("abcdefgh"))
    factors = {(n, c): 1.6 for n in range(3) for c in "abcd"}
    head = run_of(
        tmp_path, "head", names=tuple("abcdefgh"), seed=1, changes=factors, sources=changed
    )
    found = compare(base, head)
    assert {name for _, name in slower(found)} == set("abcd")
    assert {c.source for c in found.findings if c.finding.verdict == "slower"} == {"changed"}
    assert found.machine.value == pytest.approx(1, rel=0.05)


def test_where_drift_scatters_nothing_is_shown(tmp_path):
    wild = {(n, c): 3.0**k for n in range(3) for k, c in enumerate("abcdef", start=-3)}
    base = run_of(tmp_path, "base")
    found = compare(base, run_of(tmp_path, "head", seed=1, changes=wild))
    assert set(verdicts(found).values()) == {"inconclusive"}
    assert all(c.finding.ratio.high == math.inf for c in found.findings)
    assert "of 18 nothing can be shown" in headline(found)


def test_the_drift_of_a_lone_contender_is_from_other_cases_and_anchors(tmp_path):
    def lone(name, factor, **how):
        folder = run_of(tmp_path, name, names=("a",), cases=1, **how)
        add_anchors(folder, factor)
        return folder

    base = lone("base", 1.0)
    same = compare(base, lone("slow_machine", 2.0, drift=2.0))
    (compared,) = same.findings
    assert (compared.of_race, compared.others) == (False, 3)
    assert compared.finding.verdict == "inconclusive"
    assert compared.finding.ratio.value == pytest.approx(1, rel=0.1)
    assert [round(value, 1) for _, value in same.anchors] == [2.0, 2.0, 2.0]
    thrice = lone("slow_contender", 1.0, changes={(0, "a"): 3.0})
    assert slower(compare(base, thrice)) == {("shape0", "a")}

    bare = run_of(tmp_path, "bare", names=("a",), cases=1, changes={(0, "a"): 3.0})
    (compared,) = compare(base, bare).findings
    assert (compared.finding.verdict, compared.others) == ("inconclusive", 0)


def test_drift_is_not_estimated_from_contenders_timed_one_after_the_other(tmp_path):
    folders = []
    for name in ("base", "head"):
        folder = run_folder.create(tmp_path, info(name))
        for position, contender in enumerate(NAMES, start=1):
            alone = dataclasses.replace(measured(position * 1e-4), rounds=())
            folder.append(record(contender, alone))
        folders.append(folder)
    found = compare(*folders)
    assert {(c.of_race, c.finding.verdict) for c in found.findings} == {(False, "inconclusive")}


def test_new_vanished_and_broken_contenders_are_listed(tmp_path):
    base = run_of(tmp_path, "base", cases=2)
    head = run_of(tmp_path, "head", cases=1, names=tuple("bcdefg"))
    folder_case = case_of(0)
    head.append(record("b", Failed("measure", "SIGSEGV"), folder_case))
    for folder in (base, head):
        folder.append(record("triton", Unsupported("needs a GPU"), folder_case))
    found = compare(base, head)
    reported = {item.contender: item.status for item in found.uncompared}
    assert reported == {"a": "vanished", "b": "head", "g": "new", "triton": "both"}
    assert {key[0].shape for key in found.only_in_base} == {"shape1"}
    assert found.only_in_head == ()
    shown = [row[2] for row in tables(found)[1].rows]
    assert sorted(shown) == ["a", "b", "g"]
    assert "not compared: 1 head, 1 new, 1 vanished" in headline(found)
    assert "only in base: 1 case" in headline(found)


def test_a_selection_is_judged_by_all(tmp_path):
    base = run_of(tmp_path, "base")
    whole = compare(base, run_of(tmp_path, "head", seed=1, changes={(1, "c"): 1.6}))
    some = whole.only(lambda on, name: name == "c" and on.shape == "shape1")
    (compared,) = some.findings
    assert compared in whole.findings
    assert compared.finding.verdict == "slower"


def test_the_table_has_the_slowest_first_and_where_drift_is_from(tmp_path):
    base = run_of(tmp_path, "base", sources={"c": ""})
    head = run_of(
        tmp_path,
        "head",
        seed=1,
        changes={(1, "c"): 1.6, (2, "d"): 1.7},
        sources={"c": "", "d": "x"},
    )
    found = compare(base, head)
    (table,) = tables(found)
    assert table.title == "head against base, unpaired"
    assert table.columns[-2:] == ("source", "drift from")
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["verdict"] for row in rows[:3]] == ["slower", "slower", "inconclusive"]
    assert [row["source"] for row in rows[:2]] == ["unknown", "changed"]
    assert (rows[0]["units"], rows[0]["drift from"]) == ("1 unpaired", "4 of its race")
    assert "18 compared: 2 slower, 16 inconclusive" in headline(found)
    assert "race both with --processes 10" in headline(found)


def test_other_environments_are_refused(tmp_path):
    other = Environment("cpu-9", (("cpu", "Example | 2 cores"), ("torch", "2.14.0"), ("isa", "x")))
    with pytest.raises(EnvironmentsDifferError) as reported:
        ensure_comparable(ENVIRONMENT, other)
    assert "torch: 2.13.0 in base, 2.14.0 in head" in str(reported.value)
    assert "isa: unknown in base, x in head" in str(reported.value)
    assert "cpu:" not in str(reported.value)
    with pytest.raises(EnvironmentsDifferError, match="key: cpu-1234 in base, odd in head"):
        ensure_comparable(ENVIRONMENT, dataclasses.replace(ENVIRONMENT, key="odd"))
    head = run_folder.create(tmp_path, dataclasses.replace(info("head"), environment=other))
    with pytest.raises(EnvironmentsDifferError):
        compare(run_of(tmp_path, "base"), head)


def test_unknown_machines_get_a_warning(tmp_path, caplog):
    unknown = dataclasses.replace(ENVIRONMENT, stable=())
    runs = [
        run_folder.create(
            tmp_path, dataclasses.replace(info(name), environment=unknown), [record()]
        )
        for name in ("base", "head")
    ]
    compare(*runs)

    (message,) = caplog.messages
    assert "whether it was the same isn't known" in message
