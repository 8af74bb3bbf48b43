"""What the tests share that start TensorBoard or a browser."""

import pytest

from opbench.dashboards import serve
from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from tests.dashboards.browser import CHROME
from tests.dashboards.plugin.served import browser
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
    """TensorBoard comes up, however busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serve, "PATIENCE", PATIENCE)
        yield


@pytest.fixture(scope="session")
def real_run(tmp_path_factory):
    """The folder of a real run: two shapes, two passes, four contenders, one of them profiled."""
    root = tmp_path_factory.mktemp("runs")
    selection = ["patch_pooling", "-k", "tiny or blt", "--impl", ",".join(CONTENDERS)]
    words = ["run", *selection, "--pass", "forward,backward", "--budget", "0.3", "--threads", "2"]
    assert main([*words, "--out", str(root), "--id", "real"]) == Exit.OK
    profile = ["patch_pooling", "-k", "tiny", "--impl", "index_add", "--threads", "2"]
    assert main(["profile", *profile, "--run", str(root / "real")]) == Exit.OK
    return root / "real"


@pytest.fixture(scope="module")
def chromium():
    """A browser, started once a module."""
    with browser() as one:
        yield one
