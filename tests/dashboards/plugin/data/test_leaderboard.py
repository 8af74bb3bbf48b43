"""The leaderboards of runs in columns."""

import json

import pytest

from opbench.dashboards.plugin.data import leaderboard as module
from opbench.dashboards.plugin.data.leaderboard import answer
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.errors import RunFolderError
from opbench.results.ranking.leaderboard import boards_of
from tests.results.examples import make_run, measured, record


@pytest.fixture
def log(tmp_path):
    return LogFolder(str(tmp_path))


def test_rows_are_those_of_the_boards(tmp_path, log):
    boards = boards_of(make_run(tmp_path))
    found = answer(log, {"run": ["example"]})
    rows = [(board, row) for board in boards for row in board.rows]
    assert found["rows"]["contender"] == [row.contender for _, row in rows]
    assert found["rows"]["verdict"] == [row.verdict for _, row in rows]
    assert found["rows"]["note"] == [row.note for _, row in rows]
    cases = [found["cases"][number]["key"] for number in found["rows"]["case"]]
    assert cases == [board.case.key for board, _ in rows]
    assert {len(column) for column in found["rows"].values()} == {len(rows)}


def test_numbers_that_are_not_known_are_none(tmp_path, log):
    folder = make_run(tmp_path)
    folder.append(record("brief", measured(rounds=range(2))))
    rows = answer(log, {})["rows"]
    brief = rows["contender"].index("brief")
    assert (rows["low"][brief], rows["high"][brief]) == (None, None)
    assert rows["ratio"][brief] > 0
    unsupported = rows["verdict"].index("unsupported")
    assert rows["time_s"][unsupported] is None
    json.dumps(rows, allow_nan=False)


def test_all_runs_come_in_the_order_in_which_they_began(tmp_path, log):
    make_run(tmp_path, "b")
    make_run(tmp_path, "a")
    assert [run["id"] for run in answer(log, {})["runs"]] == ["a", "b"]


def test_of_too_many_rows_the_latest_runs_are_sent(tmp_path, log, monkeypatch):
    make_run(tmp_path, "a")
    make_run(tmp_path, "b")
    monkeypatch.setattr(module, "_MOST_ROWS", 50)
    found = answer(log, {})
    assert [run["id"] for run in found["runs"]] == ["b"]
    assert found["left_out"] == 1
    assert answer(log, {"run": ["a"]})["left_out"] == 0


def test_runs_without_a_race_are_not_there(tmp_path, log):
    (make_run(tmp_path).path / "records.jsonl").unlink()
    assert answer(log, {}) == {
        "runs": [],
        "left_out": 0,
        "cases": [],
        "rows": answer(log, {})["rows"],
    }
    assert answer(log, {})["rows"]["case"] == []


def test_a_run_that_can_not_be_read_is_an_error_where_it_is_named(tmp_path, log):
    make_run(tmp_path, "good")
    (make_run(tmp_path, "bad").path / "run.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"bad: run\.json cannot be read"):
        answer(log, {"run": ["bad"]})
    assert [run["id"] for run in answer(log, {})["runs"]] == ["good"]
