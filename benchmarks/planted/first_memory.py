"""Planted causes, written the first way: memory, accumulation, indexes and machine code."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.planted.machine_code import POLYNOMIAL, compiled
from benchmarks.planted.pairs import matrix, one, planted
from opbench import impl

allocation = planted("allocation_1", lambda x: x * 2, one, {"N": 1_000_000})


@impl("allocation_1", name="slow")
def allocation_slow(x: Tensor) -> Tensor:
    return torch.mul(x, 2, out=torch.zeros_like(x))


@impl("allocation_1", name="fast")
def allocation_fast(x: Tensor) -> Tensor:
    return torch.mul(x, 2, out=torch.empty_like(x))


recomputation = planted(
    "recomputation_1",
    lambda x: x.exp() / x.exp().sum(-1, keepdim=True),
    matrix,
    {"N": 512, "M": 1024},
)


@impl("recomputation_1", name="slow")
def recomputation_slow(x: Tensor) -> Tensor:
    return x.exp() / x.exp().sum(-1, keepdim=True)


@impl("recomputation_1", name="fast")
def recomputation_fast(x: Tensor) -> Tensor:
    powers = x.exp()
    return powers / powers.sum(-1, keepdim=True)


synchronisation = planted("synchronisation_1", lambda x: x.sum(), one, {"N": 400})


@impl("synchronisation_1", name="slow")
def synchronisation_slow(x: Tensor) -> Tensor:
    total = 0.0
    for value in x:
        total += value.item()
    return x.new_tensor(total)


@impl("synchronisation_1", name="fast")
def synchronisation_fast(x: Tensor) -> Tensor:
    return x.sum()


temporary = planted(
    "temporary_1",
    lambda x, y: x @ y.t(),
    lambda N, M, rng: {
        "x": torch.randn(N, M, generator=rng),
        "y": torch.randn(N, M, generator=rng),
    },
    {"N": 128, "M": 64},
)


@impl("temporary_1", name="slow")
def temporary_slow(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, None, :] * y[None, :, :]).sum(-1)


@impl("temporary_1", name="fast")
def temporary_fast(x: Tensor, y: Tensor) -> Tensor:
    return x @ y.t()


scatter = planted(
    "scatter_1",
    lambda x, ids, lengths: x.new_zeros(lengths.shape[0], x.shape[1]).index_add(0, ids, x),
    lambda N, M, S, rng: {
        "x": torch.randn(N, M, generator=rng),
        "ids": (ids := torch.randint(0, S, (N,), generator=rng).sort().values),
        "lengths": torch.bincount(ids, minlength=S),
    },
    {"N": 8000, "M": 16, "S": 500},
)


@impl("scatter_1", name="slow")
def scatter_slow(x: Tensor, ids: Tensor, lengths: Tensor) -> Tensor:
    return x.new_zeros(lengths.shape[0], x.shape[1]).index_put_((ids,), x, accumulate=True)


@impl("scatter_1", name="fast")
def scatter_fast(x: Tensor, ids: Tensor, lengths: Tensor) -> Tensor:
    return torch.segment_reduce(x, "sum", lengths=lengths, axis=0, unsafe=True)


index_dtype = planted(
    "index_dtype_1",
    lambda x, ids, small: x[ids],
    lambda N, M, rng: {
        "x": torch.randn(N, generator=rng),
        "ids": (ids := torch.randint(0, N, (M,), generator=rng)),
        "small": ids.int(),
    },
    {"N": 4096, "M": 1_000_000},
)


@impl("index_dtype_1", name="slow")
def index_dtype_slow(x: Tensor, ids: Tensor, small: Tensor) -> Tensor:
    return x.index_select(0, ids)


@impl("index_dtype_1", name="fast")
def index_dtype_fast(x: Tensor, ids: Tensor, small: Tensor) -> Tensor:
    return x.index_select(0, small)


vectorisation = planted(
    "vectorisation_1",
    lambda x: ((((x * 0.1 + 0.2) * x + 0.3) * x + 0.4) * x + 0.5) * x + 0.6,
    one,
    {"N": 200_000},
)


@impl("vectorisation_1", name="slow")
def vectorisation_slow(x: Tensor) -> Tensor:
    return compiled(POLYNOMIAL, "-fno-tree-vectorize")(x)


@impl("vectorisation_1", name="fast")
def vectorisation_fast(x: Tensor) -> Tensor:
    return compiled(POLYNOMIAL)(x)
