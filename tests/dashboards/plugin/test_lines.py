"""Cases as lines along an axis."""

import pytest

from opbench.dashboards.plugin.lines import axes_of, measured_boards, series_along
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.records import Unsupported, run_folder
from tests.results.examples import case, info, measured, record


@pytest.fixture
def boards(tmp_path):
    """The boards of a run that raced one contender on cases with some axes."""

    def of(*axes, **fields):
        folder = run_folder.create(tmp_path, info())
        for number, one in enumerate(axes):
            on = case(shape=f"s{number}", axes=tuple(one.items()), **fields)
            folder.append(record("index_add", measured(bytes=100 * (number + 1)), on))
        folder.append(record("loop", Unsupported("no"), case(shape="never")))
        return measured_boards(LogFolder(str(tmp_path)).run("example"), "patch_pooling")

    return of


def test_a_case_that_nobody_was_measured_on_is_on_no_line(boards):
    assert len(boards({"S": 1})) == 1


def test_only_axes_along_which_there_is_a_line_are_offered(boards):
    found = boards({"S": 1, "D": 4, "p": True}, {"S": 2, "D": 4, "p": True})

    assert axes_of(found) == ("traffic", "S")


def test_along_an_axis_all_other_sizes_are_the_same(boards):
    found = boards({"S": 1, "D": 4}, {"S": 2, "D": 4}, {"S": 3, "D": 8})

    long, short = series_along("S", found)

    assert [place.x for place in long.places] == [1, 2]
    assert "D=4" in long.name
    assert [place.x for place in short.places] == [3]


def test_along_the_traffic_sizes_vary_together_but_options_do_not(boards):
    found = boards({"S": 1, "causal": True}, {"S": 2, "causal": True}, {"S": 3, "causal": False})

    assert [len(series.places) for series in series_along("traffic", found)] == [2, 1]


def test_threads_are_an_axis(tmp_path):
    folder = run_folder.create(tmp_path, info())
    for threads in (1, 2):
        folder.append(record("index_add", measured(), case(threads=threads)))
    found = measured_boards(LogFolder(str(tmp_path)).run("example"), "patch_pooling")

    assert axes_of(found) == ("traffic", "threads")
    (series,) = series_along("threads", found)
    assert [place.x for place in series.places] == [1, 2]


def test_sizes_that_no_logarithm_has_are_left_out(boards):
    assert series_along("S", boards({"S": 0}, {"S": -1})) == ()
