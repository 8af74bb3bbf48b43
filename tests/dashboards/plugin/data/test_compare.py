"""The answer about two versions, or two runs."""

import dataclasses

import pytest

from opbench.dashboards.plugin.data.compare import answer
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.errors import EnvironmentsDifferError, RunFolderError
from opbench.results.records import Unsupported, run_folder
from opbench.results.regression.accepted import NAME
from tests.dashboards.plugin.stock import ACCEPTED
from tests.results.examples import ENVIRONMENT, case, info, make_run, record
from tests.results.gates import make_gate, units
from tests.results.histories import make_runs


@pytest.fixture
def asked(tmp_path):
    """Asks about runs of the log directory."""
    log = LogFolder(str(tmp_path))
    return lambda **query: answer(log, {name: [value] for name, value in query.items()})


def by_contender(found):
    return {one["contender"]: one for one in found["findings"]}


def test_a_gate_is_reported_from_its_own_records(tmp_path, asked):
    make_gate(tmp_path)
    found = asked(run="gate")

    assert found["kind"] == "gate"
    assert [one["verdict"] for one in found["findings"]] == [
        "slower",
        "inconclusive",
        "faster",
        "same",
    ]
    assert by_contender(found)["unsteady"]["why"].startswith("the interval holds both 1")
    assert by_contender(found)["steady"]["why"] == ""
    assert [one["status"] for one in found["uncompared"]] == ["new"]
    assert [one["verdict"] for one in found["controls"]] == ["same"]
    assert found["commands"][0].startswith("opbench explain --base main")
    assert not any(line.startswith("look:") for line in found["headline"])
    assert not found["void"]


def test_accepted_changes_stand_beside_what_they_accept(tmp_path, asked):
    gate = make_gate(tmp_path)
    (gate.path / NAME).write_text(ACCEPTED)
    found = asked(run="gate")

    entry = by_contender(found)["copies"]["accepted"]
    assert entry == {"by": "ada", "reason": "sums in float64 since #12", "until": "2027-03-31"}
    assert by_contender(found)["steady"]["accepted"] is None


def test_a_list_that_cannot_be_read_is_named(tmp_path, asked):
    gate = make_gate(tmp_path)
    (gate.path / NAME).symlink_to("/etc/hostname")

    assert "link out of the log directory" in asked(run="gate")["headline"][-1]


def test_a_void_session_says_so(tmp_path, asked):
    gate = make_gate(tmp_path)
    for unit in units("copies", case(), 1.3, role="null"):
        gate.append(dataclasses.replace(unit, method="pairs"))

    assert asked(run="gate")["void"]


def test_two_runs_say_what_their_ratios_are_worth(tmp_path, asked):
    make_runs(tmp_path, {"a": [1e-4, 2e-4], "b": [1e-4, 1e-4], "c": [1e-4, 1e-4]})
    found = asked(run="run-001", base="run-000")

    assert found["title"] == "run-001 against run-000, unpaired"
    slow = by_contender(found)["a"]
    assert slow["measured"] == pytest.approx(2)
    assert slow["drift"].endswith("other cases") or slow["drift"].endswith("its race")
    assert by_contender(found)["b"]["why"].startswith("slowdowns show from")


def test_runs_of_two_environments_are_not_compared(tmp_path, asked):
    make_run(tmp_path)
    other = dataclasses.replace(ENVIRONMENT, key="cpu-9", stable=(("cpu", "another"),))
    run_folder.create(tmp_path, dataclasses.replace(info("other"), environment=other))

    with pytest.raises(EnvironmentsDifferError, match="cpu: Example"):
        asked(run="other", base="example")


def test_a_race_alone_is_nothing_to_compare(tmp_path, asked):
    make_run(tmp_path)

    with pytest.raises(RunFolderError, match="choose an earlier run"):
        asked(run="example")


def test_runs_that_share_nothing_have_no_findings(tmp_path, asked):
    for run_id, op in (("one", "a"), ("two", "b")):
        folder = run_folder.create(tmp_path, info(run_id))
        folder.append(record("x", Unsupported("no"), case(op=op)))

    assert asked(run="two", base="one")["findings"] == []
