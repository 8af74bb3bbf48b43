"""Contenders for weeks of temperatures: their means, differences from these, and scores.

Half precision is widened to float32 for whatever is more than one rounding, and narrowed at the
end.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from einops import rearrange, reduce, repeat

from opbench import impl
from opbench.impls.dtypes import accumulator

if TYPE_CHECKING:
    from torch import Tensor

DAYS = 7

# --- means -----------------------------------------------------------------------------------


@impl("temperatures_average")
def mean(temps: Tensor) -> Tensor:
    """The mean of each row of a view."""
    return _weeks(temps).mean(1)


@impl("temperatures_average", name="einops")
def einops_mean(temps: Tensor) -> Tensor:
    """One reduction by a pattern."""
    return reduce(temps, "(w d) -> w", "mean", d=DAYS)


@impl("temperatures_average")
def avg_pool1d(temps: Tensor) -> Tensor:
    """A pooling window of a week."""
    if len(temps) == 0:
        return temps.clone()  # it refuses an empty signal
    return torch.nn.functional.avg_pool1d(temps[None], DAYS)[0]


@impl("temperatures_average")
def segment_reduce(temps: Tensor) -> Tensor:
    """segment_reduce's mean of rows; it would sum halves in half."""
    if len(temps) == 0:
        return temps.clone()  # it refuses to find the shortest of no segments
    wide = temps.to(accumulator(temps.dtype))
    lengths = torch.full((len(temps) // DAYS,), DAYS, device=temps.device)
    return torch.segment_reduce(wide, "mean", lengths=lengths).to(temps.dtype)


@impl("temperatures_average")
def loop(temps: Tensor) -> Tensor:
    """The seven days added one after the other, all weeks at a time."""
    first, *others = _weeks(temps.to(accumulator(temps.dtype))).unbind(1)
    total = first + others[0]
    for day in others[1:]:
        total = total + day
    return (total / DAYS).to(temps.dtype)


@impl("temperatures_average")
def matmul(temps: Tensor) -> Tensor:
    """The product with a column of 1/7."""
    wide = _weeks(temps.to(accumulator(temps.dtype)))
    return (wide @ wide.new_full((DAYS,), 1 / DAYS)).to(temps.dtype)


# --- differences from the means --------------------------------------------------------------


@impl("temperatures_differences", name="broadcast")
def subtract_broadcast(temps: Tensor) -> Tensor:
    """The means broadcast over the days of a view."""
    weeks = _weeks(temps.to(accumulator(temps.dtype)))
    return (weeks - weeks.mean(1, keepdim=True)).flatten().to(temps.dtype)


@impl("temperatures_differences", name="repeat")
def subtract_repeated(temps: Tensor) -> Tensor:
    """The means repeated for every day."""
    wide = temps.to(accumulator(temps.dtype))
    return (wide - _weeks(wide).mean(1).repeat_interleave(DAYS)).to(temps.dtype)


@impl("temperatures_differences", name="einops")
def subtract_einops(temps: Tensor) -> Tensor:
    """The means reduced and repeated by patterns."""
    wide = temps.to(accumulator(temps.dtype))
    means = reduce(wide, "(w d) -> w", "mean", d=DAYS)
    return (wide - repeat(means, "w -> (w d)", d=DAYS)).to(temps.dtype)


# --- in units of the deviation ---------------------------------------------------------------
#
# The mean of seven equal numbers may be off by a rounding, which over a deviation of 0 is infinite
# and not NaN. Either the mean is a running one, which is exact there, or days are counted from the
# first.


@impl("temperatures_normalized")
def std_mean(temps: Tensor) -> Tensor:
    """Both moments in one pass, whose mean is a running one."""
    if len(temps) == 0:
        return temps.clone()  # of no week, torch warns that it has no degree of freedom
    weeks = _weeks(temps.to(accumulator(temps.dtype)))
    deviation, means = torch.std_mean(weeks, 1, keepdim=True)
    return ((weeks - means) / deviation).flatten().to(temps.dtype)


@impl("temperatures_normalized")
def var_mean(temps: Tensor) -> Tensor:
    """As std_mean, times the inverse root of the variance."""
    if len(temps) == 0:
        return temps.clone()
    weeks = _weeks(temps.to(accumulator(temps.dtype)))
    variance, means = torch.var_mean(weeks, 1, keepdim=True)
    return ((weeks - means) * variance.rsqrt()).flatten().to(temps.dtype)


@impl("temperatures_normalized")
def two_passes(temps: Tensor) -> Tensor:
    """Differences from the mean, then their root mean square."""
    weeks = _weeks(temps.to(accumulator(temps.dtype)))
    shifted = weeks - weeks[:, :1]
    apart = shifted - shifted.mean(1, keepdim=True)
    deviation = (apart.square().sum(1, keepdim=True) / (DAYS - 1)).sqrt()
    return (apart / deviation).flatten().to(temps.dtype)


@impl("temperatures_normalized")
def layer_norm(temps: Tensor) -> Tensor:
    """A normalisation layer, rescaled from n to n - 1."""
    weeks = _weeks(temps.to(accumulator(temps.dtype)))
    scores = torch.nn.functional.layer_norm(weeks, (DAYS,), eps=0.0)
    return (scores * math.sqrt((DAYS - 1) / DAYS)).flatten().to(temps.dtype)


@impl("temperatures_normalized", name="einops")
def einops_std(temps: Tensor) -> Tensor:
    """Two reductions by patterns, torch.std being one of them."""
    if len(temps) == 0:
        return temps.clone()
    weeks = rearrange(temps.to(accumulator(temps.dtype)), "(w d) -> w d", d=DAYS)
    shifted = weeks - weeks[:, :1]
    apart = shifted - reduce(shifted, "w d -> w 1", "mean")
    scores = apart / reduce(shifted, "w d -> w 1", torch.std)
    return rearrange(scores, "w d -> (w d)").to(temps.dtype)


def _weeks(temps: Tensor) -> Tensor:
    """The days [W, 7] of each week, as a view."""
    return temps.view(len(temps) // DAYS, DAYS)
