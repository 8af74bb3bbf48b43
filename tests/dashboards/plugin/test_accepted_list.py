"""The accepted changes of a gate's folder, which may hold anything."""

import pytest

from opbench.dashboards.plugin.accepted_list import accepted_in
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.regression.accepted import NAME
from tests.dashboards.plugin.stock import ACCEPTED
from tests.results.gates import make_gate


@pytest.fixture
def gate(tmp_path):
    """The folder of a gate, and its accepted changes as they are read now."""
    folder = make_gate(tmp_path / "log")
    return folder.path, lambda: accepted_in(LogFolder(str(tmp_path / "log")).run("gate"))


def test_no_list_accepts_nothing(gate):
    assert gate[1]() == ((), "")


def test_entries_are_read(gate):
    (gate[0] / NAME).write_text(ACCEPTED)
    (entry,), fault = gate[1]()
    assert (entry.by, fault) == ("ada", "")


def test_a_link_out_of_the_log_directory_is_not_followed(gate, tmp_path):
    (tmp_path / "secret").write_text(ACCEPTED)
    (gate[0] / NAME).symlink_to(tmp_path / "secret")
    entries, fault = gate[1]()
    assert entries == ()
    assert "link out of the log directory" in fault


def test_a_broken_list_is_left_out_and_named(gate):
    (gate[0] / NAME).write_bytes(b"\xff[[")
    entries, fault = gate[1]()
    assert entries == ()
    assert "is not TOML" in fault
