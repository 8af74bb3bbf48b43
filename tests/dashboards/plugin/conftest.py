"""Servers of a real run and of synthetic ones, for the tests that look at their pages."""

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from tests.dashboards.plugin.served import plugin_server, tensorboard, visit
from tests.dashboards.plugin.stock import stock
from tests.results.examples import make_run


@pytest.fixture(scope="session")
def real_url(real_run):
    """The address of the plugin on the folder that holds a real run, and nothing published."""
    with plugin_server(real_run.parent) as url:
        yield url


@pytest.fixture(scope="session")
def pair_url(real_runs):
    """The address of the plugin on a folder with two real runs."""
    with plugin_server(real_runs) as url:
        yield url


@pytest.fixture(scope="session")
def swept_run(made_once):
    """The folder of a real run over two sizes."""
    return made_once("swept", _sweep) / "swept"


def _sweep(root):
    """Make that run below `root`."""
    shapes = ["--shape", "T=8,K=2,D=8", "--sweep", "T=8..512/3", "--sweep", "D=8..512/3"]
    words = ["run", "moe_combine", *shapes, "--impl", "loop,bmm,mul_sum", "--threads", "2"]
    words += ["--budget", "0.1", "--in-process", "--no-spot-check"]
    assert main([*words, "--out", str(root), "--id", "swept"]) == Exit.OK


@pytest.fixture(scope="session")
def swept_url(swept_run):
    """The address of the plugin on the folder with that run."""
    with plugin_server(swept_run.parent) as url:
        yield url


@pytest.fixture
def swept(context, swept_url):
    """A visitor to that run."""
    with visit(context, swept_url) as one:
        yield one


@pytest.fixture
def pair(context, pair_url):
    """A visitor to the two real runs."""
    with visit(context, pair_url) as one:
        yield one


@pytest.fixture(scope="session")
def synthetic_url(tmp_path_factory):
    """The address of a TensorBoard on a synthetic run."""
    root = tmp_path_factory.mktemp("synthetic")
    make_run(root)
    with tensorboard(root) as url:
        yield url


@pytest.fixture
def real(context, real_url):
    """A visitor to the real run."""
    with visit(context, real_url) as one:
        yield one


@pytest.fixture
def synthetic(context, synthetic_url):
    """A visitor to the synthetic run."""
    with visit(context, synthetic_url) as one:
        yield one


@pytest.fixture(scope="session")
def stocked_url(tmp_path_factory):
    """The address of the plugin on synthetic runs in which every view has something to show."""
    with plugin_server(stock(tmp_path_factory.mktemp("stocked"))) as url:
        yield url


@pytest.fixture
def stocked(context, stocked_url):
    """A visitor to those runs."""
    with visit(context, stocked_url) as one:
        yield one
