"""The gate over two releases of packages that others publish: what they do is nobody's fault here.

Needs an index to download them from; the packages themselves are not installed.
"""

import subprocess
import sys
import zipfile

import pytest

from opbench.harness.cli.exit_codes import Exit
from tests.harness.projects import commit, gate, git, repository

pytestmark = pytest.mark.alone
#: Contenders of one op, each of which calls what a package is there for.
OPS = """\
import torch
{imports}
from opbench import Cost, Op, impl

called = Op(
    name="called",
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
        imports="from einops import rearrange, reduce",
        oracle="x.view(2, x.shape[1] // 2, 2, x.shape[2]).amax(2)",
    )
    + """
@impl("called")
def rearranged(x):
    return rearrange(x, "b (h k) m -> b h k m", k=2).amax(2)


@impl("called")
def reduced(x):
    return reduce(x, "b (h k) m -> b h m", "max", k=2)
"""
)
ROTARY = (
    OPS.format(
        imports="from rotary_embedding_torch.rotary_embedding_torch import rotate_half",
        oracle="torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)",
    )
    + """
@impl("called")
def rotated(x):
    return rotate_half(x)
"""
)
LION = (
    OPS.format(
        imports="from lion_pytorch.lion_pytorch import Lion",
        oracle="x - 1e-2 * torch.sign(x)",
    )
    + """
@impl("called")
def stepped(x):
    weight = torch.nn.Parameter(x.clone())
    weight.grad = x.clone()
    Lion([weight], lr=1e-2).step()
    return weight.detach()
"""
)


def release(folder, package, version):
    """The files of a release, by their names. Skips the test where it can't be had."""
    words = ("pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:")
    command = (sys.executable, "-m", *words, "--dest", str(folder), f"{package}=={version}")
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = sorted(folder.glob(f"*-{version}-*.whl"))
    if done.returncode or not wheels:
        pytest.skip(f"{package} {version} can't be downloaded here")
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = [name for name in wheel.namelist() if name.endswith(".py")]
        return {name: wheel.read(name).decode() for name in names}


@pytest.mark.parametrize(
    ("package", "old", "new", "ops", "contenders"),
    [
        ("einops", "0.6.1", "0.8.1", EINOPS, {"rearranged", "reduced"}),
        ("rotary-embedding-torch", "0.6.5", "0.8.9", ROTARY, {"rotated"}),
        ("lion-pytorch", "0.0.7", "0.2.3", LION, {"stepped"}),
    ],
)
def test_two_releases_are_compared_as_twins(tmp_path, package, old, new, ops, contenders):
    before, after = release(tmp_path, package, old), release(tmp_path, package, new)
    root = repository(tmp_path / "vendored", {**before, "bench/ops.py": ops})
    git(root, "rm", "--quiet", "--", *before)
    commit(root, after, branch="new")
    words = ("--load", "bench/ops.py", "--threads", "1", "--min-slowdown", "50%", "--budget", "1s")
    done = gate(root, "--base", "main", *words, "--json")
    assert done.code in (Exit.OK, Exit.REGRESSION, Exit.INCONCLUSIVE), done.out + done.error
    assert set(done.verdicts) == contenders
    assert done.uncompared == {}
    assert done.told["gate"]["method"] == "twins"
    assert {found["method"] for found in done.told["findings"]} == {"twins"}
