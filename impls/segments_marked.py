"""Which group each token is in where marks end groups, and gradients that flow back to the marks.

A group is numbered by the marks before it, so the tokens of a sequence have rising numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench.impls.dtypes import accumulator

if TYPE_CHECKING:
    from torch import Tensor


def most_marks(marks: Tensor) -> int:
    """The largest number of marks in a row; waits for the device."""
    # Detached: a sum in integers of what has a gradient is refused.
    return int(marks.detach().sum(-1, dtype=torch.int64).max()) if marks.numel() else 0


def group_ids(marks: Tensor) -> Tensor:
    """The group [..., L] of every token: a mark ends its group."""
    # Counted in integers: a running sum in bfloat16 stops at 256.
    ends = marks.detach().to(torch.int64)
    return ends.cumsum(-1).sub_(ends)


def unit_weights(marks: Tensor, scale: float) -> Tensor:
    """Ones [..., L], in the type that sums are kept in, whose gradient goes to the marks before.

    The pooling matrix is made of weights 1 - (slot - marks before): one in a token's own slot, and
    `scale` times as steep there as the number of marks before it.
    """
    wide = marks.to(accumulator(marks.dtype))
    before = wide.cumsum(-1) - wide
    return 1 + scale * (before - before.detach())


def entries(marks: Tensor, number: int, *, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """Each token's entry [..., L] in its own column of the pooling matrix, and that column.

    The entry is differentiable with respect to the marks. Past the `number` of columns it is zero,
    in column `number`.
    """
    ids = group_ids(marks).clamp_(max=number)
    weights = unit_weights(marks, scale)
    sums = weights.new_zeros(*ids.shape[:-1], number + 1).scatter_add(-1, ids, weights)
    return torch.where(ids < number, weights / sums.gather(-1, ids), 0.0), ids


def pooling_matrix(marks: Tensor, number: int, *, scale: float = 1.0) -> Tensor:
    """The matrix [B, L, number] of the first `number` groups' means, differentiable."""
    batch, size = marks.shape
    matrix = marks.new_zeros(batch, size, number)
    if number == 0:
        return matrix
    values, ids = entries(marks, number, scale=scale)
    # A token that is dropped writes its zero into the last slot of its own row.
    index = ids.clamp(max=number - 1).unsqueeze(2)
    return matrix.scatter_(2, index, values.to(marks.dtype).unsqueeze(2))


def spread(products: Tensor, ids: Tensor, number: int, *, scale: float = 1.0) -> Tensor:
    """The gradient [B, L] of the marks, given that of each token's own entry of the pooling matrix.

    ids[B, L] are the tokens' groups, `number` where they are dropped. An entry is one weight over
    the sum of its group's, and a weight rises with every mark before its token: so a mark gets the
    shares of the tokens after it in its group. All shares of a group sum to zero, so these are what
    the tokens up to the mark have, negated.
    """
    sums = products.new_zeros(len(ids), number + 1).scatter_add_(1, ids, products)
    counts = torch.zeros_like(sums).scatter_add_(1, ids, torch.ones_like(products))
    means = (sums / counts).gather(1, ids)
    kept, finite = ids < number, means.isfinite()
    shares = (products - means) / counts.gather(1, ids)
    # A running sum over what is not finite would reach the groups that follow.
    gradient = torch.where(kept & finite, shares, 0.0).cumsum(1).mul_(-scale)
    followed = torch.nn.functional.pad(ids[:, 1:] == ids[:, :-1], (0, 1))
    return gradient.masked_fill_(kept & ~finite & followed, torch.nan)
