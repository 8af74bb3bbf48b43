"""Planted causes of compiled contenders, written the second way."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.planted.pairs import one, planted
from opbench import impl

graph_break = planted(
    "graph_break_2", lambda x: (x * 2).exp().clamp(max=5) + 1, one, {"N": 100_000}
)


@impl("graph_break_2", name="slow", prepare=torch.compile)
def graph_break_slow(x: Tensor) -> Tensor:
    y = (x * 2).exp()
    if y.sum().item() > -1:
        y = y.clamp(max=5)
    return y + 1


@impl("graph_break_2", name="fast", prepare=torch.compile)
def graph_break_fast(x: Tensor) -> Tensor:
    return (x * 2).exp().clamp(max=5) + 1
