"""Triton kernels over the rows of a matrix: reduced and normalised in one pass, and backwards.

A program has ROWS rows. Each lane of its block of columns keeps its own maximum and its own sum
of exponentials below that maximum, and the lanes meet once at the end of the row: no barrier and
one exponential per element. Sums are in float32, or in float64 for float64. What lies past the
end of a row is read as -inf.
"""

from __future__ import annotations

import triton
import triton.language as tl

from opbench.impls.kernels.triton_variant import OPTIONS, variant


@triton.jit  # type: ignore[untyped-decorator]
def _read(
    at: tl.tensor,
    mask: tl.tensor,
    other: tl.constexpr,
) -> tl.tensor:
    """The values at these addresses, in the dtype of the sums."""
    value = tl.load(at, mask=mask, other=other)
    return value.to(tl.float64 if value.dtype == tl.float64 else tl.float32)


@triton.jit  # type: ignore[untyped-decorator]
def _stream(
    source: tl.tensor,
    inside: tl.tensor,
    width: tl.tensor,
    source_column: tl.tensor,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor]:
    """The maximum of each row that starts at `source`, and the sum of exp(x - maximum).

    The maximum is never NaN; the sum is where the row has one. Equal infinities count as 1.
    """
    wide: tl.constexpr = tl.float64 if source.dtype.element_ty == tl.float64 else tl.float32
    top = tl.full([ROWS, BLOCK], float("-inf"), wide)
    total = tl.zeros([ROWS, BLOCK], wide)
    for start in range(0, width, BLOCK):
        column = start + tl.arange(0, BLOCK)[None, :]
        x = _read(source + column * source_column, inside & (column < width), float("-inf"))
        # One of the two exponents is 0: this is the other.
        share = tl.where(x == top, 1.0, tl.exp(-tl.abs(x - top)))
        total = tl.where(x > top, total * share + 1.0, total + share)
        top = tl.where(x > top, x, top)
    peak = tl.max(top, axis=1)[:, None]
    share = tl.where(top == peak, 1.0, tl.exp(top - peak))
    return peak, tl.sum(total * share, axis=1)[:, None]


@triton.jit  # type: ignore[untyped-decorator]
def reduce_rows(
    source: tl.tensor,
    labels: tl.tensor,
    result: tl.tensor,
    tops: tl.tensor,
    totals: tl.tensor,
    rows: tl.tensor,
    width: tl.tensor,
    source_row: tl.tensor,
    source_column: tl.tensor,
    PICK: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """The log of the sum of exponentials of each row, less the label's value where PICK."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    inside = row < rows
    at = source + row * source_row
    top, total = _stream(at, inside, width, source_column, ROWS, BLOCK)
    if PICK:
        label = tl.load(labels + row, mask=inside, other=0).to(tl.int64)
        picked = _read(at + label * source_column, inside, 0.0)
        value = top - picked + tl.log(total)
        # An impossible label costs inf, though the row be -inf throughout.
        value = tl.where((picked == float("-inf")) & (total == total), float("inf"), value)
    else:
        value = top + tl.log(total)
    tl.store(result + row, value.to(result.dtype.element_ty), mask=inside)
    tl.store(tops + row, top, mask=inside)
    tl.store(totals + row, total, mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def spread_gradient(
    source: tl.tensor,
    labels: tl.tensor,
    tops: tl.tensor,
    totals: tl.tensor,
    grad: tl.tensor,
    target: tl.tensor,
    rows: tl.tensor,
    width: tl.tensor,
    source_row: tl.tensor,
    source_column: tl.tensor,
    PICK: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """The gradient of `reduce_rows`: grad times the softmax, which lacks 1 at the label if PICK."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)[None, :]
    inside = row < rows
    mask = inside & (column < width)
    x = _read(source + row * source_row + column * source_column, mask, 0.0)
    top = tl.load(tops + row, mask=inside, other=0.0)
    total = tl.load(totals + row, mask=inside, other=1.0)
    # A row that is -inf throughout has no softmax: its gradient is 0.
    void = (top == float("-inf")) & (total == total)
    share = tl.where(void, 0.0, tl.exp(x - top) / total)
    if PICK:
        share -= (column == tl.load(labels + row, mask=inside, other=0)).to(share.dtype)
    gradient = _read(grad + row, inside, 0.0) * share
    tl.store(target + row * width + column, gradient.to(target.dtype.element_ty), mask=mask)


@triton.jit  # type: ignore[untyped-decorator]
def normalise_rows(
    source: tl.tensor,
    target: tl.tensor,
    tops: tl.tensor,
    totals: tl.tensor,
    rows: tl.tensor,
    width: tl.tensor,
    source_row: tl.tensor,
    source_column: tl.tensor,
    LOG: tl.constexpr,
    WHOLE: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """The softmax of each row, or its logarithm; a row stays in registers where WHOLE."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    inside = row < rows
    source += row * source_row
    target += row * width
    if WHOLE:
        column = tl.arange(0, BLOCK)[None, :]
        mask = inside & (column < width)
        x = _read(source + column * source_column, mask, float("-inf"))
        top = tl.max(x, axis=1)[:, None]
        total = tl.sum(tl.exp(x - top), axis=1)[:, None]
        _write_normal(target + column, x - top, total, mask, LOG)
    else:
        top, total = _stream(source, inside, width, source_column, ROWS, BLOCK)
        total = tl.where(tl.abs(top) == float("inf"), float("nan"), total)
        for start in range(0, width, BLOCK):
            column = start + tl.arange(0, BLOCK)[None, :]
            mask = inside & (column < width)
            x = _read(source + column * source_column, mask, 0.0)
            _write_normal(target + column, x - top, total, mask, LOG)
    tl.store(tops + row, top, mask=inside)
    tl.store(totals + row, total, mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def _write_normal(
    at: tl.tensor,
    x: tl.tensor,
    total: tl.tensor,
    mask: tl.tensor,
    LOG: tl.constexpr,
) -> None:
    normal = x - tl.log(total) if LOG else tl.exp(x) / total
    tl.store(at, normal.to(at.dtype.element_ty), mask=mask)


@triton.jit  # type: ignore[untyped-decorator]
def normal_gradient(
    source: tl.tensor,
    tops: tl.tensor,
    totals: tl.tensor,
    grad: tl.tensor,
    target: tl.tensor,
    rows: tl.tensor,
    width: tl.tensor,
    source_row: tl.tensor,
    source_column: tl.tensor,
    grad_row: tl.tensor,
    grad_column: tl.tensor,
    LOG: tl.constexpr,
    WHOLE: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """The gradient of `normalise_rows`; the softmax is found again, unrounded."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    inside = row < rows
    source += row * source_row
    grad += row * grad_row
    target += row * width
    top = tl.load(tops + row, mask=inside, other=0.0)
    total = tl.load(totals + row, mask=inside, other=1.0)
    if WHOLE:
        c = tl.arange(0, BLOCK)[None, :]
        mask = inside & (c < width)
        g, y = _pair(grad + c * grad_column, source + c * source_column, top, total, mask)
        summed = tl.sum(g if LOG else g * y, axis=1)[:, None]
        _write_gradient(target + c, g, y, summed, mask, LOG)
    else:
        summed = _sum_gradient(
            grad, source, top, total, inside, width, grad_column, source_column, LOG, ROWS, BLOCK
        )
        for start in range(0, width, BLOCK):
            c = start + tl.arange(0, BLOCK)[None, :]
            mask = inside & (c < width)
            g, y = _pair(grad + c * grad_column, source + c * source_column, top, total, mask)
            _write_gradient(target + c, g, y, summed, mask, LOG)


@triton.jit  # type: ignore[untyped-decorator]
def _pair(
    grad: tl.tensor,
    source: tl.tensor,
    top: tl.tensor,
    total: tl.tensor,
    mask: tl.tensor,
) -> tuple[tl.tensor, tl.tensor]:
    """The gradient and the softmax; past the end of a row both are 0."""
    x = _read(source, mask, float("-inf"))
    return _read(grad, mask, 0.0), tl.exp(x - top) / total


@triton.jit  # type: ignore[untyped-decorator]
def _sum_gradient(
    grad: tl.tensor,
    source: tl.tensor,
    top: tl.tensor,
    total: tl.tensor,
    inside: tl.tensor,
    width: tl.tensor,
    grad_column: tl.tensor,
    source_column: tl.tensor,
    LOG: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> tl.tensor:
    """The sum of each row's gradient, weighted by the softmax unless LOG."""
    lanes = tl.zeros([ROWS, BLOCK], top.dtype)
    for start in range(0, width, BLOCK):
        c = start + tl.arange(0, BLOCK)[None, :]
        mask = inside & (c < width)
        g, y = _pair(grad + c * grad_column, source + c * source_column, top, total, mask)
        lanes += g if LOG else g * y
    return tl.sum(lanes, axis=1)[:, None]


@triton.jit  # type: ignore[untyped-decorator]
def _write_gradient(
    at: tl.tensor,
    g: tl.tensor,
    y: tl.tensor,
    summed: tl.tensor,
    mask: tl.tensor,
    LOG: tl.constexpr,
) -> None:
    gradient = g - y * summed if LOG else y * (g - summed)
    tl.store(at, gradient.to(at.dtype.element_ty), mask=mask)


_REDUCE = {"source": "*T", "labels": "*i64", "result": "*T", "tops": "*W", "totals": "*W"}
_SPREAD = {**_REDUCE, "grad": "*T", "target": "*T"}
_LONG = {"source_column": 1, "ROWS": 1, "BLOCK": 2048}
_SHORT = {"source_column": 1, "ROWS": 4, "BLOCK": 512}
_EIGHT = {**OPTIONS, "num_warps": 8}

# Every kernel as its forward and its backward use it.
VARIANTS = (
    variant("log of sums", reduce_rows, _REDUCE, _EIGHT, PICK=False, **_LONG),
    variant("losses", reduce_rows, _REDUCE, _EIGHT, PICK=True, **_LONG),
    variant("gradients of sums", spread_gradient, _SPREAD, PICK=False, **_SHORT),
    variant("gradients of losses", spread_gradient, _SPREAD, PICK=True, **_SHORT),
    *(
        variant(f"{name}, {rows}", kernel, _SPREAD, options, LOG=log, WHOLE=whole, **tile)
        for name, kernel, dense in (
            ("normal", normalise_rows, {}),
            ("gradients of normal", normal_gradient, {"grad_column": 1}),
        )
        for rows, whole, log, options, tile in (
            ("short rows", True, False, OPTIONS, {**_SHORT, **dense}),
            ("long rows", False, True, _EIGHT, {**_LONG, **dense}),
        )
    ),
)
