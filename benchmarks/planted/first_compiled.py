"""Planted causes of compiled contenders, written the first way."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.planted.pairs import planted
from opbench import impl

graph_break = planted(
    "graph_break_1",
    lambda x: (x.sin() + 1).cos() * 2,
    lambda N, rng: {"x": torch.randn(N, generator=rng)},
    {"N": 100_000},
)


@impl("graph_break_1", name="slow", prepare=torch.compile)
def graph_break_slow(x: Tensor) -> Tensor:
    y = x.sin() + 1
    torch._dynamo.graph_break()
    return y.cos() * 2


@impl("graph_break_1", name="fast", prepare=torch.compile)
def graph_break_fast(x: Tensor) -> Tensor:
    return (x.sin() + 1).cos() * 2
