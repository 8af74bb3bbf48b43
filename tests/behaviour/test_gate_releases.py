"""The gate over two releases of packages that others publish: what they do is nobody's fault here.

Needs an index to download them from; the packages themselves are not installed.
"""

import subprocess
import sys
import zipfile

import pytest

from opbench.harness.cli.exit_codes import Exit
from tests.harness.projects import SHORT, commit, gate, git, repository

#: Contenders of one op, each of which calls what a package is there for.
OPS = """\
import torch
{imports}
from opbench import Cost, Op, impl

{name} = Op(
    name="{name}",
    oracle=lambda x: {oracle},
    axes={{"N": "rows", "M": "columns"}},
    inputs={{"normal": lambda N, M, rng: {{"x": torch.randn(2, N, M, generator=rng)}}}},
    quick={{"small": {{"N": 16, "M": 32}}}},
    dtypes=("float32",),
    cost=lambda N, M, e: Cost(N * M, e * N * M),
)

"""
EINOPS = (
    OPS.format(
        name="einops",
        imports="from einops import rearrange, reduce",
        oracle="x.view(2, x.shape[1] // 2, 2, x.shape[2]).amax(2)",
    )
    + """
@impl("einops")
def rearranged(x):
    return rearrange(x, "b (h k) m -> b h k m", k=2).amax(2)


@impl("einops")
def reduced(x):
    return reduce(x, "b (h k) m -> b h m", "max", k=2)
"""
)
ROTARY = (
    OPS.format(
        name="rotary",
        imports="from rotary_embedding_torch.rotary_embedding_torch import rotate_half",
        oracle="torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)",
    )
    + """
@impl("rotary")
def rotated(x):
    return rotate_half(x)
"""
)
LION = (
    OPS.format(
        name="lion",
        imports="from lion_pytorch.lion_pytorch import Lion",
        oracle="x - 1e-2 * torch.sign(x)",
    )
    + """
@impl("lion")
def stepped(x):
    weight = torch.nn.Parameter(x.clone())
    weight.grad = x.clone()
    Lion([weight], lr=1e-2).step()
    return weight.detach()
"""
)
#: Two releases of each package.
OLD = ("einops==0.6.1", "rotary-embedding-torch==0.6.5", "lion-pytorch==0.0.7")
NEW = ("einops==0.8.1", "rotary-embedding-torch==0.8.9", "lion-pytorch==0.2.3")
#: Files that call them.
CALLING = {
    "bench/with_einops.py": EINOPS,
    "bench/with_rotary.py": ROTARY,
    "bench/with_lion.py": LION,
}


def released(folder, wanted):
    """The files of releases, by their names. Skips the test where one of them can't be had."""
    words = ("pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:")
    command = (sys.executable, "-m", *words, "--dest", str(folder), *wanted)
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"{', '.join(wanted)} can't be downloaded here")
    files = {}
    for path in folder.glob("*.whl"):
        with zipfile.ZipFile(path) as wheel:
            names = [name for name in wheel.namelist() if name.endswith(".py")]
            files |= {name: wheel.read(name).decode() for name in names}
    return files


def test_two_releases_are_compared_as_twins(tmp_path):
    before, after = released(tmp_path / "old", OLD), released(tmp_path / "new", NEW)
    root = repository(tmp_path / "vendored", {**before, **CALLING})
    git(root, "rm", "--quiet", "--", *before)
    commit(root, after, branch="new")
    loads = [word for file in CALLING for word in ("--load", file)]
    done = gate(root, "--base", "main", *loads, "--threads", "1", *SHORT, "--json")
    assert done.code in (Exit.OK, Exit.REGRESSION, Exit.INCONCLUSIVE), done.out + done.error
    assert set(done.verdicts) == {"rearranged", "reduced", "rotated", "stepped"}
    assert done.uncompared == {}
    assert done.reported["gate"]["method"] == "twins"
    assert {found["method"] for found in done.reported["findings"]} == {"twins"}
