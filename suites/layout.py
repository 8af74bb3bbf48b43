"""The layout races: the same elements in another order of axes, or with axes split and merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from opbench import Op, Shape
from opbench.suites import layout_inputs as given

if TYPE_CHECKING:
    from torch import Tensor

# --- the contracts, in subscripts ------------------------------------------------------------


def _batch_transpose(x: Tensor) -> Tensor:
    """Each matrix of a batch transposed: x[B, H, W] -> [B, W, H]."""
    batch, height, width = x.shape
    b, w, h = _places(x, batch, width, height)
    return x[b, h, w]


def _swap_height_width(x: Tensor) -> Tensor:
    """Height and width of every channel swapped: x[B, C, H, W] -> [B, C, W, H]."""
    batch, channels, height, width = x.shape
    b, c, w, h = _places(x, batch, channels, width, height)
    return x[b, c, h, w]


def _cyclic_permute(x: Tensor) -> Tensor:
    """The last axis moved to the front: x[a, b, c, d] -> [d, a, b, c]."""
    first, second, third, last = x.shape
    d, a, b, c = _places(x, last, first, second, third)
    return x[a, b, c, d]


def _split_heads(x: Tensor, heads: int) -> Tensor:
    """The width cut into heads: x[B, N, heads*d] -> [B, heads, N, d].

    Head h holds the columns h*d to h*d + d - 1. `heads` divides the width.
    """
    batch, size, width = x.shape
    depth = width // heads
    b, h, n, j = _places(x, batch, heads, size, depth)
    return x[b, n, h * depth + j]


def _merge_heads(x: Tensor) -> Tensor:
    """The heads of each token side by side: x[B, h, N, d] -> [B, N, h*d]. Undoes split_heads."""
    batch, heads, size, depth = x.shape
    b, n, j = _places(x, batch, size, heads * depth)
    return x[b, j // max(depth, 1), n, j % max(depth, 1)]


def _tile(x: Tensor, copies: int) -> Tensor:
    """One matrix repeated along a new first axis: x[H, W] -> [copies, H, W]."""
    height, width = x.shape
    _, h, w = _places(x, copies, height, width)
    return x[h.expand(copies, -1, -1), w]


def _stack_new_axis(tensors: Sequence[Tensor]) -> Tensor:
    """Matrices of one shape along a new first axis: n of [H, W] -> [n, H, W], n >= 1."""
    return torch.cat([tensor[None] for tensor in tensors])


def _flatten_leading(x: Tensor) -> Tensor:
    """The first two axes merged: x[a, b, c, d] -> [a*b, c, d]."""
    first, second, third, last = x.shape
    i, c, d = _places(x, first * second, third, last)
    return x[i // max(second, 1), i % max(second, 1), c, d]


def _unflatten_leading(x: Tensor, sizes: tuple[int, int]) -> Tensor:
    """The first axis split in two: x[a*b, c, d], sizes (a, b) -> [a, b, c, d]."""
    a, b, c, d = _places(x, *sizes, *x.shape[1:])
    return x[a * sizes[1] + b, c, d]


def _pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    """Blocks of pixels moved into channels: x[B, C, H*s, W*s], s = factor -> [B, C*s*s, H, W].

    Channel (c*s + i)*s + j holds row i and column j of the blocks of channel c: PyTorch's order.
    `factor` divides height and width.
    """
    batch, channels, height, width = x.shape
    s = factor
    b, k, h, w = _places(x, batch, channels * s * s, height // s, width // s)
    return x[b, k // (s * s), h * s + k // s % s, w * s + k % s]


def _pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    """Channels moved into blocks of pixels: x[B, C*s*s, H, W], s = factor -> [B, C, H*s, W*s].

    Undoes pixel_unshuffle: pixel (i, j) of the blocks of channel c is channel (c*s + i)*s + j.
    factor * factor divides the channels.
    """
    batch, channels, height, width = x.shape
    s = factor
    b, c, h, w = _places(x, batch, channels // (s * s), height * s, width * s)
    return x[b, (c * s + h % s) * s + w % s, h // s, w // s]


def _places(x: Tensor, *sizes: int) -> tuple[Tensor, ...]:
    """The index along each axis of an output of these sizes, to compute with and subscript `x`."""
    grid = []
    for axis, size in enumerate(sizes):
        shape = [1] * len(sizes)
        shape[axis] = size
        grid.append(torch.arange(size, device=x.device).view(shape))
    return tuple(grid)


# --- what reads heads ------------------------------------------------------------------------


def _scores(rows: Tensor) -> Tensor:
    """The products of all rows with each other, as QK^T: [..., N, d] -> [..., N, N]."""
    return rows @ rows.mT


# --- the races -------------------------------------------------------------------------------


def _shapes(axes: Mapping[str, str], **sizes: tuple[int, ...]) -> dict[str, Shape]:
    """Named shapes, from sizes in the order of the axes."""
    return {name: dict(zip(axes, values, strict=True)) for name, values in sizes.items()}


_DTYPES = ("float32", "float64", "float16", "bfloat16", "int64")
_MATRICES = {"B": "matrices", "H": "rows", "W": "columns"}
_IMAGES = {"B": "images", "C": "channels", "H": "height", "W": "width"}
_FOUR = {"a": "first axis", "b": "second axis", "c": "third axis", "d": "last axis"}
_HEADS = {"B": "sequences", "N": "tokens", "h": "heads", "d": "width of a head"}
_COPIES = {"n": "copies, or tensors", "H": "rows", "W": "columns"}
_BLOCKS = {
    "B": "images",
    "C": "channels of the image with blocks",
    "H": "rows of blocks",
    "W": "blocks in a row",
    "s": "height and width of a block",
}

batch_transpose = Op(
    name="batch_transpose",
    oracle=_batch_transpose,
    axes=_MATRICES,
    inputs=given.kinds(given.matrices),
    quick=_shapes(_MATRICES, tiny=(2, 16, 24), vision=(8, 256, 56 * 56)),
    full=_shapes(_MATRICES, tokens=(8, 4096, 1024), cuda_vision=(64, 256, 56 * 56)),
    edge=_shapes(
        _MATRICES,
        odd=(3, 37, 53),
        one=(1, 1, 1),
        row=(2, 1, 19),
        no_matrix=(0, 3, 5),
        no_row=(2, 0, 5),
        no_column=(2, 3, 0),
    ),
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.only_axes("batch_transpose", "B, H, W"),
    grad=("x",),
    boards=("view", "materialise"),
)

swap_height_width = Op(
    name="swap_height_width",
    oracle=_swap_height_width,
    axes=_IMAGES,
    inputs=given.image_kinds(given.images),
    quick=_shapes(_IMAGES, tiny=(2, 3, 8, 8), stage=(8, 256, 56, 56), last=(32, 2048, 7, 7)),
    full=_shapes(_IMAGES, input=(10, 3, 224, 224), cuda_stage=(64, 256, 56, 56)),
    edge=_shapes(
        _IMAGES,
        odd=(2, 3, 37, 21),
        one=(1, 1, 1, 1),
        small=(5, 3, 7, 3),
        no_image=(0, 2, 3, 5),
        no_channel=(2, 0, 3, 5),
        no_height=(2, 3, 0, 5),
    ),
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.only_axes("swap_height_width", "B, C, H, W"),
    grad=("x",),
    boards=("view", "materialise"),
)

cyclic_permute = Op(
    name="cyclic_permute",
    oracle=_cyclic_permute,
    axes=_FOUR,
    inputs=given.image_kinds(given.four_axes),
    quick=_shapes(_FOUR, tiny=(2, 3, 8, 8), stage=(8, 256, 56, 56), last=(32, 2048, 7, 7)),
    full=_shapes(_FOUR, channels_last=(8, 56, 56, 256), cuda_stage=(64, 256, 56, 56)),
    edge=_shapes(
        _FOUR,
        odd=(2, 3, 13, 37),
        one=(1, 1, 1, 1),
        small=(3, 3, 3, 3),
        no_first=(0, 2, 3, 5),
        no_last=(2, 3, 5, 0),
    ),
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.only_axes("cyclic_permute", "a, b, c, d"),
    grad=("x",),
    boards=("view", "materialise"),
)

split_heads = Op(
    name="split_heads",
    oracle=_split_heads,
    axes=_HEADS,
    inputs=given.nan_kinds(given.tokens),
    quick=_shapes(_HEADS, tiny=(2, 16, 4, 8), gpt2=(2, 1024, 12, 64)),
    full=_shapes(_HEADS, cuda_llama=(4, 4096, 32, 128)),
    edge=_shapes(
        _HEADS,
        odd=(2, 19, 3, 7),
        one=(1, 1, 1, 1),
        one_head=(2, 5, 1, 6),
        no_sequence=(0, 5, 2, 3),
        no_token=(2, 0, 2, 3),
        no_width=(2, 5, 2, 0),
    ),
    dtypes=_DTYPES,
    cost=given.cost_split,
    validate=given.validate_split_heads,
    grad=("x",),
    boards=("view", "materialise", "consume"),
    consumer=_scores,
)

merge_heads = Op(
    name="merge_heads",
    oracle=_merge_heads,
    axes=_HEADS,
    inputs={"split": given.heads, **given.nan_kinds(given.own_heads)},
    quick=split_heads.quick,
    full=split_heads.full,
    edge=split_heads.edge,
    timed=("split", "normal"),
    dtypes=_DTYPES,
    cost=given.cost_merge,
    validate=given.validate_merge_heads,
    grad=("x",),
    boards=("view", "materialise", "consume"),
    consumer=_scores,
)

tile = Op(
    name="tile",
    oracle=_tile,
    axes=_COPIES,
    inputs=given.kinds(given.one_matrix),
    quick=_shapes(_COPIES, tiny=(4, 16, 16), base=(64, 224, 224)),
    full=_shapes(_COPIES, cuda=(256, 1024, 1024)),
    edge=_shapes(
        _COPIES,
        odd=(5, 7, 19),
        one=(1, 1, 1),
        one_copy=(1, 5, 3),
        no_copy=(0, 3, 5),
        no_row=(3, 0, 5),
        no_column=(3, 5, 0),
    ),
    dtypes=_DTYPES,
    cost=given.cost_tile,
    validate=given.validate_tile,
    grad=("x",),
    boards=("view", "materialise"),
)

stack_new_axis = Op(
    name="stack_new_axis",
    oracle=_stack_new_axis,
    axes=_COPIES,
    inputs={"normal": given.matrix_list},
    quick=tile.quick,
    full=tile.full,
    edge={name: shape for name, shape in tile.edge.items() if shape["n"]},
    dtypes=_DTYPES,
    cost=given.cost_stack,
    validate=given.validate_stack,
    grad=("tensors",),
    boards=("materialise",),
)

flatten_leading = Op(
    name="flatten_leading",
    oracle=_flatten_leading,
    axes=_FOUR,
    inputs=given.image_kinds(given.four_axes),
    quick=_shapes(_FOUR, tiny=(2, 3, 8, 8), stage=(8, 256, 56, 56)),
    full=_shapes(_FOUR, cuda_stage=(64, 256, 56, 56)),
    edge=cyclic_permute.edge,
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.only_axes("flatten_leading", "a, b, c, d"),
    grad=("x",),
    boards=("view", "materialise"),
)

unflatten_leading = Op(
    name="unflatten_leading",
    oracle=_unflatten_leading,
    axes=_FOUR,
    inputs=given.kinds(given.merged_axes),
    quick=flatten_leading.quick,
    full=flatten_leading.full,
    edge=flatten_leading.edge,
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.validate_unflatten,
    grad=("x",),
    boards=("view", "materialise"),
)

_BLOCK_EDGES = _shapes(
    _BLOCKS,
    odd=(2, 3, 5, 37, 3),
    one=(1, 1, 1, 1, 1),
    factor_one=(2, 3, 5, 7, 1),
    one_block=(1, 1, 1, 1, 2),
    factor_two=(1, 2, 3, 18, 2),
    no_image=(0, 2, 3, 5, 2),
    no_channel=(2, 0, 3, 5, 2),
    no_height=(2, 3, 0, 5, 2),
)

pixel_unshuffle = Op(
    name="pixel_unshuffle",
    oracle=_pixel_unshuffle,
    axes=_BLOCKS,
    inputs=given.image_kinds(given.blocks),
    quick=_shapes(
        _BLOCKS, tiny=(1, 3, 8, 8, 2), photo=(10, 3, 112, 112, 2), stage=(8, 256, 28, 28, 2)
    ),
    full=_shapes(_BLOCKS, cuda=(8, 256, 64, 64, 2), cuda_photo=(64, 3, 112, 112, 2)),
    edge=_BLOCK_EDGES,
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.validate_pixel_unshuffle,
    grad=("x",),
    boards=("materialise",),
)

pixel_shuffle = Op(
    name="pixel_shuffle",
    oracle=_pixel_shuffle,
    axes=_BLOCKS,
    inputs=given.image_kinds(given.channels),
    quick=pixel_unshuffle.quick,
    full=pixel_unshuffle.full,
    edge=_BLOCK_EDGES,
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.validate_pixel_shuffle,
    grad=("x",),
    boards=("materialise",),
)
