"""Explaining in real worker processes: what one pass can't give, the others still do."""

from __future__ import annotations

import pytest

from opbench.harness.catalog import load
from opbench.harness.execution.process import Limits
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.pipeline.explain import POLICY, explain
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Selection
from opbench.harness.timing.stopping import Policy
from opbench.results.records import Explanation, Record, Wrong
from opbench.results.records.run_folder import create
from tests.places import ROOT
from tests.results.examples import info

FILE = str(ROOT / "tests" / "loaded" / "explained.py")


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Explains two contenders of the loaded op; all of them in one worker, as long as it lives."""
    catalog = load(FILE, entry_points=False)
    folder = create(tmp_path_factory.mktemp("runs"), info())
    with Supervisor((FILE,), limits=Limits(timeout_s=60.0)) as supervisor:

        def explained(*names, passes=("tensors", "operators", "page faults")):
            selection = Selection(names=("doubled",), impls=names, threads=1)
            (race, *_) = plan(catalog, selection)
            policy = Policy(rules=POLICY.rules, budget_s=0.3, takes_peak=False)
            return explain(
                catalog, race, folder, supervisor=supervisor, policy=policy, passes=passes
            )

        yield explained


def test_evidence_of_both_is_kept_whatever_the_race_says(ask):
    found = ask("plain", "copying")

    assert isinstance(found, Explanation)
    by_name = {one.contender: one for one in (found.slower, found.faster)}
    clones = [use for use in by_name["copying"].operators if use.name == "aten::clone"]
    assert sum(use.calls for use in clones) == 2
    assert dict(by_name["plain"].figures)["traffic_bytes"] == 2 * 300_000 * 4
    assert dict(by_name["plain"].figures)["compulsory_bytes"] == 2 * 300_000 * 4


def test_a_contender_that_dies_in_a_pass_keeps_its_other_evidence(ask):
    found = ask("dies_when_watched", "plain")

    assert isinstance(found, Explanation)
    by_name = {one.contender: one for one in (found.slower, found.faster)}
    missing = dict(by_name["dies_when_watched"].missing)
    assert missing["tensors"] == "it exited with code 7"
    names = [use.name for use in by_name["dies_when_watched"].operators]
    assert "aten::clone" in names
    assert "tensors" not in dict(by_name["plain"].missing)


def test_a_wrong_contender_is_not_explained(ask):
    records = ask("plain", "wrong", passes=())

    assert all(isinstance(record, Record) for record in records)
    assert [r.contender for r in records if isinstance(r.outcome, Wrong)] == ["wrong"]
