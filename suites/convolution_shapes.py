"""Shapes of convolution and pooling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opbench import Shape


def _shapes(names: tuple[str, ...], table: Mapping[str, tuple[int, ...]]) -> dict[str, Shape]:
    """Named shapes from rows of numbers."""
    return {shape: dict(zip(names, row, strict=True)) for shape, row in table.items()}


CONVOLUTION = {
    "N": "images",
    "Ci": "channels in",
    "H": "height",
    "W": "width",
    "Co": "channels out",
    "K": "height and width of the kernel",
    "stride": "pixels from window to window",
    "padding": "pixels around the image",
    "dilation": "pixels from tap to tap",
    "groups": "groups of channels",
}
POOLING = {
    "C" if name == "Ci" else name: meaning.removesuffix(" in")
    for name, meaning in CONVOLUTION.items()
    if name not in ("Co", "groups")
}
CONVOLUTIONS: Mapping[str, Mapping[str, Shape]] = {
    "quick": _shapes(
        tuple(CONVOLUTION),
        {
            "tiny": (1, 3, 16, 16, 8, 3, 1, 1, 1, 1),
            "stem_7x7": (1, 3, 224, 224, 64, 7, 2, 3, 1, 1),
            "block_3x3": (1, 64, 56, 56, 64, 3, 1, 1, 1, 1),
        },
    ),
    "full": _shapes(
        tuple(CONVOLUTION),
        {
            "pointwise": (1, 64, 56, 56, 256, 1, 1, 0, 1, 1),
            "strided": (1, 128, 56, 56, 128, 3, 2, 1, 1, 1),
            "last_3x3": (1, 512, 7, 7, 512, 3, 1, 1, 1, 1),
            "depthwise": (1, 128, 56, 56, 128, 3, 1, 1, 1, 128),
            "dilated": (1, 256, 28, 28, 256, 3, 1, 2, 2, 1),
            "stem_8": (8, 3, 224, 224, 64, 7, 2, 3, 1, 1),
            "block_8": (8, 64, 56, 56, 64, 3, 1, 1, 1, 1),
            "cuda_stem": (64, 3, 224, 224, 64, 7, 2, 3, 1, 1),
            "cuda_block": (256, 64, 56, 56, 64, 3, 1, 1, 1, 1),
        },
    ),
    "edge": _shapes(
        tuple(CONVOLUTION),
        {
            "odd": (3, 6, 11, 9, 4, 3, 2, 1, 1, 2),
            "one": (1, 1, 1, 1, 1, 1, 1, 0, 1, 1),
            "no_image": (0, 2, 5, 5, 4, 3, 1, 1, 1, 1),
            "pointwise": (2, 5, 4, 3, 3, 1, 1, 0, 1, 1),
            "depthwise": (2, 3, 7, 8, 6, 3, 1, 1, 2, 3),
            "whole": (2, 3, 5, 5, 4, 5, 1, 0, 1, 1),
            "sparse": (1, 2, 9, 10, 3, 2, 4, 0, 1, 1),
            "rest": (2, 2, 9, 8, 2, 3, 4, 0, 1, 1),
            "wide_padding": (2, 1, 3, 2, 2, 2, 1, 3, 2, 1),
        },
    ),
}
POOLINGS: Mapping[str, Mapping[str, Shape]] = {
    "quick": _shapes(
        tuple(POOLING),
        {
            "tiny": (1, 8, 16, 16, 3, 2, 1, 1),
            "stem": (1, 64, 112, 112, 3, 2, 1, 1),
            "overlapping": (1, 64, 56, 56, 5, 1, 2, 1),
        },
    ),
    "full": _shapes(
        tuple(POOLING),
        {
            "halved": (1, 64, 112, 112, 2, 2, 0, 1),
            "dilated": (1, 64, 56, 56, 3, 1, 1, 2),
            "stem_8": (8, 64, 112, 112, 3, 2, 1, 1),
            "cuda_stem": (256, 64, 112, 112, 3, 2, 1, 1),
        },
    ),
    "edge": _shapes(
        tuple(POOLING),
        {
            "odd": (3, 5, 13, 10, 3, 2, 1, 1),
            "one": (1, 1, 1, 1, 1, 1, 0, 1),
            "no_image": (0, 2, 5, 5, 3, 1, 1, 1),
            "pixels": (2, 3, 4, 3, 1, 1, 0, 1),
            "overlapping": (1, 2, 9, 7, 5, 1, 2, 1),
            "dilated": (2, 1, 9, 10, 3, 1, 1, 2),
            "sparse": (1, 2, 9, 10, 2, 3, 0, 1),
        },
    ),
}
