"""The Triton kernels: compiled ahead of time without a GPU, and run by the interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

triton = pytest.importorskip("triton")

HERE = Path(__file__)
INTERPRETED = HERE.with_name("test_kernels_triton_interpreted.py")
ELEMENTS = ("fp32", "fp16", "bf16")

compiles = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") == "1", reason="the interpreter does not compile"
)


@compiles
@pytest.mark.parametrize("element", ELEMENTS)
def test_every_kernel_compiles_to_a_cubin(element, monkeypatch, tmp_path):
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from impls.kernels.segment_mean_triton import OPTIONS, VARIANTS

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    for variant in VARIANTS:
        source = ASTSource(variant.kernel, variant.signature_of(element), dict(variant.constants))
        compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=dict(OPTIONS))
        assert compiled.asm["cubin"].startswith(b"\x7fELF"), variant.name


@compiles
def test_the_variants_cover_every_kernel():
    from impls.kernels import segment_mean_triton

    kernels = [
        value
        for value in vars(segment_mean_triton).values()
        if isinstance(value, triton.runtime.JITFunction)
    ]
    assert len(kernels) == 4
    assert {kernel.fn.__name__ for kernel in kernels} == {
        variant.kernel.fn.__name__ for variant in segment_mean_triton.VARIANTS
    }


@pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") == "1", reason="this process runs them itself"
)
def test_under_the_interpreter():
    # Triton decides when it is imported, so the interpreter needs a process of its own.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(INTERPRETED)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=HERE.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    assert "skipped" not in done.stdout
