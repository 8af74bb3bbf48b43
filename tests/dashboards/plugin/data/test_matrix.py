"""The answer about kinds of machines side by side."""

import pytest

from opbench.dashboards.plugin.data import matrix as module
from opbench.dashboards.plugin.data.matrix import answer
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.ranking.matrix import matrix
from opbench.results.records.run_folder import runs_in
from opbench.results.report.matrix import kinds_table, matrix_tables, summary
from tests.dashboards.plugin.stock import HOSTILE, elsewhere_run, hostile_run
from tests.results.examples import make_run


@pytest.fixture
def log(tmp_path):
    """A log directory with a run of one machine and one of another."""
    hostile_run(tmp_path)
    elsewhere_run(tmp_path)
    return LogFolder(str(tmp_path))


def test_it_is_what_the_command_prints(log, tmp_path):
    found = matrix(runs_in(tmp_path), lambda case, contender: True)
    told = answer(log, {})
    assert told["kinds"]["rows"] == kinds_table(found).rows
    tables = [table for op in told["ops"] for table in (op["winners"], op["contenders"])]
    assert [table["rows"] for table in tables] == [table.rows for table in matrix_tables(found)]
    assert told["summary"] == summary(found)


def test_every_empty_cell_has_its_reason(log):
    (op,) = answer(log, {})["ops"]
    cells = [cell for one in op["cases"] for row in one["contenders"] for cell in row["cells"]]
    empty = {cell["reason"] for cell in cells if cell["time_s"] is None}
    assert empty == {f"no {HOSTILE[0]} here", "this case wasn't run on this kind"}
    assert all((cell["ratio"] is None) == (cell["time_s"] is None) for cell in cells)


def test_kinds_disagree_where_none_is_best_on_all(log):
    (op,) = answer(log, {})["ops"]
    assert [one["agreement"] for one in op["cases"]] == ["disagree", "alone"]


def test_one_environment_is_no_matrix(tmp_path):
    make_run(tmp_path, "one")
    run = make_run(tmp_path, "other")
    found = answer(LogFolder(str(tmp_path)), {})
    assert (found["keys"], found["kinds"]) == ([run.info.environment.key], None)


def test_without_a_race_there_is_no_key(tmp_path):
    assert answer(LogFolder(str(tmp_path)), {})["keys"] == []


def test_of_too_many_records_the_latest_runs_are_compared(log, monkeypatch):
    monkeypatch.setattr(module, "_MOST_ROWS", 5)
    found = answer(log, {})
    assert (found["left_out"], len(found["keys"])) == (1, 1)
