"""Planted causes, written the first way: the rules were made with these at hand."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from benchmarks.planted.pairs import matrix, one, planted
from opbench import impl

copy = planted("copy_1", lambda x: x * 2 + 1, one, {"N": 1_000_000})


@impl("copy_1", name="slow")
def copy_slow(x: Tensor) -> Tensor:
    return (x.clone() * 2).add_(1)


@impl("copy_1", name="fast")
def copy_fast(x: Tensor) -> Tensor:
    return (x * 2).add_(1)


conversion = planted("conversion_1", lambda x: x.relu(), one, {"N": 1_000_000})


@impl("conversion_1", name="slow")
def conversion_slow(x: Tensor) -> Tensor:
    return torch.relu(x).to(torch.float64).to(torch.float32)


@impl("conversion_1", name="fast")
def conversion_fast(x: Tensor) -> Tensor:
    return torch.relu(x)


dtype = planted(
    "dtype_1",
    lambda x, y: x @ y,
    lambda N, rng: {
        "x": torch.randn(N, N, generator=rng),
        "y": torch.randn(N, N, generator=rng),
    },
    {"N": 384},
)


@impl("dtype_1", name="slow")
def dtype_slow(x: Tensor, y: Tensor) -> Tensor:
    return (x.double() @ y.double()).float()


@impl("dtype_1", name="fast")
def dtype_fast(x: Tensor, y: Tensor) -> Tensor:
    return x @ y


fusion = planted(
    "fusion_1", lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))), one, {"N": 500_000}
)


@impl("fusion_1", name="slow")
def fusion_slow(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


@impl("fusion_1", name="fast")
def fusion_fast(x: Tensor) -> Tensor:
    return torch.nn.functional.gelu(x)


page_faults = planted("page_faults_1", lambda x: (x + 1).sum(-1), matrix, {"N": 3072, "M": 4096})


@functools.cache
def _scratch(*shape: int) -> Tensor:
    return torch.empty(*shape)


@impl("page_faults_1", name="slow")
def page_faults_slow(x: Tensor) -> Tensor:
    return torch.add(x, 1).sum(-1)


@impl("page_faults_1", name="fast")
def page_faults_fast(x: Tensor) -> Tensor:
    if x.dtype != torch.float32:
        return torch.add(x, 1).sum(-1)
    return torch.add(x, 1, out=_scratch(*x.shape)).sum(-1)


threads = planted("threads_1", lambda x: x.exp(), one, {"N": 1_000_000})


@impl("threads_1", name="slow")
def threads_slow(x: Tensor) -> Tensor:
    number = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return torch.exp(x)
    finally:
        torch.set_num_threads(number)


@impl("threads_1", name="fast")
def threads_fast(x: Tensor) -> Tensor:
    return torch.exp(x)


python = planted("python_1", lambda x: x.sum(-1), matrix, {"N": 200, "M": 64})


@impl("python_1", name="slow")
def python_slow(x: Tensor) -> Tensor:
    return torch.stack([row.sum() for row in x])


@impl("python_1", name="fast")
def python_fast(x: Tensor) -> Tensor:
    return x.sum(-1)


layout = planted(
    "layout_1",
    lambda x, y, z: x + y,
    lambda N, rng: {
        "x": torch.randn(N, N, generator=rng),
        "y": (y := torch.randn(N, N, generator=rng)),
        "z": y.t().contiguous(),
    },
    {"N": 1024},
)


@impl("layout_1", name="slow")
def layout_slow(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return x + z.t()


@impl("layout_1", name="fast")
def layout_fast(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return x + y


denormals = planted(
    "denormals_1", lambda x: (x.abs() + 1).sqrt(), one, {"N": 200_000}, tolerance=1e-2
)


def _scaled(x: Tensor, scale: float) -> Tensor:
    return ((x.abs() + 1) * scale).sqrt() / math.sqrt(scale)


@impl("denormals_1", name="slow")
def denormals_slow(x: Tensor) -> Tensor:
    return _scaled(x, 1e-39)


@impl("denormals_1", name="fast")
def denormals_fast(x: Tensor) -> Tensor:
    return _scaled(x, 1e-30)
