"""A TensorBoard on a log directory in which every view has something to show."""

import pytest

from tests.dashboards.browser import CHROME
from tests.dashboards.plugin.served import tensorboard, visitor
from tests.dashboards.plugin.stock import stock


def pytest_collection_modifyitems(items):
    """Pages are looked at where there is a browser."""
    if CHROME is None:
        missing = pytest.mark.skip(reason="no chromium; install it, or name one in CHROME")
        for item in items:
            if {"stocked", "real"} & set(getattr(item, "fixturenames", ())):
                item.add_marker(missing)


@pytest.fixture(scope="package")
def stocked_url(tmp_path_factory):
    """The address of a TensorBoard on a folder of synthetic runs, some of them hostile."""
    with tensorboard(stock(tmp_path_factory.mktemp("stocked"))) as url:
        yield url


@pytest.fixture(scope="package")
def raced_url(real_run):
    """The address of a TensorBoard on a real run."""
    with tensorboard(real_run.parent) as url:
        yield url


@pytest.fixture
def stocked(stocked_url):
    """A visitor to the synthetic runs, who may see no error and ask nobody else."""
    with visitor(stocked_url) as one:
        yield one


@pytest.fixture
def real(raced_url):
    """A visitor to a real run, as `stocked`."""
    with visitor(raced_url) as one:
        yield one
