"""Where windows lie on an image, views of what they see, and what is made of them as columns.

Everything here is about the last two axes of an image [N, C, H, W]. A window has one tap for each
place (i, j) of its kernel; there are Oh windows down the image and Ow across it.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import torch

from opbench.impls.dtypes import accumulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

#: An option: one number for both axes, or one for the height and one for the width.
Size = int | tuple[int, int]


class Windows(NamedTuple):
    """The windows of one call, every field a pair for (height, width)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]

    @property
    def reach(self) -> tuple[int, int]:
        """How many rows and columns a window spans."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """How many windows fit on an image of that size: (Oh, Ow)."""
        (rh, rw), (sh, sw), (ph, pw) = self.reach, self.stride, self.padding
        return (height + 2 * ph - rh) // sh + 1, (width + 2 * pw - rw) // sw + 1

    def taps(self) -> Iterator[tuple[int, int]]:
        """The places of the kernel, row by row."""
        return product(range(self.kernel[0]), range(self.kernel[1]))


def windows(kernel: Size, stride: Size, padding: Size, dilation: Size) -> Windows:
    """The windows that the options of a call describe."""
    return Windows(pair(kernel), pair(stride), pair(padding), pair(dilation))


def pair(size: Size) -> tuple[int, int]:
    """(height, width) of an option."""
    return (size, size) if isinstance(size, int) else size


def padded(x: Tensor, where: Windows, fill: float = 0.0) -> Tensor:
    """The image with its padding; itself where there is none."""
    ph, pw = where.padding
    return torch.nn.functional.pad(x, (pw, pw, ph, ph), value=fill) if ph or pw else x


def at_tap(image: Tensor, where: Windows, tap: tuple[int, int]) -> Tensor:
    """The elements under one tap of every window: a view [..., Oh, Ow] of a padded image."""
    (rh, rw), (sh, sw), (dh, dw) = where.reach, where.stride, where.dilation
    top, left = tap[0] * dh, tap[1] * dw
    height, width = image.shape[-2:]
    return image[..., top : height - rh + 1 + top : sh, left : width - rw + 1 + left : sw]


def strided(image: Tensor, where: Windows) -> Tensor:
    """Every window of a padded image: one view [N, C, Kh, Kw, Oh, Ow] made of strides."""
    (sh, sw), (dh, dw) = where.stride, where.dilation
    oh, ow = where._replace(padding=(0, 0)).grid(*image.shape[2:])
    *leading, down, across = image.stride()
    steps = (*leading, down * dh, across * dw, down * sh, across * sw)
    return image.as_strided((*image.shape[:2], *where.kernel, oh, ow), steps)


def unfolded(image: Tensor, where: Windows) -> Tensor:
    """Every window of a padded image by Tensor.unfold: a view [N, C, Oh, Ow, Kh, Kw]."""
    (rh, rw), (sh, sw), (dh, dw) = where.reach, where.stride, where.dilation
    return image.unfold(2, rh, sh).unfold(3, rw, sw)[..., ::dh, ::dw]


def tap_rows(where: Windows, size: tuple[int, int], device: torch.device) -> Tensor:
    """The place [Kh*Kw, Oh*Ow] of every tap of every window in a padded and flattened image."""
    (oh, ow), (_, pw) = where.grid(*size), where.padding
    axes = zip((oh, ow), where.kernel, where.stride, where.dilation, strict=True)
    rows, columns = (
        torch.arange(k, device=device)[:, None] * d + torch.arange(o, device=device) * s
        for o, k, s, d in axes
    )
    places = rows[:, None, :, None] * (size[1] + 2 * pw) + columns[:, None]
    return places.flatten(2).flatten(0, 1)


# --- the windows as columns ------------------------------------------------------------------


def convolved(x: Tensor, w: Tensor, b: Tensor | None, where: Windows, *, groups: int) -> Tensor:
    """The convolution [N, Co, Oh, Ow]: one matrix product per image and group."""
    columns = torch.nn.functional.unfold(x, *_as_unfold(where))
    taps = w[0].numel()
    rows = columns.view(len(x), groups, taps, columns.shape[2])
    products = w.reshape(groups, -1, taps) @ rows
    total = products.view(len(x), len(w), *where.grid(*x.shape[2:]))
    return total if b is None else total.add_(b[:, None, None])


def convolved_back(
    grad: Tensor, x: Tensor, w: Tensor, where: Windows, *, groups: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of a convolution by its image, weights and bias."""
    taps, size = w[0].numel(), (x.shape[2], x.shape[3])
    columns = torch.nn.functional.unfold(x, *_as_unfold(where))
    columns = columns.view(len(x), groups, taps, columns.shape[2])
    grads = grad.reshape(len(x), groups, len(w) // groups, columns.shape[3])
    by_weights = (grads @ columns.mT).sum(0).view(w.shape)
    spread = (w.reshape(groups, -1, taps).mT @ grads).flatten(1, 2)
    return folded(spread, size, where).to(x.dtype), by_weights, grad.sum((0, 2, 3))


def maximum(x: Tensor, where: Windows) -> tuple[Tensor, Tensor]:
    """The maximum [N, C, Oh, Ow] of every window, and at which of its taps it is first."""
    # unfold's own padding is zero, which is larger than what is negative.
    image, inside = padded(x, where, -torch.inf), where._replace(padding=(0, 0))
    columns = torch.nn.functional.unfold(image, *_as_unfold(inside))
    kh, kw = where.kernel
    best, places = columns.view(*x.shape[:2], kh * kw, *where.grid(*x.shape[2:])).max(2)
    return best, places


def maximum_back(grad: Tensor, x: Tensor, places: Tensor, where: Windows) -> Tensor:
    """The gradient of a maximum: columns with gradients at their taps, zeros elsewhere, folded."""
    (kh, kw), size = where.kernel, (x.shape[2], x.shape[3])
    taps = torch.arange(kh * kw, device=x.device)[:, None]
    chosen = places.flatten(2).unsqueeze(2) == taps
    grads = grad.flatten(2).unsqueeze(2).to(accumulator(x.dtype))
    spread = torch.where(chosen, grads, 0).flatten(1, 2)
    return folded(spread, size, where).to(x.dtype)


def folded(columns: Tensor, size: tuple[int, int], where: Windows) -> Tensor:
    """Columns added up to an image, in float32 for half precision, as fold itself would not."""
    wide = columns.to(accumulator(columns.dtype))
    return torch.nn.functional.fold(wide, size, *_as_unfold(where))


def _as_unfold(where: Windows) -> tuple[tuple[int, int], ...]:
    """The options in the order that unfold and fold take them."""
    return where.kernel, where.dilation, where.padding, where.stride
