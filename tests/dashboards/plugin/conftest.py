"""A TensorBoard on a real run and on synthetic ones, for the tests that look at its pages."""

import pytest

from tests.dashboards.plugin.served import tensorboard, visit
from tests.dashboards.plugin.stock import stock
from tests.results.examples import make_run


@pytest.fixture(scope="session")
def real_url(real_run):
    """The address of a TensorBoard on the folder that holds a real run, and nothing published."""
    with tensorboard(real_run.parent) as url:
        yield url


@pytest.fixture(scope="session")
def synthetic_url(tmp_path_factory):
    """The address of a TensorBoard on a synthetic run."""
    root = tmp_path_factory.mktemp("synthetic")
    make_run(root)
    with tensorboard(root) as url:
        yield url


@pytest.fixture
def real(chromium, real_url):
    """A visitor to the real run."""
    with visit(chromium, real_url) as one:
        yield one


@pytest.fixture
def synthetic(chromium, synthetic_url):
    """A visitor to the synthetic run."""
    with visit(chromium, synthetic_url) as one:
        yield one


@pytest.fixture(scope="session")
def stocked_url(tmp_path_factory):
    """The address of a TensorBoard on synthetic runs in which every view has something to show."""
    with tensorboard(stock(tmp_path_factory.mktemp("stocked"))) as url:
        yield url


@pytest.fixture
def stocked(chromium, stocked_url):
    """A visitor to those runs."""
    with visit(chromium, stocked_url) as one:
        yield one
