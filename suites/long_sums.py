"""Inputs that make sums of thousands of ones: half precision counts to 2048, or to 256.

They are of sizes of their own, whatever the shape. Some of the sums are values, others gradients,
of ones as well: each op lists these kinds in `long_sums`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

    Make = Callable[[], Mapping[str, Any]]

#: Terms of a sum.
TERMS = 3000
#: Windows over one element, where every window is as long: more than float16 counts.
OVERLAPS = 2200
#: Height and width of a kernel of as many taps.
KERNEL = 47


def _ones(*shape: int) -> Tensor:
    return torch.ones(shape)


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.int64)


def _kind(text: str, **make: Callable[[], Any]) -> Make:
    """A kind of inputs, from a function for each argument; `text` describes it."""

    def inputs() -> Mapping[str, Any]:
        return {name: value() for name, value in make.items()}

    inputs.__doc__ = text
    return inputs


# --- experts ---------------------------------------------------------------------------------

COMBINE = {
    "long_sum": _kind(
        "Thousands of experts for each token.",
        y=lambda: _ones(2, TERMS, 3),
        weights=lambda: _ones(2, TERMS),
    ),
    "long_rows": _kind(
        "Thousands of products in the gradient of a weight.",
        y=lambda: _ones(2, 2, TERMS),
        weights=lambda: _ones(2, 2),
    ),
}
COMBINE_SORTED = {
    "long_sum": _kind(
        "Thousands of rows for one token.",
        y=lambda: _ones(TERMS, 3),
        token_index=lambda: _zeros(TERMS),
        weights=lambda: _ones(TERMS),
        tokens=lambda: 2,
    ),
    "long_rows": _kind(
        "Thousands of products in the gradient of a weight.",
        y=lambda: _ones(2, TERMS),
        token_index=lambda: _zeros(2),
        weights=lambda: _ones(2),
        tokens=lambda: 1,
    ),
}
FORWARD = {
    "long_sum": _kind(
        "Rows of thousands.", x=lambda: _ones(2, 2, TERMS), w=lambda: _ones(2, TERMS, 2)
    ),
    "long_columns": _kind(
        "Thousands of tokens of one expert.",
        x=lambda: _ones(2, TERMS, 2),
        w=lambda: _ones(2, 2, 2),
    ),
    "long_results": _kind(
        "Thousands of results of one token.",
        x=lambda: _ones(2, 2, 2),
        w=lambda: _ones(2, 2, TERMS),
    ),
}
GROUPED = {
    "long_sum": _kind(
        "Rows of thousands.",
        x=lambda: _ones(3, TERMS),
        offsets=lambda: torch.tensor([0, 1, 3]),
        w=lambda: _ones(2, TERMS, 2),
    ),
    "long_group": _kind(
        "Thousands of rows of one expert.",
        x=lambda: _ones(TERMS, 2),
        offsets=lambda: torch.tensor([0, 0, TERMS]),
        w=lambda: _ones(2, 2, 2),
    ),
}
ROUTED = {
    "long_sum": _kind(
        "Tokens of thousands.",
        x=lambda: _ones(3, TERMS),
        logits=lambda: torch.tensor([[2.0, 1.0]]).repeat(3, 1),
        w=lambda: _ones(2, TERMS, 2),
        k=lambda: 1,
    ),
    "long_group": _kind(
        "Thousands of tokens of one expert.",
        x=lambda: _ones(TERMS, 2),
        logits=lambda: torch.tensor([[1.0, 2.0]]).repeat(TERMS, 1),
        w=lambda: _ones(2, 2, 2),
        k=lambda: 1,
    ),
}

# --- reductions ------------------------------------------------------------------------------

AVERAGE = {"long_sum": _kind("Thousands of places.", x=lambda: _ones(1, 2, 60, 60))}
DOT_PRODUCT = {
    "long_sum": _kind(
        "Thousands of products.", a=lambda: _ones(2, TERMS), b=lambda: _ones(2, TERMS)
    )
}
POOLED = {
    "long_sum": _kind(
        "One patch of thousands of tokens.",
        tokens=lambda: _ones(1, TERMS, 2),
        lengths=lambda: torch.tensor([[TERMS, 0]]),
    )
}
POOLED_IDS = {
    "long_sum": _kind(
        "One patch of thousands of tokens.",
        tokens=lambda: _ones(1, TERMS, 2),
        ids=lambda: _zeros(1, TERMS),
        num_patches=lambda: 2,
    )
}

# --- boundaries ------------------------------------------------------------------------------

DOWNSAMPLE = {
    "long_sum": _kind(
        "One group of thousands of tokens.",
        boundaries=lambda: (torch.arange(TERMS) == TERMS - 1).float()[None],
        hidden=lambda: _ones(TERMS, 1, 2),
        null_group=lambda: _ones(1, 1, 2),
    ),
    "long_count": _kind(
        "Thousands of groups.",
        boundaries=lambda: _ones(1, TERMS),
        hidden=lambda: torch.arange(2.0 * TERMS).view(TERMS, 1, 2) % 64,
        null_group=lambda: _ones(1, 1, 2),
    ),
    "long_batch": _kind(
        "Thousands of sequences that share the null group.",
        boundaries=lambda: _ones(TERMS, 1),
        hidden=lambda: _ones(1, TERMS, 2),
        null_group=lambda: _ones(1, 1, 2),
    ),
}
UPSAMPLE = {
    "long_sum": _kind(
        "Thousands of tokens that read one row.",
        boundaries=lambda: 0 * _ones(1, TERMS),
        shortened=lambda: _ones(1, 1, 2),
    ),
    "long_count": _kind(
        "Thousands of groups.",
        boundaries=lambda: _ones(1, TERMS),
        shortened=lambda: torch.arange(2.0 * TERMS + 2).view(TERMS + 1, 1, 2) % 64,
    ),
}

# --- what is picked again and again ----------------------------------------------------------

PRICES = {"long_sum": _kind("One item.", prices=lambda: _ones(2), items=lambda: _zeros(TERMS))}
LINES = {
    "long_sum": _kind("One of two.", matrix=lambda: _ones(2, 2), indexes=lambda: _zeros(TERMS))
}
PICKS_PER_ROW = {
    "long_sum": _kind("One of two.", matrix=lambda: _ones(1, 2), indexes=lambda: _zeros(1, TERMS))
}
COORDS = {
    "long_sum": _kind("One of four.", matrix=lambda: _ones(2, 2), coords=lambda: _zeros(TERMS, 2))
}
COPIES = {"long_sum": _kind("Thousands of copies.", x=lambda: _ones(2, 2), copies=lambda: TERMS)}

# --- windows ---------------------------------------------------------------------------------

WINDOWS = {
    "long_sum": _kind(
        "Thousands of windows over one token.",
        x=lambda: _ones(1, 2 * OVERLAPS - 1, 1),
        window=lambda: OVERLAPS,
        step=lambda: 1,
    )
}
SCORES = {
    "long_sum": _kind(
        "Tokens of thousands.",
        q=lambda: _ones(1, 3, TERMS),
        k=lambda: _ones(1, 3, TERMS),
        window=lambda: 2,
        step=lambda: 1,
    )
}
BATCH_SCORES = {
    "long_sum": _kind(
        "Tokens of thousands.", q=lambda: _ones(2, 2, TERMS), k=lambda: _ones(2, 2, TERMS)
    ),
    "long_window": _kind(
        "Windows of thousands of tokens.",
        q=lambda: _ones(1, TERMS, 1),
        k=lambda: _ones(1, TERMS, 1),
    ),
}
LINEAR = {
    "long_sum": _kind(
        "Rows of thousands.", x=lambda: _ones(2, TERMS), weight=lambda: _ones(2, TERMS)
    ),
    "long_column": _kind(
        "Thousands of rows.", x=lambda: _ones(TERMS, 2), weight=lambda: _ones(2, 2)
    ),
}
MERGED = {
    "long_sum": _kind(
        "Thousands of channels of a patch.",
        x=lambda: _ones(1, 2, 2, 800),
        weight=lambda: _ones(1600, 3200),
    ),
    "long_image": _kind(
        "Thousands of patches.", x=lambda: _ones(1, 2, 2 * TERMS, 1), weight=lambda: _ones(2, 4)
    ),
}
COLUMNS = {
    "long_sum": _kind(
        "One pixel in thousands of windows.",
        x=lambda: _ones(1, 1, 2 * KERNEL - 1, 2 * KERNEL - 1),
        kernel_size=lambda: KERNEL,
        stride=lambda: 1,
        padding=lambda: 0,
        dilation=lambda: 1,
    )
}
