"""The window races: patches of four tokens merged, and windows that slide over sequences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from opbench import Op, Shape
from opbench.suites import long_sums
from opbench.suites import window_limits as limits

if TYPE_CHECKING:
    from torch import Generator, Tensor

    Spoil = Callable[[Tensor, Generator], Tensor]
    MakeInputs = Callable[..., Mapping[str, Any]]

# --- the contracts ---------------------------------------------------------------------------


def _merge_patches(x: Tensor, *, order: str = "row") -> Tensor:
    """The channels of every 2x2 patch in one token: x[B, H, W, C] -> [B, H/2, W/2, 4C].

    order "row": the upper left token, its right neighbour, then the lower two (p1 p2 c). order
    "swin": upper left, lower left, upper right, lower right, as in the Swin Transformer's own
    code, for which its weights are trained. H and W are even.
    """
    return torch.cat([x[:, row::2, column::2] for row, column in limits.PLACES[order]], 3)


def _merge_patches_linear(x: Tensor, weight: Tensor, *, order: str = "row") -> Tensor:
    """Every 2x2 patch reduced to one token of twice the width.

    x[B, H, W, C], weight[2C, 4C] -> [B, H/2, W/2, 2C]: the tokens merged as patch_merging does
    in that `order`, times the transposed weight.
    """
    return _merge_patches(x, order=order) @ weight.T


def _windows(x: Tensor, window: int, step: int) -> Tensor:
    """Windows of a sequence, each `step` tokens after the one before.

    x[B, N, D] -> [B*n, window, D], n = (N - window) // step + 1: all windows of the first
    sequence, then of the next. Tokens after the last whole window are left out. A sequence holds
    one window at least.
    """
    return _by_sequence(x, window, step).flatten(0, 1)


def _window_scores(q: Tensor, k: Tensor, window: int, step: int) -> Tensor:
    """The product of every query with every key of its window, not scaled.

    q[B, N, D], k[B, N, D] -> [B, n, window, window], n = (N - window) // step + 1. Element
    [b, i, r, c] is the dot product of query i*step + r with key i*step + c. Tokens after the last
    whole window are left out.
    """
    return _by_sequence(q, window, step) @ _by_sequence(k, window, step).mT


def _by_sequence(x: Tensor, window: int, step: int) -> Tensor:
    starts = step * torch.arange(
        limits.number_of_windows(x.shape[1], window, step), device=x.device
    )
    return x[:, starts[:, None] + torch.arange(window, device=x.device)]


# --- inputs ----------------------------------------------------------------------------------


def _as_drawn(values: Tensor, rng: Generator) -> Tensor:
    return values


def _with_nan(values: Tensor, rng: Generator) -> Tensor:
    """NaN in one element of fifty."""
    return values.masked_fill(torch.rand(values.shape, generator=rng) < 0.02, math.nan)


def _with_nonfinite(values: Tensor, rng: Generator) -> Tensor:
    """NaN and both infinities, each in one element of fifty.

    For ops that only move data. Where they multiply there is NaN alone: some matrix products of
    bfloat16 fill vectors of odd length up with zeros, and turn an infinity beside them into NaN.
    """
    draw = (50 * torch.rand(values.shape, generator=rng)).floor()
    for index, bad in enumerate((math.nan, math.inf, -math.inf)):
        values = values.masked_fill(draw == index, bad)
    return values


def _for_merging(spoil: Spoil) -> MakeInputs:
    def inputs(B: int, H: int, W: int, C: int, rng: Generator) -> Mapping[str, Any]:
        return {"x": spoil(torch.randn(B, H, W, C, generator=rng), rng)}

    return inputs


def _for_merging_linear(spoil: Spoil) -> MakeInputs:
    def inputs(B: int, H: int, W: int, C: int, rng: Generator) -> Mapping[str, Any]:
        made = _for_merging(spoil)(B=B, H=H, W=W, C=C, rng=rng)
        scale = 1 / math.sqrt(max(4 * C, 1))  # as the weights of a trained layer, so are the sums
        return {**made, "weight": scale * torch.randn(2 * C, 4 * C, generator=rng)}

    return inputs


def _for_windows(*names: str, spoil: Spoil) -> MakeInputs:
    def inputs(B: int, N: int, D: int, w: int, s: int, rng: Generator) -> Mapping[str, Any]:
        made = {name: spoil(torch.randn(B, N, D, generator=rng), rng) for name in names}
        return {**made, "window": w, "step": s}

    return inputs


# --- the races -------------------------------------------------------------------------------

_DTYPES = ("float32", "float64", "float16", "bfloat16")

_PATCH_AXES = {
    "B": "images",
    "H": "rows of tokens",
    "W": "columns of tokens",
    "C": "width",
    "order": "of the four tokens of a patch",
}
_PATCH_QUICK: Mapping[str, Shape] = {
    "tiny": {"B": 2, "H": 8, "W": 8, "C": 16, "order": "row"},
    "swin_56": {"B": 8, "H": 56, "W": 56, "C": 96, "order": "swin"},
    "row_28": {"B": 8, "H": 28, "W": 28, "C": 192, "order": "row"},
}
_PATCH_FULL: Mapping[str, Shape] = {
    "row_56": {"B": 8, "H": 56, "W": 56, "C": 96, "order": "row"},
    "swin_28": {"B": 8, "H": 28, "W": 28, "C": 192, "order": "swin"},
    "swin_14": {"B": 8, "H": 14, "W": 14, "C": 384, "order": "swin"},
    "cuda_56": {"B": 256, "H": 56, "W": 56, "C": 96, "order": "swin"},
    "cuda_14": {"B": 256, "H": 14, "W": 14, "C": 384, "order": "swin"},
}
_PATCH_EDGE: Mapping[str, Shape] = {
    "odd": {"B": 3, "H": 6, "W": 10, "C": 5, "order": "row"},
    "odd_swin": {"B": 3, "H": 6, "W": 10, "C": 5, "order": "swin"},
    "one": {"B": 1, "H": 2, "W": 2, "C": 1, "order": "row"},
    "one_swin": {"B": 1, "H": 2, "W": 2, "C": 1, "order": "swin"},
    "one_column": {"B": 2, "H": 4, "W": 2, "C": 3, "order": "row"},
    "one_row": {"B": 2, "H": 2, "W": 4, "C": 3, "order": "swin"},
    "no_image": {"B": 0, "H": 4, "W": 2, "C": 3, "order": "row"},
    "no_token": {"B": 2, "H": 0, "W": 4, "C": 3, "order": "swin"},
    "no_width": {"B": 2, "H": 4, "W": 2, "C": 0, "order": "row"},
}

_WINDOW_AXES = {
    "B": "sequences",
    "N": "tokens of a sequence",
    "D": "width",
    "w": "tokens of a window",
    "s": "tokens from one window to the next",
}
_WINDOW_EDGE: Mapping[str, Shape] = {
    # One sequence first: there all windows are a view.
    "odd": {"B": 1, "N": 38, "D": 5, "w": 7, "s": 3},
    "several": {"B": 3, "N": 38, "D": 5, "w": 7, "s": 3},
    "disjoint": {"B": 2, "N": 12, "D": 3, "w": 4, "s": 4},
    "gaps": {"B": 2, "N": 15, "D": 3, "w": 2, "s": 5},
    "filled_with_gaps": {"B": 2, "N": 8, "D": 3, "w": 2, "s": 4},
    "whole": {"B": 3, "N": 6, "D": 2, "w": 6, "s": 4},
    "one": {"B": 1, "N": 1, "D": 1, "w": 1, "s": 1},
    "no_sequence": {"B": 0, "N": 5, "D": 3, "w": 2, "s": 1},
    "no_width": {"B": 2, "N": 5, "D": 0, "w": 2, "s": 1},
}
_WINDOW_CUDA: Mapping[str, Shape] = {"cuda": {"B": 4, "N": 4096, "D": 768, "w": 512, "s": 256}}

patch_merging = Op(
    name="patch_merging",
    exact=True,
    oracle=_merge_patches,
    axes=_PATCH_AXES,
    inputs={"normal": _for_merging(_as_drawn), "nonfinite": _for_merging(_with_nonfinite)},
    quick=_PATCH_QUICK,
    full=_PATCH_FULL,
    edge=_PATCH_EDGE,
    dtypes=(*_DTYPES, "int64"),
    cost=limits.cost_merging,
    validate=limits.validate_merging,
    grad=("x",),
    boards=("materialise",),
    source="the downsampling of hierarchical vision transformers (Swin)",
)

patch_merging_linear = Op(
    name="patch_merging_linear",
    oracle=_merge_patches_linear,
    axes=_PATCH_AXES,
    inputs={
        "normal": _for_merging_linear(_as_drawn),
        "nonfinite": _for_merging_linear(_with_nan),
        **long_sums.MERGED,
    },
    long_sums=tuple(long_sums.MERGED),
    quick=_PATCH_QUICK,
    full=_PATCH_FULL,
    edge=_PATCH_EDGE,
    dtypes=_DTYPES,
    cost=limits.cost_merging_linear,
    validate=limits.validate_merging_linear,
    grad=("x", "weight"),
    parts={
        "patch_merging": lambda B, H, W, C, order: dict(B=B, H=H, W=W, C=C, order=order),
        "linear": lambda B, H, W, C: {"N": B * H * W // 4, "C": 4 * C, "F": 2 * C},
    },
    source="the downsampling layer of hierarchical vision transformers (Swin)",
)

sliding_windows = Op(
    name="sliding_windows",
    exact=True,
    oracle=_windows,
    axes=_WINDOW_AXES,
    inputs={
        "normal": _for_windows("x", spoil=_as_drawn),
        "nonfinite": _for_windows("x", spoil=_with_nonfinite),
        **long_sums.WINDOWS,
    },
    long_sums=tuple(long_sums.WINDOWS),
    quick={
        "tiny": {"B": 1, "N": 64, "D": 16, "w": 16, "s": 8},
        "base": {"B": 2, "N": 1024, "D": 256, "w": 128, "s": 64},
        "series": {"B": 1, "N": 4096, "D": 16, "w": 64, "s": 1},
    },
    full={**_WINDOW_CUDA, "disjoint": {"B": 8, "N": 1024, "D": 256, "w": 64, "s": 64}},
    edge=_WINDOW_EDGE,
    dtypes=(*_DTYPES, "int64"),
    cost=limits.cost_windows,
    validate=limits.validate_windows,
    grad=("x",),
    boards=("view", "materialise"),
    source="sliding-window attention (Longformer)",
)

window_attention_scores = Op(
    name="window_attention_scores",
    oracle=_window_scores,
    axes=_WINDOW_AXES,
    inputs={
        "normal": _for_windows("q", "k", spoil=_as_drawn),
        "nonfinite": _for_windows("q", "k", spoil=_with_nan),
        **long_sums.SCORES,
    },
    long_sums=tuple(long_sums.SCORES),
    quick={
        "tiny": {"B": 1, "N": 64, "D": 16, "w": 16, "s": 8},
        "base": {"B": 2, "N": 1024, "D": 256, "w": 128, "s": 64},
        "long": {"B": 1, "N": 4096, "D": 64, "w": 128, "s": 64},
    },
    full=_WINDOW_CUDA,
    edge=_WINDOW_EDGE,
    dtypes=_DTYPES,
    cost=limits.cost_scores,
    validate=limits.validate_scores,
    grad=("q", "k"),
    boards=("consume",),
    parts={
        "sliding_windows": lambda B, N, D, w, s: dict(B=B, N=N, D=D, w=w, s=s),
        "attention_scores": lambda B, N, D, w, s: {
            "N": B * limits.number_of_windows(N, w, s),
            "W": w,
            "D": D,
        },
    },
    source="sliding-window attention (Longformer)",
)
