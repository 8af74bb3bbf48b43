"""The stable names of the package, and that naming them costs nothing."""

import subprocess
import sys

import pytest

import opbench
from tests.test_architecture import ROOT


def test_all_is_sorted_and_every_name_is_there():
    assert opbench.__all__ == sorted(opbench.__all__)
    for name in opbench.__all__:
        assert getattr(opbench, name) is not None
    assert set(opbench.__all__) == set(opbench._HOMES)


def test_a_module_never_exists_twice():
    """In a checkout, where the folders of the package can be reached without it."""
    code = """
import importlib, pkgutil, sys
from pathlib import Path
import opbench
opbench.plan(opbench.load(), opbench.Selection(names=("patch_pooling",)))
for module in pkgutil.walk_packages(opbench.__path__, "opbench."):
    if not module.name.endswith(("_triton", "__main__")):
        importlib.import_module(module.name)
files = {}
root = Path(opbench.__file__).parent.parent
for name, module in sys.modules.items():
    path = Path(getattr(module, "__file__", None) or "/").resolve()
    if path.is_relative_to(root) and ".venv" not in path.parts:
        files.setdefault(path, []).append(name)
assert len(files) > 200
print([names for names in files.values() if len(names) > 1])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr


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
