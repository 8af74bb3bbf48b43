"""The stable names of the package, and that naming them costs nothing."""

import subprocess
import sys

import pytest

import harness


def test_all_is_sorted_and_every_name_is_there():
    assert harness.__all__ == sorted(harness.__all__)
    for name in harness.__all__:
        assert getattr(harness, name) is not None
    assert set(harness.__all__) == set(harness._HOMES)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'plann'"):
        _ = harness.plann


@pytest.mark.parametrize(
    "code",
    [
        "import harness, harness.cli, harness.declare, harness.options",
        "from harness.cli import main; main(['list'])",
        "from harness.cli import main; main(['list', 'cases'])",
        "import results.store, results.table, results.leaderboard",
    ],
)
def test_no_torch_until_it_is_needed(code):
    check = f"{code}\nimport sys\nassert not any(n.startswith('torch.') for n in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, capture_output=True)
