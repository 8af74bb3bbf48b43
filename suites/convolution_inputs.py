"""Shapes and inputs of convolution and pooling."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from opbench.harness.declaration.named_arguments import call_named

if TYPE_CHECKING:
    from torch import Generator, Tensor

    Make = Callable[..., Mapping[str, Any]]
    Images = Callable[[int, int, int, int, Generator], Tensor]
    Change = Callable[[Tensor, Generator], Tensor]

#: An option: one number for both axes, or one for the height and one for the width.
Size = int | tuple[int, int]
#: Stride, padding and dilation, as a kind gives them in place of the shape's.
UNLIKE: Mapping[str, Size] = {"stride": (2, 1), "padding": (0, 1), "dilation": (1, 2)}


class Steps(NamedTuple):
    """How windows lie on an image, as the options of a call say it."""

    stride: Size
    padding: Size
    dilation: Size


def pair(size: Size) -> tuple[int, int]:
    """(height, width) of an option."""
    return (size, size) if isinstance(size, int) else size


def grid(size: Size, kernel: Size, steps: Steps) -> list[int]:
    """How many windows lie down and across an image of that (height, width)."""
    lengths = zip(*map(pair, (size, kernel, *steps)), strict=True)
    return [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in lengths]


def area(image: Tensor) -> tuple[int, int]:
    """(height, width) of images or kernels."""
    return image.shape[2], image.shape[3]


def convolution(change: Change | None = None, *, bias: bool = True) -> Make:
    """Normal images and weights; `change` makes other images of them."""

    def inputs(
        N: int, Ci: int, H: int, W: int, Co: int, K: int, groups: int, rng: Generator
    ) -> Mapping[str, Any]:
        x = normal(N, Ci, H, W, rng)
        w = torch.randn(Co, Ci // groups, K, K, generator=rng) / math.sqrt(Ci // groups * K * K)
        b = torch.randn(Co, generator=rng) if bias else None
        return {"x": change(x, rng) if change else x, "w": w, "b": b}

    return inputs


def unlike_convolution(
    N: int, Ci: int, H: int, W: int, Co: int, groups: int, rng: Generator
) -> Mapping[str, Any]:
    """Every option another for the height than for the width."""
    made = convolution()(N, Ci, H, W, Co, 3, groups, rng)
    return {**made, "w": made["w"][..., :2], **UNLIKE}


def deep_sum(
    N: int, H: int, W: int, Co: int, K: int, groups: int, rng: Generator
) -> Mapping[str, Any]:
    """More channels of ones than bfloat16 can count, all of one sign."""
    signs = normal(Co, 1, 1, 1, rng).sign()
    x = torch.ones(N, 300 * groups, H, W)
    return {"x": x, "w": signs.repeat(1, 300, K, K), "b": signs.flatten()}


def convolution_gradient(make: Make, *, ones: bool = False) -> Make:
    """The inputs of `make`, and a gradient of their output.

    ones: images of ones, and a gradient of one sign for each channel: more than bfloat16 can count.
    """

    def inputs(
        N: int,
        Ci: int,
        H: int,
        W: int,
        Co: int,
        K: int,
        stride: int,
        padding: int,
        dilation: int,
        groups: int,
        rng: Generator,
    ) -> Mapping[str, Any]:
        axes = {"N": N, "Ci": Ci, "H": H, "W": W, "Co": Co, "K": K, "groups": groups, "rng": rng}
        made: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
        made |= call_named(make, axes)
        made.pop("b", None)  # no gradient depends on the bias
        x = made["x"] = torch.ones(N, Ci, 40, 40) if ones else made["x"]
        size = grid(area(x), area(made["w"]), _steps(made))
        gradients = torch.randn(N, Co, *size, generator=rng)
        made["grad_out"] = (
            gradients[:1, :, :1, :1].sign().expand_as(gradients) if ones else gradients
        )
        return made

    return inputs


def images(make: Images) -> Make:
    """Such images, and the kernel of the shape."""

    def inputs(N: int, C: int, H: int, W: int, K: int, rng: Generator) -> Mapping[str, Any]:
        return {"x": make(N, C, H, W, rng), "kernel_size": K}

    return inputs


def unlike_images(make: Images) -> Make:
    """Every option another for the height than for the width."""

    def inputs(N: int, C: int, H: int, W: int, rng: Generator) -> Mapping[str, Any]:
        return {"x": make(N, C, H, W, rng), "kernel_size": (3, 2), **UNLIKE}

    return inputs


def peaks(rng: Generator) -> Mapping[str, Any]:
    """One image whose middle is in each of four hundred windows, and the maximum of all."""
    x = distinct(1, 1, 39, 39, rng)
    x[:, :, 19, 19] = 100
    return {"x": x, "kernel_size": 20, "stride": 1, "padding": 0, "dilation": 1}


def pooling_gradient(make: Make, *, positive: bool = False) -> Make:
    """The inputs of `make`, and a gradient of their output."""

    def change(made: dict[str, Any], size: list[int], rng: Generator) -> Mapping[str, Any]:
        gradients = torch.randn(*made["x"].shape[:2], *size, generator=rng)
        return {**made, "grad_out": gradients.abs() + 1 if positive else gradients}

    return _with_windows(make, change)


def columns(make: Make, fill: Change | None = None, *, positive: bool = False) -> Make:
    """Columns of the size of the images that `make` gives."""

    def change(made: dict[str, Any], size: list[int], rng: Generator) -> Mapping[str, Any]:
        x = made.pop("x")
        rows = x.shape[1] * math.prod(pair(made["kernel_size"]))
        values = torch.randn(len(x), rows, math.prod(size), generator=rng)
        values = fill(values, rng) if fill else values
        return {
            **made,
            "columns": values.abs() + 1 if positive else values,
            "output_size": area(x),
        }

    return _with_windows(make, change)


def _with_windows(make: Make, change: Callable[..., Mapping[str, Any]]) -> Make:
    """The inputs that `change` makes of those of `make`, of the grid of windows, and of `rng`."""

    def inputs(
        N: int,
        C: int,
        H: int,
        W: int,
        K: int,
        stride: int,
        padding: int,
        dilation: int,
        rng: Generator,
    ) -> Mapping[str, Any]:
        made: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
        made |= call_named(make, {"N": N, "C": C, "H": H, "W": W, "K": K, "rng": rng})
        return change(made, grid(area(made["x"]), made["kernel_size"], _steps(made)), rng)

    return inputs


def _steps(made: Mapping[str, Any]) -> Steps:
    return Steps(*(made[name] for name in Steps._fields))


def channels_last(x: Tensor, rng: Generator) -> Tensor:
    """The channels of a pixel beside each other in memory."""
    return x.contiguous(memory_format=torch.channels_last)


def nonfinite(x: Tensor, rng: Generator, one_in: int = 100) -> Tensor:
    """NaN and infinities among the elements."""
    bad = torch.tensor([math.nan, math.inf, -math.inf])
    which = torch.randint(3 * one_in, x.shape, generator=rng)
    return torch.where(which < 3, bad[which.clamp(max=2)], x)


def scales(x: Tensor, rng: Generator) -> Tensor:
    """The left half of the image a hundred thousand times larger than the right."""
    left = torch.arange(x.shape[3]) < x.shape[3] // 2
    return torch.where(left, 1e2, 1e-3) * x


def distinct(N: int, C: int, H: int, W: int, rng: Generator) -> Tensor:
    """Random values without ties within eleven rows and columns, in half precision too.

    The digits say where a value lies in its square of eleven by eleven, by a random code; sign
    and exponent are random.
    """
    codes = torch.rand(N, C, 121, generator=rng).argsort(2).view(N, C, 11, 11)
    places = [torch.arange(size) % 11 for size in (H, W)]
    digits = 1 + codes[:, :, places[0]][..., places[1]] / 128
    exponent = torch.randint(-1, 2, digits.shape, generator=rng)
    sign = torch.rand(digits.shape, generator=rng).sub(0.5).sign()
    return torch.ldexp(digits * sign, exponent)


def distinct_channels_last(N: int, C: int, H: int, W: int, rng: Generator) -> Tensor:
    """The channels of a pixel beside each other in memory."""
    return channels_last(distinct(N, C, H, W, rng), rng)


def distinct_nonfinite(N: int, C: int, H: int, W: int, rng: Generator) -> Tensor:
    """So many NaN and infinities that some windows have several."""
    return nonfinite(distinct(N, C, H, W, rng), rng, 10)


def masked(N: int, C: int, H: int, W: int, rng: Generator) -> Tensor:
    """The upper half of the image is -inf."""
    hidden = torch.arange(H)[:, None] < H // 2
    return distinct(N, C, H, W, rng).masked_fill(hidden, -math.inf)


def tied(N: int, C: int, H: int, W: int, rng: Generator) -> Tensor:
    """Five values only: most windows have several maxima."""
    return torch.randint(-2, 3, (N, C, H, W), generator=rng).float()


def negative(N: int, C: int, H: int, W: int, rng: Generator) -> Tensor:
    """Less than zero: the maximum of a window padded with zeros would be the padding."""
    return -distinct(N, C, H, W, rng).abs()


def normal(N: int, C: int, H: int, W: int, rng: Generator) -> Tensor:
    """Normal values."""
    return torch.randn(N, C, H, W, generator=rng)
