"""The answer about the history of a log directory."""

import pytest

from opbench.dashboards.plugin.data.history import answer
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.errors import SelectionError
from tests.results.gates import make_gate
from tests.results.histories import make_runs, noisy


@pytest.fixture
def changed(tmp_path):
    """A history in which one contender of two changed."""
    times = {"steady": noisy([1e-4] * 24), "changed": noisy([1e-4] * 14 + [1.3e-4] * 10, seed=1)}
    make_runs(tmp_path, times, sources=["old"] * 14 + ["new"] * 10)
    return LogFolder(str(tmp_path))


def test_series_are_relative_and_the_changed_come_first(changed):
    found = answer(changed, {})

    first, second = found["series"]
    assert (first["contender"], second["contender"]) == ("changed", "steady")
    assert first["ratio"] == pytest.approx(1.3, rel=0.1)
    assert found["changed"] == ["patch_pooling"]
    assert found["runs"] == 24


def test_the_longest_history_comes_first_where_nothing_changed(tmp_path):
    make_runs(tmp_path, {"a_new": [None, None, 1e-4], "old": [1e-4, None, 1e-4]})

    assert [one["contender"] for one in answer(LogFolder(str(tmp_path)), {})["series"]] == [
        "old",
        "a_new",
    ]


def test_a_change_is_between_two_points(changed):
    series = answer(changed, {})["series"][0]
    (change,) = series["changes"]

    assert [series["points"][change[end]]["run"] for end in ("before", "after")] == [
        "run-013",
        "run-014",
    ]
    assert change["source"]
    assert not change["environment"]


def test_a_point_says_its_run_and_its_source(changed):
    point = answer(changed, {})["series"][0]["points"][0]

    assert point["run"] == "run-000"
    assert (point["fingerprint"], point["commit"]) == ("old", "")
    assert point["created"].startswith("2026-01-01")


def test_other_environments_are_left_out_unless_asked_for(tmp_path):
    make_runs(tmp_path, {"a": [1e-4] * 3}, environments=["old", "new", "new"])
    log = LogFolder(str(tmp_path))

    assert (answer(log, {})["runs"], answer(log, {})["other_environments"]) == (2, 1)
    assert answer(log, {"all": ["1"]})["runs"] == 3


def test_a_log_directory_without_races_has_no_series(tmp_path):
    make_gate(tmp_path)
    found = answer(LogFolder(str(tmp_path)), {})

    assert (found["op"], found["series"]) == (None, [])


def test_an_op_that_is_not_there_is_refused(changed):
    with pytest.raises(SelectionError):
        answer(changed, {"op": ["other"]})
