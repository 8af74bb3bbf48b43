"""Contenders for the maximum of the windows of an image."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl
from opbench.impls.windows2d import Windows, at_tap, maximum, padded, windows

if TYPE_CHECKING:
    from torch import Tensor

    from opbench.impls.windows2d import Size

PADDING_FIRST = "the gradient of a window of -inf goes to its padding"
TIES = "torch.maximum splits the gradient of a tie"
SPLIT = {"ties": TIES, "masked": TIES}


@impl("max_pool2d", caveats={"masked": PADDING_FIRST})
def unfold_max(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """The windows as columns, and their maximum."""
    return maximum(x, windows(kernel_size, stride, padding, dilation))[0]


@impl(
    "max_pool2d",
    caveats={"masked": PADDING_FIRST},
    target="opbench.impls.tape:differentiable_max_pool2d",
)
def tape(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """unfold_max, with the gradient that a hand-made tape leaves."""
    raise NotImplementedError


@impl("max_pool2d", caveats=SPLIT)
def shifted_max(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """The larger of the taps before and the next tap, over shifted views of the image."""
    where = windows(kernel_size, stride, padding, dilation)
    return _over_taps(padded(x, where, -torch.inf), where)


@impl("max_pool2d", caveats=SPLIT)
@impl("max_pool2d", name="compile", caveats=SPLIT, prepare="torch:compile")
def separable(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """The maximum over the columns of a window, then over its rows."""
    where = windows(kernel_size, stride, padding, dilation)
    (kh, kw), (sh, sw), _, (dh, dw) = where
    across = Windows((1, kw), (1, sw), (0, 0), (1, dw))
    down = Windows((kh, 1), (sh, 1), (0, 0), (dh, 1))
    return _over_taps(_over_taps(padded(x, where, -torch.inf), across), down)


@impl("max_pool2d", name="torch")
def library(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """PyTorch's own maximum."""
    return torch.nn.functional.max_pool2d(x, kernel_size, stride, padding, dilation)


@impl("max_pool2d")
def channels_last(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """PyTorch's own on an image with the channels of a pixel beside each other."""
    image = x.contiguous(memory_format=torch.channels_last)
    return torch.nn.functional.max_pool2d(image, kernel_size, stride, padding, dilation)


@impl(
    "max_pool2d", supports=cpu & floating, target="opbench.impls.kernels.convolution_cpp:max_pool2d"
)
def cpp(
    x: Tensor, kernel_size: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Tensor:
    """One pass over the image, in C++."""
    raise NotImplementedError


def _over_taps(image: Tensor, where: Windows) -> Tensor:
    """The maximum over the taps of the windows of a padded image, in memory of its own."""
    taps = [at_tap(image, where, tap) for tap in where.taps()]
    return reduce(torch.maximum, taps) if len(taps) > 1 else taps[0].clone()
