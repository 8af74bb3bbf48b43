"""Triton kernels that move rows between tokens and slots: reduce, expand, scatter and finish.

A row has `width` columns, cut into blocks of BLOCK; axis 1 of every grid counts the blocks. Sums
are in float32, or in float64 where WIDE. Values are selected by masked loads, never multiplied by
a mask, so that a NaN stays where it is.
"""

from __future__ import annotations

import triton
import triton.language as tl

from opbench.impls.kernels.triton_variant import variant


@triton.jit  # type: ignore[untyped-decorator]
def reduce_segments(
    source: tl.tensor,
    target: tl.tensor,
    firsts: tl.tensor,
    slots: tl.tensor,
    width: tl.tensor,
    source_batch: tl.tensor,
    source_row: tl.tensor,
    source_column: tl.tensor,
    target_batch: tl.tensor,
    target_row: tl.tensor,
    fill: tl.tensor,
    MEAN: tl.constexpr,
    WIDE: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """One program per slot: its sum or mean over rows firsts[b, p] .. firsts[b, p + 1] - 1."""
    slot = tl.program_id(0).to(tl.int64)
    batch = slot // slots
    place = slot % slots
    first = tl.load(firsts + batch * (slots + 1) + place)
    last = tl.load(firsts + batch * (slots + 1) + place + 1)
    column = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros([ROWS, BLOCK], dtype=tl.float64 if WIDE else tl.float32)
    base = source + batch * source_batch + column[None, :] * source_column
    for start in range(first, last, ROWS):
        row = start + tl.arange(0, ROWS)
        mask = (row < last)[:, None] & (column < width)[None, :]
        total += tl.load(base + row[:, None] * source_row, mask=mask, other=0.0).to(total.dtype)
    result = tl.sum(total, axis=0)
    if MEAN:
        result = result / tl.maximum(last - first, 1).to(total.dtype)
    result = tl.where(last > first, result, tl.full([BLOCK], 1.0, total.dtype) * fill)
    at = target + batch * target_batch + place * target_row + column
    tl.store(at, result.to(target.dtype.element_ty), mask=column < width)


@triton.jit  # type: ignore[untyped-decorator]
def expand_slots(
    source: tl.tensor,
    target: tl.tensor,
    slot_of: tl.tensor,
    counts: tl.tensor,
    rows: tl.tensor,
    slots: tl.tensor,
    width: tl.tensor,
    source_batch: tl.tensor,
    source_row: tl.tensor,
    source_column: tl.tensor,
    target_batch: tl.tensor,
    target_row: tl.tensor,
    MEAN: tl.constexpr,
    WIDE: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """One program per token: its slot's row, over the slot's size where MEAN; zeros without one."""
    token = tl.program_id(0).to(tl.int64)
    batch = token // rows
    row = token % rows
    slot = tl.load(slot_of + token).to(tl.int64)
    kept = (slot >= 0) & (slot < slots)
    column = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    at = source + batch * source_batch + slot * source_row + column * source_column
    value = tl.load(at, mask=column < tl.where(kept, width, 0), other=0.0)
    if MEAN:
        count = tl.load(counts + batch * slots + slot, mask=kept, other=1)
        value = value.to(tl.float64 if WIDE else tl.float32)
        value = value / tl.maximum(count, 1).to(value.dtype)
    at = target + batch * target_batch + row * target_row + column
    tl.store(at, value.to(target.dtype.element_ty), mask=column < width)


@triton.jit  # type: ignore[untyped-decorator]
def scatter_rows(
    source: tl.tensor,
    sums: tl.tensor,
    counts: tl.tensor,
    slot_of: tl.tensor,
    rows: tl.tensor,
    slots: tl.tensor,
    width: tl.tensor,
    source_batch: tl.tensor,
    source_row: tl.tensor,
    source_column: tl.tensor,
    WIDE: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """One program per token: adds its row to its slot's sum, and the first block counts it."""
    token = tl.program_id(0).to(tl.int64)
    batch = token // rows
    slot = tl.load(slot_of + token).to(tl.int64)
    kept = (slot >= 0) & (slot < slots)
    column = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = column < tl.where(kept, width, 0)
    at = source + batch * source_batch + (token % rows) * source_row + column * source_column
    value = tl.load(at, mask=mask, other=0.0).to(tl.float64 if WIDE else tl.float32)
    tl.atomic_add(sums + (batch * slots + slot) * width + column, value, mask=mask)
    if tl.program_id(1) == 0:
        tl.atomic_add(counts + batch * slots + slot, 1, mask=kept)


@triton.jit  # type: ignore[untyped-decorator]
def finish_means(
    sums: tl.tensor,
    counts: tl.tensor,
    target: tl.tensor,
    width: tl.tensor,
    fill: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    """One program per slot: sum over count, `fill` where nothing was counted."""
    slot = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = column < width
    count = tl.load(counts + slot)
    total = tl.load(sums + slot * width + column, mask=mask, other=0.0)
    result = total / tl.maximum(count, 1).to(total.dtype)
    result = tl.where(count > 0, result, tl.full([BLOCK], 1.0, total.dtype) * fill)
    tl.store(target + slot * width + column, result.to(target.dtype.element_ty), mask=mask)


_REDUCE = {"source": "*T", "target": "*T", "firsts": "*i64", "fill": "fp32"}
_EXPAND = {"source": "*T", "target": "*T", "slot_of": "*i64", "counts": "*i64"}
_SCATTER = {"source": "*T", "sums": "*W", "counts": "*i32", "slot_of": "*i64"}
_FINISH = {"sums": "*W", "counts": "*i32", "target": "*T", "fill": "fp32"}
_BLOCKS = {"WIDE": False, "BLOCK": 128}

# Every kernel as its forward and its backward use it.
VARIANTS = (
    variant("means of segments", reduce_segments, _REDUCE, MEAN=True, ROWS=4, **_BLOCKS),
    variant("sums of segments", reduce_segments, _REDUCE, MEAN=False, ROWS=4, **_BLOCKS),
    variant("shares of slots", expand_slots, _EXPAND, MEAN=True, **_BLOCKS),
    variant("copies of slots", expand_slots, _EXPAND, MEAN=False, **_BLOCKS),
    variant("sums by atomics", scatter_rows, _SCATTER, **_BLOCKS),
    variant("means of sums", finish_means, _FINISH, BLOCK=128),
)
