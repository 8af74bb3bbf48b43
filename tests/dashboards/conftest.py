"""What the tests that start TensorBoard share."""

import pytest

from opbench.dashboards import serve
from tests.harness.processes import PATIENCE


@pytest.fixture(scope="session", autouse=True)
def _patience():
    """TensorBoard comes up, however busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serve, "PATIENCE", PATIENCE)
        yield
