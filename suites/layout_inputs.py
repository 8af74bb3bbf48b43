"""Inputs, limits and compulsory work of the layout ops."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from opbench import Cost

if TYPE_CHECKING:
    from torch import Generator, Tensor

    MakeInputs = Callable[..., Mapping[str, Any]]

# --- inputs ----------------------------------------------------------------------------------


def kinds(make: MakeInputs) -> dict[str, MakeInputs]:
    """Ordinary values of `x` as `make` gives it, and values among which some are not finite."""
    return {"normal": make, "nonfinite": _changed(make, _with_nonfinite)}


def nan_kinds(make: MakeInputs) -> dict[str, MakeInputs]:
    """Ordinary values, and NaN among them: products with infinities differ between kernels."""
    return {"normal": make, "nan": _changed(make, _with_nan)}


def image_kinds(make: MakeInputs) -> dict[str, MakeInputs]:
    """As `kinds`, and with the channels innermost in memory."""
    return {**kinds(make), "channels_last": _changed(make, _channels_last)}


def _changed(make: MakeInputs, change: Callable[[Tensor, Generator], Tensor]) -> MakeInputs:
    # Wrapped: the harness reads the names of the axes from the signature.
    @functools.wraps(make)
    def inputs(*, rng: Generator, **axes: int) -> Mapping[str, Any]:
        made = make(rng=rng, **axes)
        return {**made, "x": change(made["x"], rng)}

    return inputs


def _with_nonfinite(x: Tensor, rng: Generator) -> Tensor:
    chance = torch.rand(x.shape, generator=rng)
    for value, limit in ((torch.nan, 0.15), (-torch.inf, 0.1), (torch.inf, 0.05)):
        x = x.masked_fill(chance < limit, value)  # in the memory order of x
    return x


def _with_nan(x: Tensor, rng: Generator) -> Tensor:
    return x.masked_fill(torch.rand(x.shape, generator=rng) < 0.05, torch.nan)


def _channels_last(x: Tensor, rng: Generator) -> Tensor:
    return x.to(memory_format=torch.channels_last)


def matrices(B: int, H: int, W: int, rng: Generator) -> dict[str, Any]:
    return {"x": torch.randn(B, H, W, generator=rng)}


def images(B: int, C: int, H: int, W: int, rng: Generator) -> dict[str, Any]:
    return {"x": torch.randn(B, C, H, W, generator=rng)}


def four_axes(a: int, b: int, c: int, d: int, rng: Generator) -> dict[str, Any]:
    return {"x": torch.randn(a, b, c, d, generator=rng)}


def merged_axes(a: int, b: int, c: int, d: int, rng: Generator) -> dict[str, Any]:
    return {"x": torch.randn(a * b, c, d, generator=rng), "sizes": (a, b)}


def tokens(B: int, N: int, h: int, d: int, rng: Generator) -> dict[str, Any]:
    return {"x": torch.randn(B, N, h * d, generator=rng), "heads": h}


def heads(B: int, N: int, h: int, d: int, rng: Generator) -> dict[str, Any]:
    """As split_heads leaves them, and attention in one fused kernel: a view of [B, N, h, d]."""
    return {"x": torch.randn(B, N, h, d, generator=rng).transpose(1, 2)}


def own_heads(B: int, N: int, h: int, d: int, rng: Generator) -> dict[str, Any]:
    """As a product of matrices leaves them: contiguous [B, h, N, d]."""
    return {"x": torch.randn(B, h, N, d, generator=rng)}


def one_matrix(n: int, H: int, W: int, rng: Generator) -> dict[str, Any]:
    return {"x": torch.randn(H, W, generator=rng), "copies": n}


def matrix_list(n: int, H: int, W: int, rng: Generator) -> dict[str, Any]:
    return {"tensors": [torch.randn(H, W, generator=rng) for _ in range(n)]}


def blocks(B: int, C: int, H: int, W: int, s: int, rng: Generator) -> dict[str, Any]:
    return {"x": torch.randn(B, C, H * s, W * s, generator=rng), "factor": s}


def channels(B: int, C: int, H: int, W: int, s: int, rng: Generator) -> dict[str, Any]:
    return {"x": torch.randn(B, C * s * s, H, W, generator=rng), "factor": s}


# --- what is outside the contracts -----------------------------------------------------------


def only_axes(op: str, axes: str) -> Callable[[Tensor], None]:
    """A validator of ops that take any `x` with the axes that `axes` names ("B, H, W")."""

    def validate(x: Tensor) -> None:
        _check_rank(op, x, axes)

    return validate


def validate_merge_heads(x: Tensor) -> None:
    _check_rank("merge_heads", x, "B, h, N, d")
    if x.shape[1] == 0:
        raise ValueError(f"merge_heads: x: shape {list(x.shape)}, one head and more is allowed")


def validate_split_heads(x: Tensor, heads: int) -> None:
    op = "split_heads"
    _check_rank(op, x, "B, N, D")
    _check_int(op, "heads", heads, least=1)
    _check_divides(op, x, 2, divisor=heads, name="heads")


def validate_tile(x: Tensor, copies: int) -> None:
    _check_rank("tile", x, "H, W")
    _check_int("tile", "copies", copies, least=0)


def validate_stack(tensors: Sequence[Tensor]) -> None:
    op = "stack_new_axis"
    if len(tensors) == 0:
        raise ValueError(f"{op}: tensors: an empty list, one tensor and more is allowed")
    first = tensors[0]
    for index, tensor in enumerate(tensors):
        if tensor.ndim != 2 or tensor.shape != first.shape:
            expected = f"[H, W] as tensors[0], {list(first.shape)}," if index else "[H, W]"
            raise ValueError(
                f"{op}: tensors[{index}]: shape {list(tensor.shape)}, only {expected} is allowed"
            )
        if tensor.dtype != first.dtype:
            raise TypeError(
                f"{op}: tensors[{index}]: {tensor.dtype}, only {first.dtype} is allowed"
            )


def validate_unflatten(x: Tensor, sizes: tuple[int, int]) -> None:
    op = "unflatten_leading"
    _check_rank(op, x, "a*b, c, d")
    if len(sizes) != 2:
        raise ValueError(f"{op}: sizes: {sizes!r}, only (a, b) is allowed")
    for index, size in enumerate(sizes):
        _check_int(op, f"sizes[{index}]", size, least=0)
    if sizes[0] * sizes[1] != len(x):
        raise ValueError(
            f"{op}: sizes: {tuple(sizes)} make {sizes[0] * sizes[1]}, only {len(x)}, the first "
            "axis of x, is allowed"
        )


def validate_pixel_unshuffle(x: Tensor, factor: int) -> None:
    op = "pixel_unshuffle"
    _check_rank(op, x, "B, C, H, W")
    _check_int(op, "factor", factor, least=1)
    for axis in (2, 3):
        _check_divides(op, x, axis, divisor=factor, name="factor")


def validate_pixel_shuffle(x: Tensor, factor: int) -> None:
    op = "pixel_shuffle"
    _check_rank(op, x, "B, C, H, W")
    _check_int(op, "factor", factor, least=1)
    _check_divides(op, x, 1, divisor=factor**2, name="factor squared")


def _check_rank(op: str, x: Tensor, axes: str) -> None:
    """Raise ValueError unless `x` has the axes that `axes` names ("B, H, W")."""
    if x.ndim != axes.count(",") + 1:
        raise ValueError(f"{op}: x: shape {list(x.shape)}, only [{axes}] is allowed")


def _check_int(op: str, argument: str, value: object, *, least: int) -> None:
    """Raise TypeError unless `value` is an int, ValueError unless it is `least` or more."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{op}: {argument}: {value!r}, an int is allowed")
    if value < least:
        raise ValueError(f"{op}: {argument}: {value}, {least} and more is allowed")


def _check_divides(op: str, x: Tensor, axis: int, *, divisor: int, name: str) -> None:
    """Raise ValueError unless `divisor`, called `name`, divides the axis of `x`."""
    if x.shape[axis] % divisor:
        raise ValueError(
            f"{op}: x: shape {list(x.shape)}, axis {axis} has {x.shape[axis]}; only multiples of "
            f"{name} = {divisor} are allowed"
        )


# --- the work that cannot be avoided ---------------------------------------------------------


def cost(x: Tensor, e: int, direction: str) -> Cost:
    return _moved(x.numel(), x.numel(), e=e, direction=direction)


def cost_split(x: Tensor, heads: int, e: int, direction: str, board: str) -> Cost:
    if board != "consume":
        return cost(x, e, direction)
    batch, size, width = x.shape
    scores = batch * heads * size**2
    return _scored(x.numel(), scores, depth=width // heads, e=e, direction=direction)


def cost_merge(x: Tensor, e: int, direction: str, board: str) -> Cost:
    if board != "consume":
        return cost(x, e, direction)
    batch, heads, size, depth = x.shape
    scores = batch * size**2
    return _scored(x.numel(), scores, depth=heads * depth, e=e, direction=direction)


def cost_tile(x: Tensor, copies: int, e: int, direction: str) -> Cost:
    return _moved(x.numel(), copies * x.numel(), e=e, direction=direction)


def cost_stack(n: int, H: int, W: int, e: int, direction: str) -> Cost:
    return _moved(n * H * W, n * H * W, e=e, direction=direction)


def _moved(read: int, written: int, *, e: int, direction: str) -> Cost:
    """Each element read and written once; backward, the other way around, with sums where several
    elements were read from one.
    """
    bytes_moved, sums = e * (read + written), max(0, written - read)
    if direction == "both":
        return Cost(sums, 2 * bytes_moved)
    return Cost(0 if direction == "forward" else sums, bytes_moved)


def _scored(read: int, scores: int, *, depth: int, e: int, direction: str) -> Cost:
    """Rows of `depth` numbers multiplied with each other; backward is two such products."""
    passes = {"forward": 1, "backward": 2, "both": 3}[direction]
    flops = 2 * scores * depth * passes
    return Cost(flops, e * (read + scores) * (2 if direction == "both" else 1))
