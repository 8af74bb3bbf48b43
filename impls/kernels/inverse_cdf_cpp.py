"""Sampling from a distribution in C++ on the CPU: two functions over `inverse_cdf.cpp`."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor

from opbench.impls.kernels import cpp_ops
from opbench.impls.kernels.cpp_ops import Kernel

SOURCE = Path(__file__).with_name("inverse_cdf.cpp")


def inverse_cdf(probs: Tensor, u: Tensor) -> Tensor:
    """The first event whose running sum exceeds each u."""
    result: Tensor = _ops().inverse_cdf(probs, u, False)
    return result


def sample_distribution(probs: Tensor, n: int) -> Tensor:
    """Events at uniform numbers of the type of `probs`, the running sum being scaled to 1."""
    u = torch.rand(n, dtype=probs.dtype)
    result: Tensor = _ops().inverse_cdf(probs, u, True)
    return result


@functools.cache
def _ops() -> SimpleNamespace:
    return cpp_ops.load(SOURCE, _KERNELS)


_KERNELS = {
    "inverse_cdf": Kernel(lambda probs, u, scaled: u.new_empty(u.shape, dtype=torch.int64)),
}
