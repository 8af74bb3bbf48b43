"""The list of runs."""

import dataclasses

from opbench.dashboards.plugin.data.runs import answer
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.records import codec
from tests.results.examples import make_run


def test_the_run_that_began_last_comes_first(tmp_path):
    make_run(tmp_path, "older")
    newer = make_run(tmp_path, "newer")
    head = dataclasses.replace(newer.info, created="2026-05-01T00:00:00+00:00")
    (newer.path / "run.json").write_text(codec.dumps(head))
    found = answer(LogFolder(str(tmp_path)), {})
    assert [run["id"] for run in found["runs"]] == ["newer", "older"]
    assert found["runs"][0]["lines"]["Profile"] == 1


def test_a_run_that_can_not_be_read_is_listed_with_its_fault(tmp_path):
    (make_run(tmp_path).path / "run.json").write_text("{")
    (run,) = answer(LogFolder(str(tmp_path)), {})["runs"]
    assert "run.json cannot be read" in run["faults"][0]
    assert run["environment"] == ""
