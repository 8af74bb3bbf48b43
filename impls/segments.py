"""The place of each token of a ragged batch: the integer arithmetic that the contenders share.

A batch of B sequences with P patches each has B * P slots, sequence by sequence, followed by B
spare slots: one per sequence for the tokens that belong to no patch. The means are therefore a
contiguous prefix of the rows, and dropping a token costs no branch and no selection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench.impls.dtypes import accumulator

if TYPE_CHECKING:
    from torch import Tensor


def runs(lengths: Tensor, size: int) -> Tensor:
    """Lengths [B, P+1]: the patches of each sequence, then what is left of its `size` tokens."""
    return torch.cat([lengths, size - lengths.sum(1, keepdim=True)], 1)


def length_ids(lengths: Tensor, size: int) -> Tensor:
    """The patch [B, size] of every token; P where it lies past the last patch."""
    batch, patches = lengths.shape
    ids = torch.arange(patches + 1, device=lengths.device).repeat(batch)
    repeats = runs(lengths, size).flatten()
    return ids.repeat_interleave(repeats, output_size=batch * size).view(batch, size)


def inside_ids(ids: Tensor, patches: int) -> Tensor:
    """The patch [B, S] of every token as int64; P where the id is outside 0..P-1."""
    return torch.where((ids >= 0) & (ids < patches), ids, patches).long()


def length_slots(lengths: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The slot [B*size] of every token, and the number of tokens [B*P + B] in every slot."""
    batch, patches = lengths.shape
    slots = torch.arange(batch * (patches + 1), device=lengths.device)
    kept, spare = slots[: batch * patches].view(batch, patches), slots[batch * patches :, None]
    rest = size - lengths.sum(1, keepdim=True)
    repeats = torch.cat([lengths, rest], 1).flatten()
    order = torch.cat([kept, spare], 1).flatten()
    counts = torch.cat([lengths.flatten(), rest.flatten()])
    return order.repeat_interleave(repeats, output_size=batch * size), counts


def id_slots(ids: Tensor, patches: int) -> tuple[Tensor, Tensor]:
    """The slot [B*S] of every token, and the number of tokens [B*P + B] in every slot."""
    batch = ids.shape[0]
    row = torch.arange(batch, device=ids.device)[:, None]
    inside = (ids >= 0) & (ids < patches)
    slots = torch.where(inside, ids + row * patches, row + batch * patches).flatten()
    return slots, count_slots(slots, batch * (patches + 1))


def count_slots(slots: Tensor, number: int) -> Tensor:
    """How many times each of `number` slots occurs; exact, and without a wait for the device."""
    return slots.new_zeros(number).index_add_(0, slots, torch.ones_like(slots))


def filled_rows(counts: Tensor, width: int, fill: float, dtype: torch.dtype) -> Tensor:
    """Rows [slots, width] to add to: `fill` where nothing will be added, else zero.

    Written once, so that no later pass over the means has to put the fill in.
    """
    column = torch.zeros(counts.shape, dtype=dtype, device=counts.device)
    return column.masked_fill_(counts == 0, fill)[:, None].repeat(1, width)


def mean_of_sums(sums: Tensor, counts: Tensor, fill: float) -> Tensor:
    """Turn sums [..., D] into means in place, with `fill` where the count [...] is zero."""
    counts = counts.unsqueeze(-1)
    return sums.div_(counts.clamp(min=1)).masked_fill_(counts == 0, fill)


def pooling_matrix(ids: Tensor, counts: Tensor, dtype: torch.dtype) -> Tensor:
    """Weights [B, P, S]: 1 / count where token s is in patch p; ids may be P for "in none"."""
    (batch, size), patches = ids.shape, counts.shape[1]
    inverse = torch.ones(batch, patches + 1, dtype=accumulator(dtype), device=ids.device)
    inverse[:, :patches] /= counts.clamp(min=1)
    weights = torch.zeros(batch, patches + 1, size, dtype=dtype, device=ids.device)
    values = inverse.gather(1, ids).to(dtype)
    return weights.scatter_(1, ids[:, None], values[:, None])[:, :patches]


def running_means(tokens: Tensor, lengths: Tensor, fill: float) -> Tensor:
    """Means [B, P, D] of consecutive spans by differences of a running sum.

    The sum is kept in float32 for half precision, else in float64: in the tokens' own type it
    would be wrong on ordinary values too.
    """
    half = accumulator(tokens.dtype) != tokens.dtype
    if tokens.shape[1] == 0:
        tokens = torch.nn.functional.pad(tokens, (0, 0, 0, 1))  # something for the index to meet
    # Not by cumsum's own dtype: its gradient would be summed in the tokens' type.
    totals = tokens.to(torch.float32 if half else torch.float64).cumsum(1)
    ends = lengths.cumsum(1).unsqueeze(2)
    at_ends = totals.gather(1, (ends - 1).clamp_(min=0).expand(-1, -1, tokens.shape[2]))
    at_ends = at_ends.masked_fill_(ends == 0, 0)
    sums = at_ends.diff(dim=1, prepend=at_ends.new_zeros(len(tokens), 1, tokens.shape[2]))
    return mean_of_sums(sums, lengths, fill).to(tokens.dtype)
