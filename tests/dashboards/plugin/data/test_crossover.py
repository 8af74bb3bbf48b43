"""The answer about lines and crossings."""

import pytest

from opbench.dashboards.plugin.data.crossover import answer
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.errors import SelectionError
from opbench.results.records import Unsupported, run_folder
from tests.dashboards.plugin.stock import crossing_run
from tests.results.examples import info, make_run, record


@pytest.fixture
def asked(tmp_path):
    """Asks about a run in a log directory with two."""
    crossing_run(tmp_path)
    make_run(tmp_path)
    log = LogFolder(str(tmp_path))
    return lambda **query: answer(log, {name: [value] for name, value in query.items()})


def test_a_crossing_is_found_between_its_sizes(asked):
    (series,) = asked(run="crossing")["series"]

    (found,) = series["crossings"]
    assert (found["before"], found["after"]) == ("starts_fast", "runs_fast")
    assert [series["places"][found[end]]["x"] for end in ("low", "high")] == [1e5, 1e6]
    assert found["certain"]
    assert found["leads"]


def test_a_point_has_all_that_is_known(asked):
    (series,) = asked(run="crossing")["series"]
    point = series["lines"][0]["points"][0]

    assert point["low_s"] < point["time_s"] < point["high_s"]
    assert point["share"] > 0
    assert point["bytes"] == 1000
    assert point["samples"] == 40


def test_ops_and_axes_are_chosen(asked):
    found = asked(run="example", op="patch_pooling", x="S")

    assert found["ops"] == ["boundary_upsample", "patch_pooling"]
    assert (found["op"], found["axis"]) == ("patch_pooling", "S")
    assert asked(run="example")["op"] == "boundary_upsample"


def test_an_axis_of_another_op_gives_way_to_the_traffic(asked):
    assert asked(run="crossing", x="causal")["axis"] == "traffic"


def test_an_op_that_is_not_there_is_refused(asked):
    with pytest.raises(SelectionError):
        asked(run="crossing", op="other")


def test_a_run_in_which_nothing_was_measured_has_no_series(tmp_path):
    folder = run_folder.create(tmp_path, info())
    folder.append(record("triton", Unsupported("no")))

    assert answer(LogFolder(str(tmp_path)), {"run": ["example"]})["series"] == []
