"""How planted pairs are declared: an op each, with a contender `slow` and a contender `fast`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from opbench import Cost, Op

Inputs = Callable[..., dict[str, Any]]


def planted(
    name: str,
    oracle: Callable[..., Tensor],
    inputs: Inputs,
    sizes: Mapping[str, int],
    *,
    tolerance: float = 1e-3,
) -> Op:
    """The op of a pair: one shape, one kind of inputs, no gradients.

    inputs: of the sizes by name and `rng`. tolerance: in float32.
    """
    return Op(
        name=name,
        oracle=oracle,
        axes=dict.fromkeys(sizes, "a size"),
        inputs={"normal": inputs},
        quick={"planted": dict(sizes)},
        cost=lambda: Cost(0, 0),
        magnitude=None,
        tolerance={"float32": tolerance},
    )


def one(N: int, rng: torch.Generator) -> dict[str, Tensor]:
    """A vector."""
    return {"x": torch.randn(N, generator=rng)}


def matrix(N: int, M: int, rng: torch.Generator) -> dict[str, Tensor]:
    """A matrix."""
    return {"x": torch.randn(N, M, generator=rng)}
