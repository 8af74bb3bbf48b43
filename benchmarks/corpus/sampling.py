"""Draws that aren't independent, not from torch's generator, or of the wrong events."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.corpus.parts import drawn, shares
from opbench import impl

KIND = "sampling"
_OWN = torch.Generator().manual_seed(1)


def fixed(size: int) -> Tensor:
    """The same numbers in every call."""
    return torch.rand(size, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


# boostorg/compute 745, composable_kernel 574: the same numbers in every call.
@impl("sample_distribution")
def same_draws_each_call(probs: Tensor, n: int) -> Tensor:
    return drawn(probs, fixed(n))


# By kind: a generator of its own, which torch.manual_seed doesn't reach.
@impl("sample_distribution")
def not_torchs_generator(probs: Tensor, n: int) -> Tensor:
    return drawn(probs, torch.rand(n, generator=_OWN, dtype=torch.float64))


# By kind: sorted, as a quick search would like them.
@impl("sample_distribution")
def sorted_draws(probs: Tensor, n: int) -> Tensor:
    return drawn(probs, torch.rand(n, dtype=torch.float64).sort().values)


# By kind: one draw from each stratum, which is more even than chance allows.
@impl("sample_distribution")
def stratified_draws(probs: Tensor, n: int) -> Tensor:
    u = (torch.arange(n) + torch.rand(n, dtype=torch.float64)) / max(n, 1)
    return drawn(probs, u[torch.randperm(n)])


# pytorch 50034: an impossible event is drawn at u = 0.
@impl("sample_distribution")
def draws_the_impossible(probs: Tensor, n: int) -> Tensor:
    u = torch.rand(n, dtype=probs.dtype).double()
    return torch.searchsorted(shares(probs), u, right=False)


# word-rnn-tensorflow 67, PsyNeuLink 3535: a draw past the last sum gives k.
@impl("sample_distribution")
def draws_beyond(probs: Tensor, n: int) -> Tensor:
    u = torch.rand(n, dtype=torch.float64)
    return torch.searchsorted(probs.double().cumsum(0), u, right=True)


# By kind: each number serves two draws.
@impl("sample_distribution")
def each_draw_twice(probs: Tensor, n: int) -> Tensor:
    u = torch.rand((n + 1) // 2, dtype=torch.float64)
    return drawn(probs, u.repeat_interleave(2)[:n])


# By kind: uniform numbers are of eight bits.
@impl("sample_distribution")
def eight_bits(probs: Tensor, n: int) -> Tensor:
    return drawn(probs, torch.randint(256, (n,)).double() / 256)


# By kind: all events are as likely.
@impl("sample_distribution")
def uniform_events(probs: Tensor, n: int) -> Tensor:
    possible = probs.nonzero()[:, 0]
    return possible[torch.randint(len(possible), (n,))]


# The same mistake as at u = 0, for numbers that are given.
@impl("inverse_cdf")
def sums_reached(probs: Tensor, u: Tensor) -> Tensor:
    return torch.searchsorted(shares(probs), u.double().contiguous(), right=False)


# PsyNeuLink 3535: for numbers that are given.
@impl("inverse_cdf")
def beyond_the_last(probs: Tensor, u: Tensor) -> Tensor:
    return torch.searchsorted(probs.double().cumsum(0), u.double().contiguous(), right=True)


# By kind: sums are kept in float32.
@impl("inverse_cdf")
def sums_in_float32(probs: Tensor, u: Tensor) -> Tensor:
    sums = probs.float().cumsum(0)
    sums = torch.where(sums < sums[-1], sums, torch.inf)
    return torch.searchsorted(sums, u.float().contiguous(), right=True)
