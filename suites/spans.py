"""Random spans and awkward values, for the inputs of the ragged ops.

The functions of lengths return [rows, patches] that sum to `size` at most in each row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor


def cuts(rows: int, size: int, patches: int, rng: Generator) -> Tensor:
    """Spans between random cuts, none empty as long as there is a token for each."""
    number = min(size, patches)
    ends = torch.rand(rows, size, generator=rng).argsort(1)[:, :number].sort(1).values + 1
    lengths = torch.zeros(rows, patches, dtype=torch.int64)
    lengths[:, :number] = ends.diff(prepend=ends.new_zeros(rows, 1))
    return lengths


def skewed(rows: int, size: int, patches: int, rng: Generator) -> Tensor:
    """Zipf's law: the n-th largest patch is 1/n of the largest, in random order."""
    rank = torch.rand(rows, patches, generator=rng).argsort(1) + 1
    share = 1 / rank.double()
    return (size * share / share.sum(1, keepdim=True)).to(torch.int64)


def giant(rows: int, size: int, patches: int, rng: Generator) -> Tensor:
    """One patch, anywhere, takes every token."""
    place = torch.rand(rows, patches, generator=rng).argsort(1)
    return torch.where(place == 0, size, 0)


def half_empty(rows: int, size: int, patches: int, rng: Generator) -> Tensor:
    """Half of the patches, anywhere, are empty."""
    number = patches // 2
    places = torch.rand(rows, patches, generator=rng).argsort(1)[:, :number].sort(1).values
    lengths = torch.zeros(rows, patches, dtype=torch.int64)
    return lengths.scatter_(1, places, cuts(rows, size, number, rng))


def short(rows: int, size: int, patches: int, rng: Generator) -> Tensor:
    """Two thirds of the tokens are in no patch."""
    return cuts(rows, size // 3, patches, rng)


def most(rows: int, size: int, patches: int, rng: Generator) -> Tensor:
    """An eighth of the tokens, at least, is in no patch."""
    return cuts(rows, size - size // 8, patches, rng)


def equal(rows: int, size: int, patches: int, rng: Generator) -> Tensor:
    """All patches of one length, as long as there are tokens for that."""
    return torch.full((rows, patches), size // max(patches, 1))


def int32(rows: int, size: int, patches: int, rng: Generator) -> Tensor:
    """As cuts, in the smaller type."""
    return cuts(rows, size, patches, rng).to(torch.int32)


def ids_of(lengths: Tensor, size: int) -> Tensor:
    """The span [rows, size] of every token; -1 past the last span."""
    rows, patches = lengths.shape
    number = torch.arange(patches + 1).where(torch.arange(patches + 1) < patches, -1)
    repeats = torch.cat([lengths, size - lengths.sum(1, keepdim=True)], 1).flatten()
    return number.repeat(rows).repeat_interleave(repeats).view(rows, size)


def with_nonfinite(values: Tensor, ids: Tensor, rng: Generator) -> Tensor:
    """`values` [..., D] with NaN, inf, -inf or both infinities in some of the spans `ids` [...].

    Half of a span's elements are hit. Spans with an even number stay finite, but for one in four
    that gets both infinities. What is in no span (-1) holds NaN.
    """
    nan, inf = math.nan, math.inf
    bad = torch.tensor([0, nan, 0, inf, inf, -inf, 0, nan])[ids % 8].unsqueeze(-1)
    sign = torch.where(torch.rand(ids.shape, generator=rng) < 0.5, -1.0, 1.0).unsqueeze(-1)
    bad = torch.where((ids % 8 == 4).unsqueeze(-1), bad * sign, bad)
    hit = torch.rand(values.shape, generator=rng) < 0.5
    return torch.where(hit & (bad != 0), bad, values)


def cancelling(values: Tensor, ids: Tensor) -> Tensor:
    """Large values, all positive, in the spans of even number; small and tiny ones in the others.

    The large ones fit float16. The small ones are lost in a running sum of them in float32, the
    tiny ones in one in float64; of the tiny ones float16 itself keeps little.
    """
    large = 3e4 + 1e4 * values.abs().clamp(max=3)
    scale = torch.where(ids % 4 == 1, 1e-6, 1e-2).unsqueeze(-1)
    return torch.where((ids % 2 == 0).unsqueeze(-1), large, scale * values)
