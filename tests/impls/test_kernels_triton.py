"""The Triton kernels: compiled ahead of time without a GPU, and run by the interpreter."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

triton = pytest.importorskip("triton")

HERE = Path(__file__)
ROOT = HERE.parents[2]
INTERPRETED = sorted(map(str, HERE.parent.glob("*_triton_interpreted.py")))
#: The modules that say how their kernels are compiled.
MODULES = sorted(
    path.stem
    for path in (ROOT / "impls" / "kernels").glob("*_triton.py")
    if "\nVARIANTS = " in path.read_text(encoding="utf-8")
)
ELEMENTS = ("fp32", "fp16", "bf16")
SHARED_BYTES = 227 * 1024  # that a program may have on an H100

pytestmark = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") == "1", reason="the interpreter does not compile"
)


def kernels_of(module):
    """What is compiled by itself: the functions that other kernels call begin with _."""
    found = importlib.import_module(f"opbench.impls.kernels.{module}")
    functions = (f for f in vars(found).values() if isinstance(f, triton.runtime.JITFunction))
    return found, {f for f in functions if not f.fn.__name__.startswith("_")}


def compiled(variant, element):
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    source = ASTSource(variant.kernel, variant.signature_of(element), dict(variant.constants))
    target = GPUTarget("cuda", 90, 32)
    return triton.compile(source, target=target, options=dict(variant.options))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One cache for all: a kernel that has no element type is compiled once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
        yield


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("module", MODULES)
def test_every_kernel_compiles_to_a_cubin(module, element):
    for variant in kernels_of(module)[0].VARIANTS:
        found = compiled(variant, element)
        assert found.asm["cubin"].startswith(b"\x7fELF"), variant.name
        assert found.metadata.shared <= SHARED_BYTES, variant.name


def test_the_variants_cover_every_kernel():
    assert len(MODULES) >= 5
    for module in MODULES:
        found, kernels = kernels_of(module)
        assert kernels == {variant.kernel for variant in found.VARIANTS}, module
        assert len({variant.name for variant in found.VARIANTS}) == len(found.VARIANTS), module


def test_no_kernel_is_anywhere_else():
    for path in sorted((ROOT / "impls").rglob("*.py")):
        if "@triton.jit" in path.read_text(encoding="utf-8"):
            assert path.stem in MODULES, path


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("element", "size"), [("bf16", 2), ("fp32", 4), ("fp64", 8)])
def test_the_largest_products_fit_an_h100(element, size):
    from opbench.impls.kernels import experts_kernels_triton as kernels
    from opbench.impls.kernels.experts_triton import product_tile
    from opbench.impls.kernels.triton_variant import variant

    tile = product_tile(4096, 4096, size)
    constants = {name: tile.pop(name) for name in ("ROWS", "COLUMNS", "INNER")}
    pointers = {"left": "*T", "right": "*T", "target": "*T"}
    dense = {"left_inner": 1, "right_column": 1, "WIDEN": False}
    found = compiled(
        variant("product", kernels.multiply, pointers, tile, **dense, **constants), element
    )
    assert found.metadata.shared <= SHARED_BYTES
    assert ("wgmma" in found.asm["ptx"]) == (size == 2)


def test_under_the_interpreter():
    # Triton decides when it is imported, so the interpreter needs a process of its own.
    assert len(INTERPRETED) >= 4
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *INTERPRETED],
        # One thread: a program's tensors are a few elements, and waking others takes longer.
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    assert "skipped" not in done.stdout
