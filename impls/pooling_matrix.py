"""Contenders for the matrix of the groups' means, with its gradient to the boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import impl
from opbench.impls.segments_marked import (
    entries,
    group_ids,
    most_marks,
    pooling_matrix,
    unit_weights,
)

if TYPE_CHECKING:
    from torch import Tensor


@impl("pooling_matrix")
def broadcast(boundaries: Tensor) -> Tensor:
    """Every token's group compared with every slot, then each column over its sum."""
    slots = torch.arange(most_marks(boundaries), device=boundaries.device)
    inside = group_ids(boundaries).unsqueeze(2) == slots
    weights = torch.where(inside, unit_weights(boundaries, 1.0).unsqueeze(2), 0.0)
    return (weights / weights.sum(1, keepdim=True).clamp(min=1)).to(boundaries.dtype)


@impl("pooling_matrix")
def scatter(boundaries: Tensor) -> Tensor:
    """One entry per token, written to its slot."""
    return pooling_matrix(boundaries, most_marks(boundaries))


@impl("pooling_matrix")
def searchsorted(boundaries: Tensor) -> Tensor:
    """The first and the last token of every slot, found in the running sum of boundaries."""
    batch, size = boundaries.shape
    number = most_marks(boundaries)
    if number == 0:
        return boundaries.new_zeros(batch, size, 0)
    place = torch.arange(1, number + 1, device=boundaries.device).expand(batch, -1).contiguous()
    marked = boundaries.detach().cumsum(1, dtype=torch.int64)
    ends = torch.searchsorted(marked, place).add_(1).unsqueeze(1)
    starts = torch.nn.functional.pad(ends[:, :, :-1], (1, 0))
    token = torch.arange(size, device=boundaries.device).unsqueeze(1)
    inside = (token >= starts) & (token < ends)
    values, _ = entries(boundaries, number)
    return torch.where(inside, values.to(boundaries.dtype).unsqueeze(2), 0.0)
