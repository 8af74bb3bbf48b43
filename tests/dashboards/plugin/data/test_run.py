"""The state of one run."""

import pytest

from opbench.dashboards.plugin.data.run import answer
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.errors import SelectionError
from tests.results.examples import make_run


def test_what_is_unfinished_and_what_can_not_be_read_is_there(tmp_path):
    folder = make_run(tmp_path)
    with (folder.path / "records.jsonl").open("a") as file:
        file.write('[1]\n{"type":')
    found = answer(LogFolder(str(tmp_path)), {"run": ["example"]})
    assert found["unfinished"] == 1
    assert found["cut_off"]
    assert "not a record of opbench" in found["faults"][0]


@pytest.mark.parametrize("names", [[], ["a", "b"]])
def test_one_run_has_to_be_named(tmp_path, names):
    with pytest.raises(SelectionError, match="name one run"):
        answer(LogFolder(str(tmp_path)), {"run": names})
