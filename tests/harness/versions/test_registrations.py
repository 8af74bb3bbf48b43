"""Whose doing it is that an op is registered with torch."""

import subprocess
import sys

import pytest

#: Registers ops as a file says, and prints those that are laid to the version.
PROGRAM = """
import sys
from pathlib import Path
from opbench.harness.versions.registrations import Registered, by_versions
from opbench.harness.versions.trees import Trees

root, lines = Path(sys.argv[1]), sys.argv[2]
trees = Trees()
trees.add([root])
before = Registered.now()
exec(compile(lines, str(root / "ops.py") if sys.argv[3] == "own" else sys.argv[3], "exec"))
print(by_versions(before, Registered.now(), trees))
"""
CUSTOM = """
import torch
@torch.library.custom_op("theirs::doubled", mutates_args=())
def doubled(x: torch.Tensor) -> torch.Tensor:
    return 2 * x
"""
LIBRARY = """
import torch
library = torch.library.Library("theirs", "DEF")
library.define("doubled(Tensor x) -> Tensor")
"""
DEFINED = """
import torch
torch.library.define("theirs::doubled", "(Tensor x) -> Tensor")
"""
HASHED = CUSTOM.replace("theirs::", "theirs_0123456789abcdef::")


def laid(root, lines, file="own"):
    """What is laid to a version at `root` that runs these lines, of its own file or another."""
    words = (sys.executable, "-c", PROGRAM, str(root), lines, file)
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("lines", [CUSTOM, LIBRARY, DEFINED], ids=["custom", "library", "defined"])
def test_an_op_registered_by_a_version_is_its_own(tmp_path, lines):
    assert laid(tmp_path, lines) == "['theirs::doubled']"


@pytest.mark.parametrize("lines", [CUSTOM, LIBRARY], ids=["custom", "library"])
def test_an_op_of_an_installed_package_is_of_no_version(tmp_path, lines):
    site = tmp_path / "env" / "site-packages"
    site.mkdir(parents=True)
    (site / "their_ops.py").write_text(lines)
    assert laid(tmp_path, lines, str(site / "their_ops.py")) == "[]"


def test_an_op_of_generated_code_may_be_a_versions(tmp_path):
    assert laid(tmp_path, LIBRARY, "<string>") == "['theirs::doubled']"


def test_an_op_that_torch_registers_late_is_of_no_version(tmp_path):
    """The compiler, and what comes along with it: dozens of ops, by all ways of registering."""
    lines = "import torch._inductor.compile_fx, torch.distributed.tensor, torch.onnx"
    assert laid(tmp_path, lines) == "[]"


def test_a_name_made_of_the_source_is_the_same_in_both(tmp_path):
    assert laid(tmp_path, HASHED) == "[]"
