"""The answer about ceilings."""

import pytest

from opbench.dashboards.plugin.data.roofline import answer
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.records import Unsupported, run_folder
from tests.dashboards.plugin.stock import CROSSING, crossing_run
from tests.results.examples import info, make_run, record


def test_points_and_ceilings(tmp_path):
    crossing_run(tmp_path)
    found = answer(LogFolder(str(tmp_path)), {"run": ["crossing"]})

    (ceilings,) = found["ceilings"]
    assert (ceilings["device"], ceilings["threads"]) == ("cpu", 1)
    assert ceilings["memory"][-1] == (1 << 30, 2e10)
    assert len(found["points"]) == 5 * len(CROSSING)
    point = found["points"][0]
    assert point["gflop_per_s"] == pytest.approx(2 * point["gb_per_s"], rel=1e-3)
    assert 0 < point["share"] < 1


def test_without_ceilings_there_is_no_share(tmp_path):
    make_run(tmp_path)
    found = answer(LogFolder(str(tmp_path)), {"run": ["example"], "op": ["patch_pooling"]})

    assert found["ceilings"] == []
    assert {point["share"] for point in found["points"]} == {None}


def test_a_run_in_which_nothing_was_measured_has_no_points(tmp_path):
    run_folder.create(tmp_path, info()).append(record("triton", Unsupported("no")))
    found = answer(LogFolder(str(tmp_path)), {"run": ["example"]})

    assert (found["op"], found["points"]) == (None, [])
