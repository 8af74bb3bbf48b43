"""Row sums in C++ by ctypes; one contender reads a number beyond the last."""

import ctypes
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import torch

from opbench import Cost, Op, impl

SOURCE = """
extern "C" void sums(const float* x, float* out, long rows, long columns, long beyond) {
  for (long row = 0; row < rows; ++row) {
    float sum = 0;
    for (long column = 0; column < columns; ++column) sum += x[row * columns + column];
    out[row] = sum + 0 * x[row * columns + columns - 1 + beyond];
  }
}
"""

row_sum = Op(
    name="row_sum",
    oracle=lambda x: x.sum(1),
    axes={"N": "rows", "M": "columns"},
    inputs={"normal": lambda N, M, rng: {"x": torch.randn(N, M, generator=rng)}},
    quick={"small": {"N": 4, "M": 16}},
    dtypes=("float32",),
    cost=lambda N, M, e: Cost(N * M, e * (N * M + N)),
)


def _built():
    """The library, compiled as the kernels are."""
    folder = Path(tempfile.mkdtemp())
    source, target = folder / "sums.cpp", folder / "sums.so"
    source.write_text(SOURCE)
    command = shlex.split(os.environ.get("CXX", "g++"))
    subprocess.run([*command, "-shared", "-fPIC", "-O1", source, "-o", target], check=True)
    return ctypes.CDLL(str(target))


LIBRARY = _built()


def _sums(x, beyond):
    # Memory of its own, at whose end the sanitizer watches.
    given, out = x.contiguous().clone(), x.new_empty(len(x))
    rows, columns = given.shape
    numbers = (ctypes.c_long(number) for number in (rows, columns, beyond))
    pointers = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (given, out))
    if given.numel():
        LIBRARY.sums(*pointers, *numbers)
    return out


@impl("row_sum", name="cpp")
def within(x):
    return _sums(x, 0)


@impl("row_sum", name="beyond")
def beyond(x):
    return _sums(x, 1)
