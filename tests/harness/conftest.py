"""Fixtures of several tests of the command."""

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from tests.harness.runs import BRIEF, TROUBLE


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of its own to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """A finished run with one of each trouble."""
    root = tmp_path_factory.mktemp("runs")
    words = ["run", "row_sum", *TROUBLE, *BRIEF, "--in-process", "--out", str(root), "--id", "one"]
    assert main(words) == Exit.WRONG
    return root / "one"


@pytest.fixture
def one_thread():
    """Torch on one thread, so that nobody waits for a thread that others keep from running."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
