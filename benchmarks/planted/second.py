"""Planted causes, written the second way, when the rules were done: none was made with these."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from benchmarks.planted.pairs import matrix, one, planted
from opbench import impl

copy = planted("copy_2", lambda x: x.softmax(-1), matrix, {"N": 1024, "M": 512})


@impl("copy_2", name="slow")
def copy_slow(x: Tensor) -> Tensor:
    turned = x.t().contiguous()
    return torch.softmax(turned.t().contiguous(), -1)


@impl("copy_2", name="fast")
def copy_fast(x: Tensor) -> Tensor:
    return torch.softmax(x, -1)


conversion = planted("conversion_2", lambda x: x.sum(-1), matrix, {"N": 1024, "M": 1024})


@impl("conversion_2", name="slow")
def conversion_slow(x: Tensor) -> Tensor:
    wide = torch.empty(x.shape, dtype=torch.float64).copy_(x)
    return torch.empty_like(x).copy_(wide).sum(-1)


@impl("conversion_2", name="fast")
def conversion_fast(x: Tensor) -> Tensor:
    return x.sum(-1)


dtype = planted("dtype_2", lambda x: x.sin().cumsum(-1), matrix, {"N": 512, "M": 512})


@impl("dtype_2", name="slow")
def dtype_slow(x: Tensor) -> Tensor:
    return torch.cumsum(torch.sin(x.to(torch.float64)), -1).to(x.dtype)


@impl("dtype_2", name="fast")
def dtype_fast(x: Tensor) -> Tensor:
    return torch.cumsum(torch.sin(x), -1)


fusion = planted(
    "fusion_2",
    lambda x: (
        (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5) ** 0.5
    ),
    matrix,
    {"N": 512, "M": 1024},
    tolerance=1e-2,
)


@impl("fusion_2", name="slow")
def fusion_slow(x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    spread = (centred * centred).mean(-1, keepdim=True)
    return centred * torch.rsqrt(spread + 1e-5)


@impl("fusion_2", name="fast")
def fusion_fast(x: Tensor) -> Tensor:
    return torch.nn.functional.layer_norm(x, (x.shape[-1],))


page_faults = planted("page_faults_2", lambda x: (x * x).amax(-1), matrix, {"N": 4096, "M": 4096})


@functools.cache
def _kept(rows: int, columns: int) -> Tensor:
    return torch.empty(rows, columns)


@impl("page_faults_2", name="slow")
def page_faults_slow(x: Tensor) -> Tensor:
    scratch = torch.empty(x.shape, dtype=x.dtype)
    return torch.mul(x, x, out=scratch).amax(-1)


@impl("page_faults_2", name="fast")
def page_faults_fast(x: Tensor) -> Tensor:
    if x.dtype != torch.float32:
        return (x * x).amax(-1)
    return torch.mul(x, x, out=_kept(*x.shape)).amax(-1)


threads = planted("threads_2", lambda x: x.tanh(), one, {"N": 1_000_000})


@impl("threads_2", name="slow")
def threads_slow(x: Tensor) -> Tensor:
    # Pieces that are each too small to be shared out among threads.
    result = torch.empty_like(x)
    for start in range(0, x.numel(), 250_000):
        piece = slice(start, start + 250_000)
        number = torch.get_num_threads()
        torch.set_num_threads(1)
        torch.tanh(x[piece], out=result[piece])
        torch.set_num_threads(number)
    return result


@impl("threads_2", name="fast")
def threads_fast(x: Tensor) -> Tensor:
    result = torch.empty_like(x)
    for start in range(0, x.numel(), 250_000):
        piece = slice(start, start + 250_000)
        torch.tanh(x[piece], out=result[piece])
    return result


python = planted("python_2", lambda x: x.abs().sum(), one, {"N": 3000})


@impl("python_2", name="slow")
def python_slow(x: Tensor) -> Tensor:
    total = 0.0
    for value in x.numpy():
        total += abs(float(value))
    return torch.tensor(total, dtype=x.dtype)


@impl("python_2", name="fast")
def python_fast(x: Tensor) -> Tensor:
    return torch.tensor(np.abs(x.numpy()).sum(dtype=np.float64), dtype=x.dtype)


layout = planted(
    "layout_2",
    lambda x, y: x.exp(),
    lambda N, rng: {
        "x": (x := torch.randn(N, N, generator=rng)),
        "y": torch.stack([x, x], -1).contiguous(),
    },
    {"N": 1024},
)


@impl("layout_2", name="slow")
def layout_slow(x: Tensor, y: Tensor) -> Tensor:
    return torch.exp(y[..., 0])


@impl("layout_2", name="fast")
def layout_fast(x: Tensor, y: Tensor) -> Tensor:
    return torch.exp(x)


denormals = planted("denormals_2", lambda x: 1 / (x.abs() + 1), one, {"N": 300_000}, tolerance=1e-2)


def _divided(x: Tensor, scale: float) -> Tensor:
    top = torch.full_like(x, scale)
    return torch.div(torch.div(top, x.abs() + 1), scale)


@impl("denormals_2", name="slow")
def denormals_slow(x: Tensor) -> Tensor:
    return _divided(x, 1e-39)


@impl("denormals_2", name="fast")
def denormals_fast(x: Tensor) -> Tensor:
    return _divided(x, 1e-20)
