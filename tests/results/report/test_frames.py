"""Runs as tables: of races, of gates, with what the leaderboard says."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from opbench.results import read
from opbench.results.errors import NothingRecordedError
from opbench.results.ranking.leaderboard import boards_of
from opbench.results.records import Record, Unsupported, run_folder
from opbench.results.records.anchors import ANCHORS
from opbench.results.report import frames
from opbench.results.statistics.intervals import median
from tests.results.examples import case, info, make_run, profile, record, records
from tests.results.gates import CHANGES, make_gate


@pytest.fixture
def run(tmp_path):
    return run_folder.create(tmp_path, info())


def test_read_by_job(tmp_path):
    frame = frames.read(make_run(tmp_path).path)

    assert len(frame) == len(records())
    assert set(frame["outcome"]) == {"Measured", "Wrong", "Unsupported", "Failed"}
    assert str(frame["axis_B"].dtype) == "int64"
    assert str(frame["calls"].dtype) == "Int64"
    assert {"op", "shape", "direction", "axis_order", "reason", "peak_bytes"} <= set(frame.columns)
    assert not {"samples_s", "rounds"} & set(frame.columns)
    first = records()[0]
    assert frame["median_s"][0] == median(first.outcome.samples_s)
    failed = frame[frame["outcome"] == "Failed"].iloc[0]
    assert failed["reason"].startswith("ran out of memory")


def test_read_by_sample(tmp_path):
    frame = frames.read(make_run(tmp_path).path, by="sample")

    timed = [r.outcome for r in records() if isinstance(r, Record) and hasattr(r.outcome, "rounds")]
    assert len(frame) == sum(len(outcome.samples_s) for outcome in timed)
    assert frame["time_s"].tolist()[:40] == list(timed[0].samples_s)
    assert frame["round"].tolist()[:40] == list(timed[0].rounds)
    assert "median_s" not in frame.columns
    assert {"verdict", "ratio", "low", "high"} <= set(frame.columns)


def test_read_by_sample_where_nothing_was_measured(run):
    run.append(record(outcome=Unsupported("no")))

    assert frames.read(run.path, by="sample").empty


def test_read_by_something_else(run):
    with pytest.raises(ValueError, match="by='week' is not one of job, sample"):
        frames.read(run.path, by="week")


def test_a_run_without_lines_is_an_empty_frame(run):
    assert frames.read(run.path).empty
    assert frames.read(run.path, by="sample").empty


def test_rows_carry_the_verdicts_of_the_leaderboard(tmp_path):
    run = make_run(tmp_path)
    frame = read(run.path).set_index(["op", "shape", "direction", "dtype", "contender"])

    for board in boards_of(run):
        of, case = board.case.op, board.case
        for row in board.rows:
            found = frame.loc[(of, case.shape, case.direction, case.dtype, row.contender)]
            assert found["verdict"] == row.verdict
            if row.ratio is None:
                assert math.isnan(found["ratio"])
                continue
            ratio = (row.ratio.value, row.ratio.low, row.ratio.high)
            assert (found["ratio"], found["low"], found["high"]) == ratio


def test_anchors_are_marked_and_have_no_verdict(run):
    run.append(record("anchor", on=case(ANCHORS[0])), record("mine"))
    frame = read(run.path)

    assert frame["anchor"].tolist() == [True, False]
    assert frame["verdict"].isna().tolist() == [True, False]


def test_a_gate_has_a_row_per_finding_and_per_round(tmp_path):
    run = make_gate(tmp_path)
    frame = read(run.path).set_index("contender")

    assert set(frame.index) == {*CHANGES, "unsteady", "fresh"}
    assert frame.loc["copies", "verdict"] == "slower"
    assert frame.loc["copies", "low"] < 1.25 < frame.loc["copies", "high"]
    assert frame.loc["fresh", "verdict"] == "new"
    assert "no such contender" in frame.loc["fresh", "reason"]
    units = read(run.path, by="sample")
    of_copies = units[(units["contender"] == "copies") & (units["role"] == "screen")]
    assert len(of_copies) == 9
    assert (of_copies["head_s"] / of_copies["base_s"]).median() == pytest.approx(1.25, rel=0.01)


def test_a_file_has_at_least_one_row(run):
    for by in ("job", "sample"):
        with pytest.raises(NothingRecordedError, match=r"in .*example; name another run"):
            frames.read_some(run.path, by=by)
    run.append(profile())
    with pytest.raises(NothingRecordedError, match="it is a profile: use --format markdown"):
        frames.read_some(run.path, by="job")


def test_it_is_imported_when_it_is_used():
    code = (
        "import sys; from opbench import results; print('pandas' in sys.modules, results.__all__)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False ['read']"
