"""Versions that put objects of theirs into shared modules can't share a process."""

import subprocess
import sys

import pytest

from opbench.harness.versions.patches import patches
from tests.harness.two_versions import version

#: Loads two versions as a worker does, and prints why they can't be in one process, or nothing.
PROGRAM = """
import sys
from pathlib import Path
from opbench.harness.versions.sources import Version
from opbench.harness.execution.version_calls import load_versions
from opbench.harness.versions.loaded import LoadedVersions
from opbench.results.errors import VersionError

home = Path(sys.argv[2])
versions = {name: Version(label=name, root=Path(root), home=home, modules=("ops.py",))
            for name, root in zip(("base", "head"), sys.argv[1:], strict=True)}
try:
    load_versions(LoadedVersions(), versions, ())
except VersionError as error:
    print(error)
"""
#: Lines by which versions change torch while they are loaded, and the place that is changed.
PATCHES = {
    "torch.Tensor.their_rows = lambda x: x.sum(1)": "torch.Tensor.their_rows",
    "torch.Tensor.theirs = property(lambda x: x)": "torch.Tensor.theirs",
    "torch.Tensor.made = classmethod(lambda cls: cls)": "torch.Tensor.made",
    "import functools\ntorch.sum = functools.wraps(torch.sum)(lambda x, d: x)": "torch.sum",
    "import functools\ntorch.part = functools.partial(lambda x: x)": "torch.part",
    "class Mine: pass\ntorch.nn.Mine = Mine": "torch.nn.Mine",
    "class Mine: pass\ntorch.backends.mine = Mine()": "torch.backends.mine",
    "import builtins\nbuiltins.rows = lambda x: x": "builtins.rows",
    "import inner_module\ntorch.inner = inner_module": "torch.inner",
    "from opbench.harness import profiling\nprofiling.mine = lambda: 0": (
        "opbench.harness.profiling.mine"
    ),
}


@pytest.fixture
def refusal(tmp_path):
    """Says why two versions whose `ops.py` ends in these lines can't be in one process."""

    def loaded(lines):
        roots = [tmp_path / "base", tmp_path / "head"]
        for root in roots:
            version(root, root.name)
            with (root / "ops.py").open("a") as file:
                file.write(f"\n{lines}\n")
        command = (sys.executable, "-P", "-c", PROGRAM, *map(str, roots))
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return loaded


@pytest.mark.parametrize(("lines", "where"), PATCHES.items(), ids=PATCHES.values())
def test_patches_of_torch_keep_versions_apart(refusal, lines, where):
    assert f"what is theirs in {where}, which they share" in refusal(lines)


def test_versions_without_patches_share_a_process(refusal):
    """Objects of torch's own are no patches, nor are modules that a version imports."""
    assert (
        refusal("torch.Tensor.total = torch.Tensor.sum\nimport inner_module as torch_inner") == ""
    )


def test_lazy_objects_are_not_executed(monkeypatch):
    class Lazy:
        @property
        def __class__(self):
            raise AssertionError("it was executed")

    monkeypatch.setattr(sys, "lazy_one", Lazy(), raising=False)
    monkeypatch.setitem(sys.modules, "a_number", 3)
    monkeypatch.setitem(sys.modules, "nothing", None)
    assert list(patches({"nobody"})) == []
