"""The answer about regions: along axes, and over two."""

import pytest

from opbench.dashboards.plugin.data.regions import answer
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.gather import choose_for, gather
from opbench.results.choosing.text import notes, regions_table
from opbench.results.choosing.wishes import Wishes, terms_of
from opbench.results.records import Unsupported, run_folder
from tests.dashboards.plugin.stock import crossing_run, grid_run
from tests.results.examples import case, info, measured, record


@pytest.fixture
def asked(tmp_path):
    """Asks about a run in a log directory with two."""
    crossing_run(tmp_path)
    grid_run(tmp_path)
    log = LogFolder(str(tmp_path))
    return lambda run, **query: answer(log, {n: [v] for n, v in {"run": run, **query}.items()})


def test_the_regions_are_those_that_choose_prints(asked, tmp_path):
    (races,), _ = gather([run_folder.open_run(tmp_path / "grid")])
    wishes = Wishes(conditions=Conditions(), baseline="torch")
    choice = choose_for(races, wishes.conditions, terms_of(races, wishes))
    (found,) = asked("grid")["choices"]
    assert found["table"]["rows"] == regions_table(choice).rows
    assert found["notes"] == [*notes(choice)]
    assert {row[1] for row in found["table"]["rows"]} == {"starts_fast", "runs_fast"}


def test_along_an_axis_the_threshold_is_a_number(asked):
    found = asked("crossing")
    (strip,) = found["strips"]["S"].values()
    before, after = strip["stretches"]
    assert (before["contender"], after["contender"]) == ("starts_fast", "runs_fast")
    assert (before["low"], after["high"]) == (1e3, 1e7)
    # Their lines meet at 995,000.
    assert 1e5 < before["high"] == after["low"] < 1e7
    assert strip["exact"]


def test_where_all_sizes_vary_a_stretch_ends_at_what_was_measured(asked):
    (strip,) = asked("crossing")["strips"]["traffic"].values()
    before, after = strip["stretches"]
    assert not strip["exact"]
    assert before["high"] * 10 == after["low"]


def test_a_threshold_on_a_product_moves_with_what_is_held(asked):
    found = asked("grid")
    strips = found["strips"]["S"].values()
    ends = {one["stretches"][0]["high"] for one in strips if len(one["stretches"]) == 2}
    assert len(ends) > 1


def test_a_map_has_a_slice_for_each_size_of_the_other_axis(asked):
    (found,) = asked("grid")["choices"]
    assert [(one["x"], one["y"]) for one in found["maps"]] == [("S", "D"), ("D", "B"), ("S", "B")]
    slices = found["maps"][0]["slices"]
    assert [(one["held"], one["shapes"]) for one in slices] == [({"B": 1}, 12), ({"B": 100}, 12)]
    for one in slices:
        corners = [pair for area in one["areas"] for pair in zip(area["x"], area["y"], strict=True)]
        assert {(100, 1), (10_000, 1000)} <= set(corners)


def test_a_measured_shape_has_its_quickest_and_what_runs(asked):
    (found,) = asked("crossing")["choices"]
    assert found["rows"][0]["best"] == "starts_fast"
    assert found["rows"][0]["text"].startswith("s0: starts_fast, which took")
    assert found["maps"] == []


def test_where_no_contender_may_be_chosen_the_reason_stands_there(tmp_path):
    folder = run_folder.create(tmp_path, info())
    folder.append(record("leaky", measured(), case(), caveats=(("nonfinite", "0 * NaN"),)))
    found = answer(LogFolder(str(tmp_path)), {"run": ["example"]})
    assert "wrong on nonfinite inputs" in found["choices"][0]["reason"]
    assert [one["stretches"] for one in found["strips"]["traffic"].values()] == [[]]


def test_a_run_in_which_nothing_was_measured_has_no_regions(tmp_path):
    folder = run_folder.create(tmp_path, info())
    folder.append(record("triton", Unsupported("no")))
    assert answer(LogFolder(str(tmp_path)), {"run": ["example"]})["choices"] == []
