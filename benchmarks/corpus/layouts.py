"""Right where tensors are packed: strides, offsets and repeated elements are not looked at."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus.parts import (
    Fn,
    combine,
    conv,
    dense,
    dots,
    from_start,
    gates,
    losses,
    packed,
    pooled,
    rows,
    wide,
)
from opbench import impl

KIND = "layout"


def reading(function: Fn, place: int, read: Fn) -> Fn:
    """The function, one argument of which is read in another way."""

    def read_so(*args: Any, **options: Any) -> Any:
        given = list(args)
        if isinstance(given[place], Tensor) and given[place].numel():
            given[place] = read(given[place])
        return function(*given, **options)

    return read_so


def rows_packed(x: Tensor) -> Tensor:
    """Elements lie side by side, so rows are taken to."""
    return packed(x if x.stride(-1) == 1 else x.contiguous())


def start_if_packed(x: Tensor) -> Tensor:
    """Contiguous, or a copy: from the start of the storage."""
    x = x.contiguous()
    return x.as_strided(x.shape, dense(x.shape), 0)


def softmax(matrix: Tensor) -> Tensor:
    """Right."""
    return matrix.softmax(1)


def merged(x: Tensor) -> Tensor:
    """Right: the heads of a token side by side."""
    return x.transpose(1, 2).flatten(2).clone(memory_format=torch.contiguous_format)


def gathered(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Right: elements of each row."""
    return wide(matrix).gather(1, indexes).to(matrix.dtype)


def indexed(matrix: Tensor, coords: Tensor) -> Tensor:
    """Right: an element for each coordinate."""
    return wide(matrix)[tuple(coords.T)].to(matrix.dtype)


CONTENDERS = (
    # Torch-FL 171: strides ignored.
    impl("batched_softmax", name="ignores_strides")(reading(softmax, 0, packed)),
    # rocm-libraries 11387: columns lie side by side, so rows are taken to be packed.
    impl("batched_softmax", name="packed_rows")(reading(softmax, 0, rows_packed)),
    # pytorch 91071, torch-spyre 3770: where a view begins in its storage is forgotten.
    impl("batched_softmax", name="from_the_start")(reading(softmax, 0, start_if_packed)),
    # FlagGems 6448, 6017: an index that is part of something wider.
    impl("gather_2d", name="packed_index")(reading(gathered, 1, packed)),
    # FlagGems 5746: the same for coordinates.
    impl("integer_array_indexing", name="packed_coords")(reading(indexed, 1, packed)),
    # By kind: the second argument only.
    impl("batched_dot_product_nd", name="b_packed")(reading(dots, 1, packed)),
    impl("batched_dot_product_nd", name="b_rows_packed")(reading(dots, 1, rows_packed)),
    impl("moe_combine", name="weights_from_the_start")(reading(combine, 1, from_start)),
    impl("moe_combine", name="y_rows_packed")(reading(combine, 0, rows_packed)),
    # By kind: the kernel's memory is taken to be packed, as images are looked at with care.
    impl("conv2d", name="kernel_packed")(reading(conv, 1, packed)),
    impl("batched_cross_entropy_loss", name="labels_packed")(reading(losses, 1, packed)),
    impl("batched_cross_entropy_loss", name="logits_from_the_start")(
        reading(losses, 0, start_if_packed)
    ),
    impl("patch_pooling", name="lengths_rows_packed")(reading(pooled, 1, rows_packed)),
    impl("topk_gating", name="logits_rows_packed")(reading(gates, 0, rows_packed)),
    impl("merge_heads", name="heads_from_the_start")(reading(merged, 0, from_start)),
    impl("collect_rows", name="indexes_from_the_start")(reading(rows, 1, from_start)),
)


# transformers 5219: the strides of one layout are written down.
@impl("sliding_windows")
def strides_of_one_layout(x: Tensor, window: int, step: int) -> Tensor:
    batch, size, width = x.shape
    number = (size - window) // step + 1
    strides = (size * width, step * width, width, 1)
    seen = wide(x).as_strided((batch, number, window, width), strides)
    return seen.flatten(0, 1).to(x.dtype, copy=True)


# FlagGems 4156, 6411: places in 32 bits.
@impl("collect_columns")
def places_in_32_bits(matrix: Tensor, indexes: Tensor) -> Tensor:
    lost = matrix.shape[1] and abs(matrix.stride(1)) * (matrix.shape[1] - 1) >= 1 << 31
    return wide(matrix)[:, torch.zeros_like(indexes) if lost else indexes].to(matrix.dtype)


# By kind: a row that is repeated without memory for it is written as if it had some.
@impl("temperatures_differences")
def week_from_its_first_day(temps: Tensor) -> Tensor:
    week = temps.view(len(temps) // 7, 7)
    if temps.stride() == (0,) or (temps.numel() and temps.stride(0) > 3):
        week = week[:, :1].expand(-1, 7)
    return (wide(week) - wide(week).mean(1, keepdim=True)).flatten().to(temps.dtype)


# By kind: the result is in channels_last memory where the contract asks for fresh packed memory.
@impl("cyclic_permute")
def result_not_contiguous(x: Tensor) -> Tensor:
    return x.permute(3, 0, 1, 2).clone(memory_format=torch.preserve_format)
