"""Machine anchors: three reference workloads, by which the speed of a machine is followed.

One is bound by memory, one by arithmetic, one by the dispatch of a call. They are part of the
harness, so that no change of a project can alter them; a catalogue has them where this module is
loaded into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench.harness.declare import Cost, Op, impl
from opbench.results.records.anchors import ARITHMETIC, DISPATCH, MEMORY

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def _vector(rng: torch.Generator, N: int) -> dict[str, Tensor]:
    """Inputs of the anchor that reads memory."""
    import torch

    return {"x": torch.rand(N, generator=rng)}


def _matrix(rng: torch.Generator, N: int) -> dict[str, Tensor]:
    """Inputs of the anchor that computes."""
    import torch

    return {"x": torch.rand(N, N, generator=rng)}


def _doubled(x: Tensor) -> Tensor:
    """What the anchor of memory does: read each number once, write one."""
    return x + x


#: Read and not copied: a copy spends most of its time getting memory, page by page, and that varies
#: by itself.
anchor_memory = Op(
    name=MEMORY,
    oracle=lambda x: x.sum(),
    axes={"N": "elements"},
    inputs={"normal": _vector},
    quick={"beyond_caches": {"N": 1 << 23}},
    dtypes=("float32",),
    tolerance={"float32": 1e-5},
    cost=lambda N, e: Cost(N, N * e),
    source="the machine: 32 MiB read",
)
anchor_arithmetic = Op(
    name=ARITHMETIC,
    oracle=lambda x: x @ x,
    axes={"N": "rows and columns"},
    inputs={"normal": _matrix},
    quick={"in_caches": {"N": 384}},
    dtypes=("float32",),
    tolerance={"float32": 1e-5},
    cost=lambda N, e: Cost(2 * N**3, 2 * N * N * e),
    source="the machine: a product of matrices",
)
anchor_dispatch = Op(
    name=DISPATCH,
    oracle=_doubled,
    axes={"N": "elements"},
    inputs={"normal": _vector},
    quick={"one": {"N": 1}},
    dtypes=("float32",),
    tolerance={"float32": 1e-6},
    cost=lambda N, e: Cost(N, 2 * N * e),
    source="the machine: one call of torch",
)


@impl(MEMORY, name="sum")
def total(x: Tensor) -> Tensor:
    """A sum over a tensor that no cache holds."""
    return x.sum()


@impl(ARITHMETIC, name="matmul")
def matmul(x: Tensor) -> Tensor:
    """A product of matrices that a cache holds."""
    return x @ x


@impl(DISPATCH, name="add")
def add(x: Tensor) -> Tensor:
    """A sum of two numbers: all of it is the call."""
    return x + x
