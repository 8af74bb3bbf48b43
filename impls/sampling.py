"""Contenders for drawing events from a distribution, and for inverting its running sum.

A search to the right finds the first running sum above u: as an impossible event adds nothing, it
is never the first. What needs care is a u at or past the last sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl, supported

if TYPE_CHECKING:
    from torch import Tensor

#: What compares each draw with each event: one byte for each such pair.
MOST_PAIRS = 1 << 27


@supported("compares each draw with each event: takes at most 2^27 pairs")
def few_draws(probs: Tensor, n: int) -> bool:
    """Whether there is room for a comparison of every draw with every event."""
    return len(probs) * n <= MOST_PAIRS


@supported("compares each u with each event: takes at most 2^27 pairs")
def few_quantiles(probs: Tensor, u: Tensor) -> bool:
    """Whether there is room for a comparison of every u with every event."""
    return len(probs) * len(u) <= MOST_PAIRS


@supported("torch.multinomial takes at most 2^24 events")
def few_events(probs: Tensor) -> bool:
    """Whether multinomial takes so many."""
    return len(probs) <= 1 << 24


# --- draws -----------------------------------------------------------------------------------


@impl("sample_distribution", name="compare", supports=few_draws)
def draw_by_comparison(probs: Tensor, n: int) -> Tensor:
    """How many running sums each draw has reached."""
    return (_uniform(probs, n)[:, None] >= _shares(probs)).sum(1)


@impl("sample_distribution", name="argmax", supports=few_draws)
def draw_by_argmax(probs: Tensor, n: int) -> Tensor:
    """The first running sum above each draw; of bytes, argmax is quicker than a sum."""
    above = _uniform(probs, n)[:, None] < _shares(probs)
    return above.view(torch.uint8).argmax(1)


@impl("sample_distribution", name="searchsorted")
def draw_by_search(probs: Tensor, n: int) -> Tensor:
    """A binary search for each draw."""
    return torch.searchsorted(_shares(probs), _uniform(probs, n), right=True)


@impl("sample_distribution", name="bucketize")
def draw_by_bucket(probs: Tensor, n: int) -> Tensor:
    """The same search, with the arguments the other way round."""
    return torch.bucketize(_uniform(probs, n), _shares(probs), right=True)


@impl("sample_distribution", supports=few_events)
def multinomial(probs: Tensor, n: int) -> Tensor:
    """torch's own, with replacement."""
    if n == 0:
        return probs.new_empty(0, dtype=torch.int64)  # it refuses to draw nothing
    return probs.multinomial(n, replacement=True)


@impl("sample_distribution")
def alias_table(probs: Tensor, n: int) -> Tensor:
    """Walker's table: a column for each draw, and a biased coin for which of its two events."""
    keep, alias = _alias_table(probs)
    columns = torch.randint(len(probs), (n,), device=probs.device)
    coins = _uniform(probs, n)
    return torch.where(coins < keep[columns], columns, alias[columns])


@impl(
    "sample_distribution",
    name="cpp",
    supports=cpu & floating,
    target="opbench.impls.kernels.inverse_cdf_cpp:sample_distribution",
)
def draw_in_cpp(probs: Tensor, n: int) -> Tensor:
    """torch's uniform numbers, looked up in C++."""
    raise NotImplementedError


# --- the inverse of the running sum ----------------------------------------------------------


@impl("inverse_cdf", supports=few_quantiles)
def compare(probs: Tensor, u: Tensor) -> Tensor:
    """How many running sums each u has reached."""
    return (u[:, None] >= _edges(probs)).sum(1)


@impl("inverse_cdf", supports=few_quantiles)
def argmax(probs: Tensor, u: Tensor) -> Tensor:
    """The first running sum above each u; of bytes, argmax is quicker than a sum."""
    return (u[:, None] < _edges(probs)).view(torch.uint8).argmax(1)


@impl("inverse_cdf")
def searchsorted(probs: Tensor, u: Tensor) -> Tensor:
    """A binary search for each u."""
    # Contiguous: it would copy as well, and warn.
    return torch.searchsorted(_edges(probs), u.double().contiguous(), right=True)


@impl("inverse_cdf")
def bucketize(probs: Tensor, u: Tensor) -> Tensor:
    """The same search, with the arguments the other way round."""
    return torch.bucketize(u.double().contiguous(), _edges(probs), right=True)


@impl(
    "inverse_cdf",
    supports=cpu & floating,
    target="opbench.impls.kernels.inverse_cdf_cpp:inverse_cdf",
)
def cpp(probs: Tensor, u: Tensor) -> Tensor:
    """A guide table instead of a search, in C++."""
    raise NotImplementedError


# --- what they share -------------------------------------------------------------------------


def _totals(probs: Tensor) -> Tensor:
    """The running sums [k] in float64, never falling, and level over impossible events."""
    totals = probs.cumsum(0, dtype=torch.float64)
    if totals.is_cpu:
        return totals  # added one after the other
    # Elsewhere parts of a sum may be added in another order for each entry: adding nothing need not
    # leave it as it was.
    return torch.where(probs > 0, totals, 0).cummax(0).values


def _edges(probs: Tensor) -> Tensor:
    """The running sums [k], infinite from where they are complete."""
    totals = _totals(probs)
    return totals.masked_fill_(totals == totals[-1], torch.inf)


def _shares(probs: Tensor) -> Tensor:
    """The running sums [k] over the whole, in the type of `probs`: the last one is exactly 1."""
    totals = _totals(probs)
    return (totals / totals[-1]).to(probs.dtype)


def _uniform(probs: Tensor, n: int) -> Tensor:
    return torch.rand(n, dtype=probs.dtype, device=probs.device)


def _alias_table(probs: Tensor) -> tuple[Tensor, Tensor]:
    """For each of k columns the chance [k] of its own event, and the event [k] that has the rest.

    Light events, in order, borrow what their column lacks from the current heavy event; one that is
    used up borrows from the next heavy one. Which borrows where is a matter of two running sums.
    """
    wide = probs.double()
    weights = wide * (len(probs) / wide.sum())
    heavy = weights > 1
    heavy[weights.argmax()] = True  # rounded, they may all be 1
    light_events, heavy_events = (~heavy).nonzero()[:, 0], heavy.nonzero()[:, 0]
    lacking = (1 - weights[light_events]).cumsum(0)
    spare = (weights[heavy_events] - 1).cumsum(0)
    last = len(heavy_events) - 1
    # The heavy event that is current when a light one asks has spare left for what came before.
    before = torch.cat([lacking.new_zeros(1), lacking])[:-1]
    keep, alias = weights.clone(), torch.arange(len(probs), device=probs.device)
    alias[light_events] = heavy_events[torch.searchsorted(spare, before).clamp_(max=last)]
    # A heavy event is used up by the first light one that brings the lack above its spare.
    ends = torch.searchsorted(lacking, spare[:last], right=True)
    borrowed = torch.cat([lacking, lacking.new_full((1,), -torch.inf)])[ends]
    keep[heavy_events[:last]] = 1 + spare[:last] - borrowed
    keep[heavy_events[last]] = 1
    alias[heavy_events[:last]] = heavy_events[1:]
    return keep.to(probs.dtype), alias
