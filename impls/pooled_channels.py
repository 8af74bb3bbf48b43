"""Contenders for the mean of each channel, and for the largest channel at each place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import reduce

from opbench import impl, supported
from opbench.impls.dtypes import accumulator

if TYPE_CHECKING:
    from torch import Tensor


@supported("pools maps of 1 and more places only")
def has_places(x: Tensor) -> bool:
    """Whether the maps x[B, C, H, W] have any place."""
    return x.shape[2] * x.shape[3] > 0


@impl("global_average_pool")
def mean(x: Tensor) -> Tensor:
    """The mean over both axes at once."""
    return x.mean((2, 3))


@impl("global_average_pool", name="einops")
def einops_mean(x: Tensor) -> Tensor:
    """The axes by name."""
    result: Tensor = reduce(x, "b c h w -> b c", "mean")
    return result


@impl("global_average_pool")
def flatten_mean(x: Tensor) -> Tensor:
    """The places made one axis first; transposed maps are copied for that."""
    return x.flatten(2).mean(2)


@impl("global_average_pool")
def adaptive_avg_pool(x: Tensor) -> Tensor:
    """The pooling layer at the end of many networks, with an output of one place."""
    return torch.nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)


@impl("global_average_pool", name="einsum")
def einsum_mean(x: Tensor) -> Tensor:
    """A sum by einsum, which adds in the type that it is given: half types are widened first."""
    total = torch.einsum("bchw->bc", x.to(accumulator(x.dtype)))
    return (total / (x.shape[2] * x.shape[3])).to(x.dtype)


@impl("channel_max")
def amax(x: Tensor) -> Tensor:
    """Values alone. Where several channels are the largest, the gradient is shared among them."""
    return x.amax(1)


@impl("channel_max", name="max")
def max_values(x: Tensor) -> Tensor:
    """Values with their places, which the gradient needs."""
    return x.max(1).values


@impl("channel_max", name="einops")
def einops_max(x: Tensor) -> Tensor:
    """The axes by name."""
    result: Tensor = reduce(x, "b c h w -> b h w", "max")
    return result


@impl("channel_max", supports=has_places)
def max_pool3d(x: Tensor) -> Tensor:
    """The channels as a depth, and one window over all of it."""
    deep = torch.nn.functional.max_pool3d(x[:, None], (x.shape[1], 1, 1))
    return deep[:, 0, 0]


@impl("channel_max")
def sort(x: Tensor) -> Tensor:
    """All channels in order, of which the last is kept."""
    return x.sort(1).values[:, -1]
