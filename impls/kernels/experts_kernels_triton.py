"""Triton kernels of a mixture of experts: sort tokens by expert, move and combine rows, multiply.

Tokens are sorted by counting, without atomics, so that the order is stable and the same in every
run. Sums are in float32, or in float64 for float64.
"""

from __future__ import annotations

import triton
import triton.language as tl

from opbench.impls.kernels.triton_variant import variant


@triton.jit  # type: ignore[untyped-decorator]
def count_tokens(
    ids: tl.tensor,
    counts: tl.tensor,
    tokens: tl.tensor,
    experts: tl.tensor,
    TOKENS: tl.constexpr,
    EXPERTS: tl.constexpr,
) -> None:
    """One program per block of tokens: counts[e, block], how many of them expert e has."""
    block = tl.program_id(0)
    token = block.to(tl.int64) * TOKENS + tl.arange(0, TOKENS)
    chosen = tl.load(ids + token, mask=token < tokens, other=-1)
    for first in range(0, experts, EXPERTS):
        expert = first + tl.arange(0, EXPERTS)
        same = (chosen[:, None] == expert[None, :]).to(tl.int32)
        at = counts + expert.to(tl.int64) * tl.num_programs(0) + block
        tl.store(at, tl.sum(same, axis=0), mask=expert < experts)


@triton.jit  # type: ignore[untyped-decorator]
def place_tokens(
    ids: tl.tensor,
    starts: tl.tensor,
    places: tl.tensor,
    order: tl.tensor,
    tokens: tl.tensor,
    experts: tl.tensor,
    TOKENS: tl.constexpr,
    EXPERTS: tl.constexpr,
) -> None:
    """One program per block of tokens: where each goes, and the inverse, which token goes there.

    starts[e, block] is the place of the block's first token of expert e.
    """
    block = tl.program_id(0)
    token = block.to(tl.int64) * TOKENS + tl.arange(0, TOKENS)
    mask = token < tokens
    chosen = tl.load(ids + token, mask=mask, other=-1)
    place = tl.zeros([TOKENS], tl.int64)
    for first in range(0, experts, EXPERTS):
        expert = first + tl.arange(0, EXPERTS)
        same = chosen[:, None] == expert[None, :]
        at = starts + expert.to(tl.int64) * tl.num_programs(0) + block
        start = tl.load(at, mask=expert < experts, other=0)
        rank = tl.cumsum(same.to(tl.int32), axis=0) - 1
        place += tl.sum(tl.where(same, start[None, :] + rank, 0), axis=1)
    tl.store(places + token, place, mask=mask)
    tl.store(order + place, token, mask=mask)


@triton.jit  # type: ignore[untyped-decorator]
def gather_rows(
    source: tl.tensor,
    target: tl.tensor,
    order: tl.tensor,
    rows: tl.tensor,
    width: tl.tensor,
    size: tl.tensor,
    source_batch: tl.tensor,
    source_row: tl.tensor,
    source_column: tl.tensor,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """target[i] is row order[i] of the source, which has batches of `size` rows."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)[None, :]
    read = tl.load(order + row, mask=row < rows, other=0)
    mask = (row < rows) & (column < width)
    at = source + (read // size) * source_batch + (read % size) * source_row
    value = tl.load(at + column * source_column, mask=mask)
    tl.store(target + row * width + column, value, mask=mask)


@triton.jit  # type: ignore[untyped-decorator]
def combine_rows(
    source: tl.tensor,
    weights: tl.tensor,
    order: tl.tensor,
    firsts: tl.tensor,
    target: tl.tensor,
    width: tl.tensor,
    choices: tl.tensor,
    source_token: tl.tensor,
    source_choice: tl.tensor,
    source_column: tl.tensor,
    SORTED: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """One program per token: the weighted sum of its rows.

    They are order[firsts[t]] .. order[firsts[t + 1] - 1] where SORTED, and a weight of 0 silences
    a row; else `choices` rows in their own order.
    """
    token = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    wide: tl.constexpr = tl.float64 if source.dtype.element_ty == tl.float64 else tl.float32
    total = tl.zeros([BLOCK], wide)
    first = tl.load(firsts + token) if SORTED else token * choices
    last = tl.load(firsts + token + 1) if SORTED else first + choices
    for place in range(first, last):
        row = tl.load(order + place) if SORTED else place
        weight = tl.load(weights + row).to(wide)
        at = source + (row // choices) * source_token + (row % choices) * source_choice
        end = tl.where(weight != 0, width, 0) if SORTED else width
        value = tl.load(at + column * source_column, mask=column < end, other=0.0)
        total += weight * value.to(wide)
    at = target + token * width + column
    tl.store(at, total.to(target.dtype.element_ty), mask=column < width)


@triton.jit  # type: ignore[untyped-decorator]
def combine_gradient(
    source: tl.tensor,
    weights: tl.tensor,
    tokens: tl.tensor,
    grad: tl.tensor,
    source_grad: tl.tensor,
    weights_grad: tl.tensor,
    width: tl.tensor,
    choices: tl.tensor,
    source_token: tl.tensor,
    source_choice: tl.tensor,
    source_column: tl.tensor,
    grad_row: tl.tensor,
    grad_column: tl.tensor,
    SORTED: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """One program per row: its gradient, and its weight's; a silenced row has none."""
    row = tl.program_id(0).to(tl.int64)
    token = tl.load(tokens + row).to(tl.int64) if SORTED else row // choices
    wide: tl.constexpr = tl.float64 if source.dtype.element_ty == tl.float64 else tl.float32
    weight = tl.load(weights + row).to(wide)
    end = tl.where(weight != 0, width, 0) if SORTED else width
    source += (row // choices) * source_token + (row % choices) * source_choice
    grad += token * grad_row
    total = tl.zeros([BLOCK], wide)
    for start in range(0, width, BLOCK):
        column = start + tl.arange(0, BLOCK).to(tl.int64)
        mask = column < end
        g = tl.load(grad + column * grad_column, mask=mask, other=0.0).to(wide)
        value = tl.load(source + column * source_column, mask=mask, other=0.0)
        total += g * value.to(wide)
        gradient = (weight * g).to(source_grad.dtype.element_ty)
        tl.store(source_grad + row * width + column, gradient, mask=column < width)
    tl.store(weights_grad + row, tl.sum(total, axis=0).to(weights_grad.dtype.element_ty))


@triton.jit  # type: ignore[untyped-decorator]
def _tile_of_group(rows: tl.tensor, columns: tl.tensor) -> tuple[tl.tensor, tl.tensor]:
    """The tile of this program: eight rows of tiles share the columns they read."""
    GROUP: tl.constexpr = 8
    tile = tl.program_id(0)
    first = tile // (GROUP * columns) * GROUP
    high = tl.minimum(rows - first, GROUP)
    place = tile % (GROUP * columns)
    return first + place % high, place // high


@triton.jit  # type: ignore[untyped-decorator]
def multiply(
    left: tl.tensor,
    right: tl.tensor,
    target: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    inner: tl.tensor,
    left_batch: tl.tensor,
    left_row: tl.tensor,
    left_inner: tl.tensor,
    right_batch: tl.tensor,
    right_inner: tl.tensor,
    right_column: tl.tensor,
    WIDEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
) -> None:
    """One program per tile of target[e] = left[e] @ right[e]; float32 is multiplied as such."""
    batch = tl.program_id(1).to(tl.int64)
    row, column = _tile_of_group(tl.cdiv(rows, ROWS), tl.cdiv(columns, COLUMNS))
    row = row.to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    column = column.to(tl.int64) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    place = tl.arange(0, INNER).to(tl.int64)
    left += batch * left_batch + row * left_row + place[None, :] * left_inner
    right += batch * right_batch + place[:, None] * right_inner + column * right_column
    wide: tl.constexpr = tl.float64 if target.dtype.element_ty == tl.float64 else tl.float32
    total = tl.zeros([ROWS, COLUMNS], wide)
    for start in range(0, inner, INNER):
        kept = place < inner - start
        one = tl.load(left, mask=(row < rows) & kept[None, :], other=0.0)
        other = tl.load(right, mask=kept[:, None] & (column < columns), other=0.0)
        # Triton's interpreter would multiply the bits of bfloat16 (its issue 11584).
        one, other = (one.to(wide), other.to(wide)) if WIDEN else (one, other)
        total = tl.dot(one, other, total, input_precision="ieee")
        left += INNER * left_inner
        right += INNER * right_inner
    at = target + (batch * rows + row) * columns + column
    tl.store(at, total.to(target.dtype.element_ty), mask=(row < rows) & (column < columns))


_IDS = {"ids": "*i64", "counts": "*i32", "starts": "*i64", "places": "*i64", "order": "*i64"}
_ROWS = {"source": "*T", "target": "*T", "order": "*i64"}
_SUMS = {**_ROWS, "weights": "*T", "firsts": "*i64"}
_GRADS = {"source": "*T", "weights": "*T", "grad": "*T", "source_grad": "*T", "tokens": "*i64"}
_GRADS["weights_grad"] = "*T"
_TILES = {"left": "*T", "right": "*T", "target": "*T"}
_SORT = {"TOKENS": 128, "EXPERTS": 32}
_WIDTH = {"source_column": 1, "BLOCK": 1024}
_LINED = {"choices": 1, **_WIDTH}
_FOUR = {"enable_fp_fusion": True, "num_warps": 4, "num_stages": 3}
_TILE = {"WIDEN": False, "left_inner": 1, "ROWS": 64, "COLUMNS": 64, "INNER": 32}
_THIN = {**_TILE, "ROWS": 16}

# Every kernel as its forward and its backward use it.
VARIANTS = (
    variant("counts", count_tokens, _IDS, **_SORT),
    variant("places", place_tokens, _IDS, **_SORT),
    variant("rows in order", gather_rows, _ROWS, ROWS=2, **_WIDTH),
    variant("sums of choices", combine_rows, _SUMS, SORTED=False, **_WIDTH),
    variant("sums of sorted rows", combine_rows, _SUMS, SORTED=True, **_LINED),
    variant("gradients of choices", combine_gradient, _GRADS, SORTED=False, **_WIDTH),
    variant("gradients of sorted rows", combine_gradient, _GRADS, SORTED=True, **_LINED),
    variant("product", multiply, _TILES, _FOUR, right_column=1, **_TILE),
    variant("product with a few rows", multiply, _TILES, _FOUR, right_inner=1, **_THIN),
)
