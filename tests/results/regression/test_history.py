"""A folder of runs as a history: series, ratios to the anchors, changes, and what is left out."""

import json
import shutil
from dataclasses import replace

import pytest

from opbench.results.errors import RunFolderError
from opbench.results.formats import FORMATS
from opbench.results.formats.pytest_benchmark_import import read_benchmarks
from opbench.results.ranking.leaderboard import boards_of
from opbench.results.records import run_folder
from opbench.results.records.anchors import ARITHMETIC, DISPATCH, MEMORY, nearest_anchor
from opbench.results.regression.history import history, history_of
from opbench.results.report.history import COLUMNS, anchors_text, history_table, remarks, sparkline
from tests.results.examples import info, make_run, profile, record
from tests.results.gates import make_gate
from tests.results.histories import make_runs, noisy, timed


def test_a_slow_machine_is_no_change(tmp_path):
    slow = [1.0] * 12 + [1.6] * 12
    make_runs(tmp_path, {"index_add": noisy([1e-4] * 24)}, machine=slow)

    (series,) = history(tmp_path).series

    assert series.changes == ()
    assert series.ratio == pytest.approx(1, abs=0.05)
    assert series.points[-1].time_s / series.points[0].time_s == pytest.approx(1.6, rel=0.05)


def test_a_slow_contender_is_a_change_between_two_runs(tmp_path):
    times = {"index_add": noisy([1e-4] * 24), "einsum": noisy([1e-4] * 14 + [1.3e-4] * 10, seed=1)}
    make_runs(tmp_path, times, sources=["old"] * 14 + ["new"] * 10)

    found = {series.contender: series for series in history(tmp_path).series}

    assert found["index_add"].changes == ()
    (change,) = found["einsum"].changes
    assert (change.before.run, change.after.run) == ("run-013", "run-014")
    assert change.ratio == pytest.approx(1.3, rel=0.03)
    assert change.source
    assert not change.environment


def test_relative_is_the_time_over_the_anchor_of_its_kind(tmp_path):
    make_runs(tmp_path, {"index_add": [6e-6, None, 9e-6]})

    (series,) = history(tmp_path).series

    assert series.anchor == DISPATCH
    assert series.relative_times == pytest.approx((2.0, 3.0))
    assert [point.number for point in series.points] == [0, 2]
    assert series.points[1].created - series.points[0].created == 2 * 86400


@pytest.mark.parametrize(
    ("bytes", "flops", "anchor"),
    [
        (1000, 10, DISPATCH),
        (1000, 100_000, DISPATCH),
        (1 << 25, 1 << 23, MEMORY),
        (1 << 25, 1 << 30, ARITHMETIC),
        (1 << 18, 1 << 24, ARITHMETIC),
    ],
)
def test_which_anchor_is_nearest(bytes, flops, anchor):
    assert nearest_anchor(timed(1.0, bytes=bytes, flops=flops)) == anchor


def test_runs_without_anchors_are_reported_and_not_compared(tmp_path):
    make_runs(tmp_path, {"index_add": [6e-6, 6e-3, 9e-6]}, bare=(1,))

    found = history(tmp_path)

    (series,) = found.series
    assert found.without_anchors == ("run-001",)
    assert [point.relative for point in series.points] == pytest.approx([2.0, None, 3.0])
    (remark, _) = remarks(found)
    assert remark.startswith("runs without anchors: 1, the latest of them run-001")


def test_a_history_without_any_anchor(tmp_path):
    make_run(tmp_path)

    found = history(tmp_path)

    assert found.without_anchors == ("example",)
    assert all(series.ratio is None and series.changes == () for series in found.series)
    assert len(history_table(found).rows) == len(found.series) > 10
    (line,) = anchors_text(run_folder.open_run(tmp_path / "example").records())
    assert "none were timed" in line


def test_other_environments_are_left_out_by_default(tmp_path):
    keys = ["old"] * 13 + ["new"] * 13
    make_runs(tmp_path, {"cpp": noisy([1e-4] * 13 + [2e-4] * 13)}, environments=keys)

    near, everywhere = history(tmp_path), history(tmp_path, all_environments=True)

    assert len(near.runs) == len(near.other_environments) == len(near.series[0].points) == 13
    assert any("run-012" in remark for remark in remarks(near))
    assert everywhere.other_environments == ()
    (change,) = everywhere.series[0].changes
    assert change.environment
    assert change.ratio == pytest.approx(2, rel=0.03)


def test_ops_and_contenders_select_series(tmp_path):
    make_runs(tmp_path, {"index_add": [1e-4] * 3, "einsum": [1e-4] * 3})

    found = history(tmp_path, ops=("patch_pooling",), keep=lambda r: r.contender == "einsum")
    assert [series.contender for series in found.series] == ["einsum"]
    assert found.ops == ("patch_pooling",)
    assert found.series[0].relative_times

    assert history(tmp_path, ops=("another",)).ops == ()


def test_records_of_some_ops_are_those_of_all(tmp_path):
    run = make_run(tmp_path)
    wanted = [r for r in run.records() if r.case.op == "boundary_upsample"]

    assert list(run.records(ops=["boundary_upsample"])) == wanted


def test_no_runs(tmp_path):
    with pytest.raises(RunFolderError, match="there is no run in"):
        history(tmp_path)


def test_a_head_without_a_time_comes_first(tmp_path):
    make_runs(tmp_path, {"cpp": [1e-4, 2e-4]})
    head = tmp_path / "run-001" / "run.json"
    head.write_text(json.dumps(json.loads(head.read_text()) | {"created": "yesterday"}))

    assert history(tmp_path).runs == ("run-001", "run-000")


def test_anchors_are_on_no_leaderboard(tmp_path):
    make_runs(tmp_path, {"index_add": [1e-4]})
    run = run_folder.open_run(tmp_path / "run-000")

    assert {board.case.op for board in boards_of(run)} == {"patch_pooling"}
    (line,) = anchors_text(run.records())
    assert line == (
        "anchors on cpu, 1 thread: memory 10.0 ms, arithmetic 2.00 ms, dispatch 3.00 µs"
    )


def test_the_table(tmp_path):
    times = {"same": [3e-6] * 20, "slower": noisy([3e-6] * 10 + [6e-6] * 10)}
    make_runs(tmp_path, times)

    table = history_table(history(tmp_path))

    first, second = (dict(zip(COLUMNS, row, strict=True)) for row in table.rows)
    assert first["contender"] == "slower"
    assert "from run-009 to run-010" in first["changes"]
    assert (second["first"], second["latest"], second["ratio"]) == ("1.00", "1.00", "1.00x")
    assert second["changes"] == ""


def test_a_series_of_two_runs(tmp_path):
    make_runs(tmp_path, {"cpp": [3e-6, 4.5e-6]})
    found = history(tmp_path)

    (row,) = history_table(found).rows
    assert dict(zip(COLUMNS, row, strict=True))["ratio"] == "1.50x"
    assert any("fewer than 12 runs" in remark for remark in remarks(found))


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([1.0], "▅"),
        ([1.0, 1.02], "▄▅"),
        ([1.0, 2.0, 4.0], "▁▅█"),
        ([1.0] * 100 + [2.0] * 100, "▁" * 15 + "█" * 15),
    ],
)
def test_sparkline(values, drawn):
    assert sparkline(values) == drawn


def test_the_import_of_a_runs_own_export_is_no_other_run(tmp_path):
    make_runs(tmp_path, {"cpp": [1e-4, 2e-4]})
    FORMATS["pytest-benchmark"](tmp_path / "run-000", tmp_path / "x.json")
    read_benchmarks(tmp_path / "x.json").create(tmp_path, "again")
    shutil.copytree(tmp_path / "run-001", tmp_path / "moved")

    found = history(tmp_path)

    assert len(found.runs) == 2
    assert len(found.copies) == 2
    assert [point.time_s for point in found.series[0].points] == [1e-4, 2e-4]
    assert any("that hold what another holds" in remark for remark in remarks(found))


def test_runs_of_one_moment_may_be_different_ones(tmp_path):
    """Of a writer that tells the day only."""
    for number in range(3):
        head = replace(info(f"run-{number}"), created="2026-01-01")
        run_folder.create(tmp_path, head, [record("cpp", timed((number + 1) * 1e-4))])

    assert len(history(tmp_path).series[0].points) == 3


def test_gates_and_profiles_are_no_runs_without_anchors(tmp_path):
    make_runs(tmp_path, {"cpp": [1e-4, 2e-4]})
    make_gate(tmp_path)
    run_folder.create(tmp_path, replace(info("profiled"), created="2030-01-01"), [profile()])

    found = history(tmp_path)

    assert found.runs == ("run-000", "run-001")
    assert found.without_anchors == ()
    assert set(found.without_races) == {"gate", "profiled"}
    assert any("gates, profiles" in remark for remark in remarks(found))


def test_only_gates_make_an_empty_history(tmp_path):
    make_gate(tmp_path)

    assert history(tmp_path).series == ()


def test_a_damaged_run_is_reported_and_the_others_are_a_history(tmp_path, caplog):
    make_runs(tmp_path, {"cpp": [1e-4] * 4})
    (tmp_path / "run-001" / "run.json").write_bytes(b"")
    (tmp_path / "run-002" / "records.jsonl").write_bytes(b"\x00" * 99)
    (tmp_path / "run-003" / "records.jsonl").unlink()
    (tmp_path / "run-003" / "records.jsonl").mkdir()

    assert history(tmp_path, ops=("patch_pooling",)).runs == ("run-000",)
    reported = "\n".join(caplog.messages)
    assert str(tmp_path / "run-001" / "run.json") in reported
    assert str(tmp_path / "run-002" / "records.jsonl") in reported
    assert str(tmp_path / "run-003" / "records.jsonl") in reported


def test_the_history_of_given_runs_is_that_of_their_folder(tmp_path):
    make_runs(tmp_path, {"index_add": [1e-4] * 3})

    assert history_of(run_folder.runs_in(tmp_path)) == history(tmp_path)
