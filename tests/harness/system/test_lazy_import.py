"""A module that is imported lazily is executed once, however it and its submodules are imported."""

import subprocess
import sys

import pytest

from opbench.harness.cli.exit_codes import Exit
from opbench.harness.system.lazy_import import import_lazily
from tests.harness.projects import COMMAND, SHORT, gate, repository

#: The first line of programs that import lazily.
IMPORT_LAZILY = "from opbench.harness.system.lazy_import import import_lazily\n"
#: How the files of others begin. Each is executed where torch is imported lazily.
BEGINNINGS = {
    "a class of a submodule": (
        "from torch.autograd import Function\nimport torch\n"
        "assert torch.autograd.Function is Function"
    ),
    "a submodule by an alias": (
        "import torch.nn.functional as F\nimport torch\n"
        "assert torch.nn.functional is F\nassert torch.nn.modules.linear.F is F"
    ),
    "after torch itself": (
        "import torch\nfrom torch.autograd.function import once_differentiable\n"
        "import sys\nassert sys.modules['torch'] is torch\nassert 'ones' in dir(torch)"
    ),
    "by a function": (
        "import importlib\nnn = importlib.import_module('torch.nn')\nimport torch\n"
        "assert torch.nn is nn\nassert nn.__spec__.loader.__class__.__name__ == 'SourceFileLoader'"
    ),
    "by a library": (
        "import einops.layers.torch\nimport torch\n"
        "assert issubclass(einops.layers.torch.Rearrange, torch.nn.Module)"
    ),
    "one that torch does not import itself": (
        "from torch.utils import benchmark\nimport torch.utils.benchmark as again\n"
        "assert again is benchmark"
    ),
    "one that is not there": (
        "try:\n    import torch.nonsense\nexcept ModuleNotFoundError as error:\n"
        "    assert 'torch.nonsense' in str(error)\nelse:\n    raise AssertionError"
    ),
    "in several threads": (
        "import threading, torch\nfound = []\n"
        "def use():\n    found.append(torch.ones(1))\n"
        "threads = [threading.Thread(target=use) for _ in range(4)]\n"
        "for thread in threads:\n    thread.start()\n"
        "for thread in threads:\n    thread.join()\n"
        "assert len(found) == 4"
    ),
}

OPS = """\
from torch.autograd import Function

import torch
from opbench import Cost, Op, impl

double = Op(
    name="double",
    oracle=lambda x: x + x,
    axes={"N": "elements"},
    inputs={"normal": lambda N, rng: {"x": torch.randn(N, generator=rng)}},
    quick={"small": {"N": 64}},
    cost=lambda N, e: Cost(N, 2 * N * e),
    grad=("x",),
)


class Doubled(Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


@impl("double")
def by_hand(x):
    return Doubled.apply(x)
"""


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_torch_executes_once_whatever_is_imported_first(beginning):
    program = f"{IMPORT_LAZILY}import_lazily('torch')\n{beginning}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("list", "impls", "double"),
        ("check", "double", "--jobs", "1"),
        ("run", "double", "--pass", "both", "--budget", "0.1", "--threads", "1"),
        ("run", "double", "--in-process", "--budget", "0.1", "--threads", "1"),
        ("profile", "double", "--threads", "1"),
    ],
    ids=" ".join,
)
def test_every_verb_loads_a_file_that_imports_a_submodule_first(words, tmp_path):
    (tmp_path / "ops.py").write_text(OPS)
    command = (*COMMAND, *words, "--load", "./ops.py")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "by_hand" in done.stdout or words[0] == "profile"


def test_gate_loads_a_file_that_imports_a_submodule_first(tmp_path):
    """Both versions import it first, when they are loaded and when they are called."""
    root = repository(tmp_path / "project", {"ops.py": OPS})
    (root / "ops.py").write_text(OPS.replace("return Doubled", "return -Doubled"))
    done = gate(root, "--base", "main", "--load", "ops.py", "--threads", "1", *SHORT, "--json")
    assert done.code == Exit.WRONG, done.error
    assert done.uncompared == {"by_hand": "head"}


def test_lazy_module_executes_at_its_first_use():
    code = (
        f"import sys\n{IMPORT_LAZILY}"
        "import_lazily('colorsys')\nimport colorsys\nimport colorsys as again\n"
        "assert type(sys.modules['colorsys']).__name__ == '_Lazy'\n"
        "assert again.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)\n"
        "assert type(sys.modules['colorsys']).__name__ == 'module'\n"
        "assert sys.modules['colorsys'] is colorsys\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    import_lazily("json")
    import_lazily("a_module_that_nobody_has")
    assert "a_module_that_nobody_has" not in sys.modules


def test_lazy_module_that_fails_is_executed_again(tmp_path):
    (tmp_path / "fails_at_first.py").write_text(
        "import os\nif os.environ.setdefault('TRIED', '') == '':\n"
        "    os.environ['TRIED'] = '1'\n    raise RuntimeError('not yet')\nvalue = 3\n"
    )
    code = (
        f"{IMPORT_LAZILY}import_lazily('fails_at_first')\n"
        "import fails_at_first\n"
        "try:\n    fails_at_first.value\nexcept RuntimeError:\n    import fails_at_first\n"
        "assert fails_at_first.value == 3\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
