"""Planted causes, written the second way: memory, accumulation, indexes and machine code."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.planted.machine_code import ROOTS, compiled
from benchmarks.planted.pairs import matrix, one, planted
from opbench import impl

allocation = planted("allocation_2", lambda x: x.sum(-1), matrix, {"N": 1024, "M": 1024})


@impl("allocation_2", name="slow")
def allocation_slow(x: Tensor) -> Tensor:
    unused = torch.full((x.shape[0], x.shape[1]), 0.5)
    return x.sum(-1) if unused is not None else x


@impl("allocation_2", name="fast")
def allocation_fast(x: Tensor) -> Tensor:
    return x.sum(-1)


recomputation = planted(
    "recomputation_2",
    lambda x: (x @ x.t()) * 2 + (x @ x.t()).amax(-1, keepdim=True),
    matrix,
    {"N": 256, "M": 256},
)


@impl("recomputation_2", name="slow")
def recomputation_slow(x: Tensor) -> Tensor:
    def products() -> Tensor:
        return torch.mm(x, x.t())

    return products() * 2 + products().amax(-1, keepdim=True)


@impl("recomputation_2", name="fast")
def recomputation_fast(x: Tensor) -> Tensor:
    products = torch.mm(x, x.t())
    return products * 2 + products.amax(-1, keepdim=True)


synchronisation = planted(
    "synchronisation_2", lambda x: x.clamp(-3, 3) * 2, matrix, {"N": 512, "M": 512}
)


@impl("synchronisation_2", name="slow")
def synchronisation_slow(x: Tensor) -> Tensor:
    if bool((x.abs() > 3).any()):
        return x.clamp(-3, 3) * 2
    return x.clamp(-3, 3) * 2


@impl("synchronisation_2", name="fast")
def synchronisation_fast(x: Tensor) -> Tensor:
    return x.clamp(-3, 3) * 2


temporary = planted(
    "temporary_2",
    lambda x, y: torch.cdist(x, y) ** 2,
    lambda N, M, rng: {
        "x": torch.randn(N, M, generator=rng),
        "y": torch.randn(N, M, generator=rng),
    },
    {"N": 160, "M": 48},
    tolerance=1e-2,
)


@impl("temporary_2", name="slow")
def temporary_slow(x: Tensor, y: Tensor) -> Tensor:
    return (x.unsqueeze(1) - y.unsqueeze(0)).square().sum(2)


@impl("temporary_2", name="fast")
def temporary_fast(x: Tensor, y: Tensor) -> Tensor:
    own = x.square().sum(1)[:, None] + y.square().sum(1)[None]
    return torch.addmm(own, x, y.t(), alpha=-2)


scatter = planted(
    "scatter_2",
    lambda x, ids, ends: x.new_zeros(ends.shape[0]).index_add(0, ids, x),
    lambda N, S, rng: {
        "x": torch.randn(N, generator=rng),
        "ids": (ids := torch.randint(0, S, (N,), generator=rng).sort().values),
        "ends": torch.bincount(ids, minlength=S).cumsum(0),
    },
    {"N": 200_000, "S": 2000},
    tolerance=1e-1,
)


@impl("scatter_2", name="slow")
def scatter_slow(x: Tensor, ids: Tensor, ends: Tensor) -> Tensor:
    return x.new_zeros(ends.shape[0]).scatter_add_(0, ids, x)


@impl("scatter_2", name="fast")
def scatter_fast(x: Tensor, ids: Tensor, ends: Tensor) -> Tensor:
    sums = torch.nn.functional.pad(x.double().cumsum(0), (1, 0))[
        torch.nn.functional.pad(ends, (1, 0))
    ]
    return sums.diff().to(x.dtype)


index_dtype = planted(
    "index_dtype_2",
    lambda x, edges: x.new_tensor(0) + (x[:, None] >= edges).sum(-1),
    lambda N, M, rng: {
        "x": torch.rand(N, generator=rng),
        "edges": torch.linspace(0, 1, M),
    },
    {"N": 200_000, "M": 16},
)


@impl("index_dtype_2", name="slow")
def index_dtype_slow(x: Tensor, edges: Tensor) -> Tensor:
    return _doubled(torch.bucketize(x, edges, right=True)).to(x.dtype) / 2


@impl("index_dtype_2", name="fast")
def index_dtype_fast(x: Tensor, edges: Tensor) -> Tensor:
    return _doubled(torch.bucketize(x, edges, right=True, out_int32=True)).to(x.dtype) / 2


def _doubled(places: Tensor) -> Tensor:
    for _ in range(6):
        places = (places * 3 + places) // 2 - places
    return places * 2


vectorisation = planted(
    "vectorisation_2", lambda x: (x * x + 2).sqrt() - x / 3, one, {"N": 200_000}
)


@impl("vectorisation_2", name="slow")
def vectorisation_slow(x: Tensor) -> Tensor:
    scalar = ROOTS.replace("LOOP", '_Pragma("GCC novector")').replace(
        "float* __restrict y", "volatile float* y"
    )
    return compiled(scalar)(x)


@impl("vectorisation_2", name="fast")
def vectorisation_fast(x: Tensor) -> Tensor:
    return compiled(ROOTS.replace("LOOP", ""))(x)
