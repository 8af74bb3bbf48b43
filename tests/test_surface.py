"""The stable names of the package, and that naming them costs nothing."""

import subprocess
import sys

import pytest

import opbench


def test_all_is_sorted_and_every_name_is_there():
    assert opbench.__all__ == sorted(opbench.__all__)
    for name in opbench.__all__:
        assert getattr(opbench, name) is not None
    assert set(opbench.__all__) == set(opbench._HOMES)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'plann'"):
        _ = opbench.plann


@pytest.mark.parametrize(
    "code",
    [
        "import opbench, opbench.harness.cli.app, opbench.harness.declare",
        "from opbench.harness.cli.app import main; main(['list'])",
        "from opbench.harness.cli.app import main; main(['list', 'cases'])",
        "import opbench.results.records.run_folder, opbench.results.report.leaderboard",
    ],
)
def test_no_torch_until_it_is_needed(code):
    check = f"{code}\nimport sys\nassert not any(n.startswith('torch.') for n in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, capture_output=True)
