"""What the tests share that start TensorBoard or a browser."""

import fcntl
import shutil

import pytest
from playwright.sync_api import expect

from opbench.dashboards import serve
from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from tests.dashboards.browser import CHROME
from tests.dashboards.plugin.served import browser, context_of
from tests.harness.processes import PATIENCE

CONTENDERS = ("loop", "index_add", "einsum", "triton")


def pytest_collection_modifyitems(items):
    """Pages are looked at where there is a browser."""
    if CHROME is None:
        missing = pytest.mark.skip(reason="no chromium; install it, or name one in CHROME")
        for item in items:
            if "chromium" in getattr(item, "fixturenames", ()):
                item.add_marker(missing)


@pytest.fixture(scope="session", autouse=True)
def _patience():
    """TensorBoard comes up and pages are drawn, however busy the machine is."""
    expect.set_options(timeout=1000 * PATIENCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serve, "PATIENCE", PATIENCE)
        yield


@pytest.fixture(scope="session")
def made_once(request, tmp_path_factory):
    """Makes a folder once, whichever worker comes first, and gives each worker a copy."""

    def copied(name, make):
        base = tmp_path_factory.getbasetemp()
        shared = (
            base.parent if hasattr(request.config, "workerinput") else base
        ) / f"shared-{name}"
        with shared.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not shared.exists():
                fresh = shared.with_suffix(".new")
                shutil.rmtree(fresh, ignore_errors=True)
                make(fresh)
                fresh.rename(shared)
        return shutil.copytree(shared, tmp_path_factory.mktemp(name) / "runs")

    return copied


@pytest.fixture(scope="session")
def real_run(made_once):
    """The folder of a real run: two shapes, two passes, four contenders, one of them profiled."""
    return made_once("real", _race_and_profile) / "real"


def _race_and_profile(root):
    """Make that run below `root`."""
    selection = ["patch_pooling", "-k", "tiny or blt", "--impl", ",".join(CONTENDERS)]
    words = ["run", *selection, "--pass", "forward,backward", "--budget", "0.3", "--threads", "2"]
    words += ["--no-spot-check"]
    assert main([*words, "--out", str(root), "--id", "real"]) == Exit.OK
    profile = ["patch_pooling", "-k", "tiny", "--impl", "index_add", "--threads", "2"]
    # The race has shown that a child process does it.
    assert main(["profile", *profile, "--in-process", "--run", str(root / "real")]) == Exit.OK


@pytest.fixture(scope="session")
def real_runs(real_run, made_once):
    """A folder with that run, and a later one of the same day with two of its contenders."""
    root = made_once("later", _race_again)
    shutil.copytree(real_run, root / "real")
    return root


def _race_again(root):
    """Make the later run below `root`."""
    selection = ["patch_pooling", "-k", "tiny", "--impl", "index_add,einsum", "--threads", "2"]
    words = ["run", *selection, "--budget", "0.3", "--in-process", "--no-spot-check"]
    assert main([*words, "--out", str(root), "--id", "later"]) == Exit.OK


@pytest.fixture(scope="package")
def chromium():
    """A browser, started once for the tests of this folder and those below."""
    with browser() as one:
        yield one


@pytest.fixture(scope="package")
def context(chromium):
    """What the pages of these tests share."""
    with context_of(chromium) as one:
        yield one
