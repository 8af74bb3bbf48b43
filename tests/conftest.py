"""Fixtures that several tests share."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

# Read when torch is imported: the profiler's own log would print two lines per profile.
os.environ.setdefault("KINETO_LOG_LEVEL", "6")
# Taken out: a pytest that a test starts would take itself for a worker, and not time anything.
if os.environ.pop("PYTEST_XDIST_WORKER", ""):
    # Several processes on the same cores: threads that wait must not keep others from working.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# No example fails for having taken long.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def catalog():
    """The built-in catalogue."""
    import opbench

    return opbench.load()


@pytest.fixture(scope="session")
def requested(tmp_path_factory):
    """What `origin` is a copy of."""
    from tests.action_steps import pull_request

    return pull_request(tmp_path_factory.mktemp("requested"))


@pytest.fixture
def origin(tmp_path, requested):
    """A repository with a pull request whose target went on since it was begun."""
    return shutil.copytree(requested, tmp_path / "origin")


@pytest.fixture
def runner(tmp_path, origin):
    """A runner in a shallow checkout of the merged pull request."""
    from tests.action_steps import shallow

    return shallow(tmp_path, origin)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of its own to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """A finished run with one of each trouble."""
    from opbench.harness.cli.app import main
    from opbench.harness.cli.exit_codes import Exit
    from tests.harness.runs import BRIEF, TROUBLE

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
