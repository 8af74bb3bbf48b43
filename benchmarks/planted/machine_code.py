"""C functions for planted pairs, compiled with vectors or without, called through ctypes."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

#: y[i] = a polynomial of x[i].
POLYNOMIAL = """
extern "C" void apply(const float* __restrict x, float* __restrict y, long n) {
  for (long i = 0; i < n; i++) {
    float v = x[i];
    y[i] = ((((v * 0.1f + 0.2f) * v + 0.3f) * v + 0.4f) * v + 0.5f) * v + 0.6f;
  }
}
"""
#: y[i] = the difference of two roots, each element by itself.
ROOTS = """
extern "C" void apply(const float* __restrict x, float* __restrict y, long n) {
  LOOP
  for (long i = 0; i < n; i++) y[i] = __builtin_sqrtf(x[i] * x[i] + 2.0f) - x[i] / 3.0f;
}
"""


def compiled(source: str, *flags: str) -> Callable[[Tensor], Tensor]:
    """A function that applies the code to each element of a contiguous tensor."""
    function = _library(source, flags).apply
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
    function.restype = None

    def apply(x: Tensor) -> Tensor:
        y = x.new_empty(x.shape)
        function(x.data_ptr(), y.data_ptr(), x.numel())
        return y

    return apply


@functools.cache
def _library(source: str, flags: tuple[str, ...]) -> ctypes.CDLL:
    """The library of a source, compiled unless it was before."""
    key = hashlib.sha256("\0".join((source, *flags)).encode()).hexdigest()[:12]
    path = Path(tempfile.gettempdir()) / f"opbench-planted-{key}.so"
    if not path.exists():
        command = ["c++", "-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno"]
        command += ["-shared", "-fPIC"]
        command += [*flags, "-x", "c++", "-", "-o", str(path)]
        subprocess.run(command, input=source.encode(), check=True, capture_output=True)
    return ctypes.CDLL(str(path))
