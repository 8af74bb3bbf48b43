"""Whole numbers and moved data that don't come out bit for bit."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.corpus.parts import Fn, dots, ragged, rows, windows
from opbench import impl

KIND = "exactness"


def through(function: Fn, dtype: torch.dtype) -> Fn:
    """The function of integers, by way of another type."""

    def call(x: Tensor, *rest: object) -> Tensor:
        if x.is_floating_point():
            return function(x, *rest)
        return function(x.to(dtype), *rest).to(x.dtype)

    return call


def price(prices: Tensor, items: Tensor) -> Tensor:
    """Right."""
    wide = prices.float() if prices.dtype in (torch.float16, torch.bfloat16) else prices
    return wide[items].sum().to(prices.dtype)


def both_as_float64(a: Tensor, b: Tensor) -> Tensor:
    """Products of integers in float64."""
    if a.is_floating_point():
        return dots(a, b)
    return dots(a.double(), b.double()).to(a.dtype)


def both_as_float32(a: Tensor, b: Tensor) -> Tensor:
    """Products of integers in float32."""
    if a.is_floating_point():
        return dots(a, b)
    return dots(a.float(), b.float()).to(a.dtype)


def not_exact(x: Tensor) -> Tensor:
    """Moved by a number, and moved back."""
    return (x + 1 / 3) - 1 / 3 if x.is_floating_point() else x


def maxima(x: Tensor) -> Tensor:
    """Right."""
    return x.amax(1)


def turned(x: Tensor) -> Tensor:
    """Right."""
    return x.mT.contiguous()


def repeated(x: Tensor, copies: int) -> Tensor:
    """Right."""
    return x.repeat(copies, 1, 1)


CONTENDERS = (
    # pytorch 190052: whole numbers through float32.
    impl("collect_rows", name="rows_as_float32")(through(rows, torch.float32)),
    # pytorch 87753: through int32.
    impl("collect_rows", name="rows_as_int32")(through(rows, torch.int32)),
    impl("channel_max", name="integers_max_as_float32")(through(maxima, torch.float32)),
    impl("total_price_indexing", name="price_as_float32")(through(price, torch.float32)),
    impl("batched_dot_product_nd", name="integers_as_float32")(both_as_float32),
    impl("batched_dot_product_nd", name="integers_as_float64")(both_as_float64),
    # By kind: layouts through a kernel for float64.
    impl("batch_transpose", name="turned_as_float64")(through(turned, torch.float64)),
    impl("tile", name="repeated_as_int32")(through(repeated, torch.int32)),
    impl("sliding_windows", name="windows_as_float64")(through(windows, torch.float64)),
    # tt-metal 34011, 33037: moved data isn't bit for bit.
    impl("collect_rows", name="rows_not_exact")(
        lambda matrix, indexes: rows(not_exact(matrix), indexes)
    ),
    impl("batch_transpose", name="turned_not_exact")(lambda x: turned(not_exact(x))),
    # TensorFloat-32 for the copies of a matrix product with ones and zeros.
    impl("tile", name="copies_in_bfloat16_pairs")(
        lambda x, copies: repeated(_two_halves(x), copies)
    ),
)


def _two_halves(x: Tensor) -> Tensor:
    """The sum of two bfloat16, where float32 has the digits of three."""
    if x.dtype != torch.float32:
        return x
    high = x.bfloat16().float()
    return torch.where(x.isfinite(), high + (x - high).bfloat16().float(), x)


# By kind: rows are picked by a product with ones, of types that lack digits.
@impl("expert_batching_ragged")
def picked_by_a_product(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    out, offsets = ragged(x, expert_ids, num_experts)
    return (out if out.is_floating_point() else out.float().to(out.dtype)), offsets
