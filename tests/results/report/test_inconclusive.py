"""Why a finding is inconclusive: every way that a session may end without a verdict."""

from __future__ import annotations

import pytest

from opbench.results.records import Gate, GateRules, run_folder
from opbench.results.regression.report import report_of
from opbench.results.report.inconclusive import why_inconclusive
from tests.results.examples import case, info
from tests.results.gates import BASE, HEAD, units


@pytest.fixture
def reason(tmp_path):
    """The reason that a gate with some units gives for its only contender."""

    def of(*groups, rules=None):
        folder = run_folder.create(tmp_path, info())
        folder.append(Gate(base=BASE, head=HEAD, method="twins", rules=rules or GateRules()))
        folder.append(*(unit for group in groups for unit in group))
        report = report_of(folder)
        (finding,) = report.findings
        return why_inconclusive(finding, report)

    return of


def test_a_decided_finding_needs_no_reason(reason):
    assert reason(units("steady", case(), 1.0)) == ""


def test_too_few_processes(reason):
    assert "only 2 of the 4" in reason(units("short", case(), 1.0, number=2))


def test_an_interval_that_is_too_wide_says_what_would_have_been_shown(reason):
    text = reason(units("unsteady", case(), 1.02, spread=0.1))

    assert "holds both 1 and a slowdown of 3%" in text
    assert "show slowdowns from" in text


def test_a_suspect_that_nobody_timed_again(reason):
    assert "not timed again" in reason(units("copies", case(), 1.3))


def test_a_suspect_that_fresh_processes_do_not_bear_out(reason):
    screened = units("copies", case(), 1.3)

    text = reason(screened, units("copies", case(), 1.02, role="confirm", spread=0.1))

    assert "of the fresh processes" in text


def test_twins_that_pairs_refute(reason):
    twins = [units("copies", case(), 1.3, role=role) for role in ("screen", "confirm")]

    assert "refuted" in reason(*twins, units("copies", case(), 1.0, role="verify"))


def test_twins_without_enough_pairs(reason):
    twins = [units("copies", case(), 1.3, role=role) for role in ("screen", "confirm")]

    assert "only 0 of 4 fresh pairs" in reason(*twins)


def test_processes_that_scatter_beyond_measure(reason):
    strict = GateRules(miss=1e-12)

    assert "nothing can be shown" in reason(
        units("wild", case(), 1.0, number=4, spread=2.0), rules=strict
    )
