"""The machine's anchors: timed once at the beginning of every run, ranked nowhere."""

import json

import pytest

import opbench
from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.pipeline import anchors
from opbench.results.records import Measured
from opbench.results.records.anchors import ANCHORS, anchor_times, is_anchor, without_anchors
from opbench.results.records.run_folder import open_run
from tests.harness.runs import MINE

BRIEF = ["--budget", "0.1", "--threads", "1", "--in-process"]


@pytest.fixture(scope="module")
def run_path(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    words = ["run", "row_sum", "-k", "small", "--impl", "summed", *MINE, *BRIEF]
    assert main([*words, "--out", str(root), "--id", "one"]) == Exit.OK
    return root / "one"


def test_a_run_times_them_first(run_path):
    records = open_run(run_path).records()

    assert tuple(record.case.op for record in records[:3]) == ANCHORS
    assert all(isinstance(record.outcome, Measured) for record in records)
    assert {(r.case.device, r.case.threads) for r in records} == {("cpu", 1)}
    assert [record.contender for record in without_anchors(records)] == ["summed"]
    anchors = anchor_times(records)["cpu", 1]
    assert anchors.time_s("anchor_dispatch") < anchors.time_s("anchor_arithmetic") < 1


@pytest.mark.parametrize(("budget", "spent_s"), [("0.1", 0.1), ("3s", 0.4)])
def test_a_short_run_spends_little_on_them(here, monkeypatch, budget, spent_s):
    given = []

    def run(catalog, races, folder, *, policy, supervisor, spot_check):
        assert not spot_check
        given.append(policy.budget_s)

    monkeypatch.setattr(anchors, "run", run)
    words = ["run", "row_sum", "--impl", "elsewhere", *MINE, "--threads", "1", "--in-process"]
    assert main([*words, "--budget", budget]) == Exit.NOTHING
    assert given == [spent_s]


def test_a_resumed_run_has_them_already(run_path, tmp_path):
    def lines():
        return [record for record in open_run(run_path).lines() if hasattr(record, "outcome")]

    before = sum(map(is_anchor, lines()))
    assert main(["run", "--resume", str(run_path), "--in-process"]) == Exit.OK
    assert sum(map(is_anchor, lines())) == before == 3


def test_they_are_shown_in_a_line_and_on_no_board(run_path, capsys):
    assert main(["show", str(run_path)]) == Exit.OK
    text = capsys.readouterr().out
    assert "anchors on cpu, 1 thread: memory " in text
    assert "anchor_" not in text

    assert main(["show", str(run_path), "--json"]) == Exit.OK
    (board,) = json.loads(capsys.readouterr().out)["boards"]
    assert board["case"]["op"] == "row_sum"


def test_the_catalogue_has_them_only_where_they_are_loaded():
    assert not set(ANCHORS) & set(opbench.load().ops)
    assert set(anchors.catalog().ops) == set(ANCHORS)


def test_a_worker_times_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["run", "row_sum", "-k", "small", "--impl", "summed", *MINE, "--budget", "0.1"]
    assert main([*words, "--threads", "1", "--id", "one"]) == Exit.OK
    found = open_run(tmp_path / "runs" / "one").records()
    assert anchor_times(found).keys() == {("cpu", 1)}
