"""Held out: written when the checks were there, and not to be looked at to make them better.

Each is made by rule of a right contender, of ops that the other modules don't have the fault for.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus import rules
from benchmarks.corpus.integers import through
from benchmarks.corpus.kept import by_turns, saving_aside
from benchmarks.corpus.layouts import reading, rows_packed, softmax, start_if_packed
from benchmarks.corpus.parts import (
    Fn,
    backward_of,
    columns_of,
    combine,
    dots,
    from_start,
    losses,
    packed,
    pooled,
    rows,
    wide,
    windows,
)
from benchmarks.corpus.training import another
from opbench import impl
from opbench.impls.lookups import price_by_gather
from opbench.impls.pixels import unshuffle_by_permute
from opbench.impls.softmax import torch_logsoftmax
from opbench.impls.temperatures import mean, subtract_broadcast
from opbench.impls.transposes import rotate_by_copy, swap_by_copy

KIND = "mutation"
#: By name of a contender, the kind of its fault.
KINDS: dict[str, str] = {}


def held(op: str, kind: str, name: str, function: Fn) -> Fn:
    """A contender that is held out."""
    KINDS[f"held_{name}"] = kind
    return impl(op, name=f"held_{name}")(function)


def logsumexp(matrix: Tensor) -> Tensor:
    """Right."""
    return wide(matrix).logsumexp(1).to(matrix.dtype)


def linear(x: Tensor, w: Tensor) -> Tensor:
    """Right."""
    return torch.bmm(wide(x), wide(w)).to(x.dtype)


def pool(x: Tensor) -> Tensor:
    """Right."""
    return wide(x).mean((2, 3)).to(x.dtype)


def halved_in_place(upstream: Tensor) -> Tensor:
    """The gradient is scaled where it lies, and put back but for its last digit."""
    return upstream.mul_(3).div_(3)


def without_first(upstream: Tensor) -> Tensor:
    """The first example's gradient is lost."""
    return torch.cat([torch.zeros_like(upstream[:1]), upstream[1:]])


def reversed_rows(upstream: Tensor) -> Tensor:
    """The last example's gradient for the first."""
    return upstream.flip(0)


BY_RULE = (
    # Layouts.
    held("batched_logsoftmax", "layout", "packed", reading(torch_logsoftmax, 0, packed)),
    held("batched_logsumexp", "layout", "rows_packed", reading(logsumexp, 0, rows_packed)),
    held("expert_forward", "layout", "x_rows_packed", reading(linear, 0, rows_packed)),
    held("expert_forward", "layout", "w_from_start", reading(linear, 1, from_start)),
    held("collect_columns", "layout", "indexes_packed", reading(columns_of, 1, packed)),
    held("total_price_gather", "layout", "items_packed", reading(price_by_gather, 1, packed)),
    held("global_average_pool", "layout", "start_if_packed", reading(pool, 0, start_if_packed)),
    held("pixel_unshuffle", "layout", "rows_packed", reading(unshuffle_by_permute, 0, rows_packed)),
    held("sliding_windows", "layout", "from_start", reading(windows, 0, start_if_packed)),
    held("patch_pooling", "layout", "tokens_packed", reading(pooled, 0, rows_packed)),
    # Upstream layouts.
    held("expert_forward", "upstream", "upstream_packed", backward_of(linear, packed)),
    held("moe_combine", "upstream", "upstream_rows_packed", backward_of(combine, rows_packed)),
    held("global_average_pool", "upstream", "upstream_packed", backward_of(pool, packed)),
    held("temperatures_average", "upstream", "upstream_start", backward_of(mean, from_start)),
    held(
        "batched_logsoftmax",
        "upstream",
        "upstream_in_place",
        backward_of(torch_logsoftmax, halved_in_place),
    ),
    # Gradients.
    held("batched_dot_product_nd", "gradient", "lost_first", backward_of(dots, without_first)),
    held("expert_forward", "gradient", "reversed", backward_of(linear, reversed_rows)),
    held("global_average_pool", "gradient", "lost_first", backward_of(pool, without_first)),
    held(
        "temperatures_differences",
        "gradient",
        "in_bfloat16",
        backward_of(subtract_broadcast, rules.in_bfloat16),
    ),
    # In training alone.
    held("batched_logsoftmax", "training", "plus_one", another(torch_logsoftmax, lambda o: o + 1)),
    held("global_average_pool", "training", "bfloat16", another(pool, rules.in_bfloat16)),
    held("expert_forward", "training", "wider", another(linear, rules.wider)),
    held("batched_dot_product_nd", "training", "lost_last", another(dots, rules.last_column_lost)),
    # Kept between calls.
    held("batched_logsoftmax", "kept", "aside", saving_aside(torch_logsoftmax)),
    held("expert_forward", "kept", "aside", saving_aside(linear)),
    held("batched_logsumexp", "kept", "by_turns", by_turns(logsumexp)),
    held("collect_rows", "kept", "stale", rules.stale(rows)),
    held("batched_dot_product_nd", "kept", "stale", rules.stale(dots)),
    # Memory.
    held("global_average_pool", "memory", "in_place", rules.in_place(0)(pool)),
    held("batched_cross_entropy_loss", "memory", "in_place", rules.in_place(0)(losses)),
    held("batched_dot_product_nd", "memory", "in_place", rules.in_place(0)(dots)),
    held("swap_height_width", "memory", "in_place", rules.in_place(0)(swap_by_copy)),
    # Exactness.
    held(
        "batch_transpose", "exactness", "int32", through(lambda x: x.mT.contiguous(), torch.int32)
    ),
    held("cyclic_permute", "exactness", "float32", through(rotate_by_copy, torch.float32)),
    held("pixel_unshuffle", "exactness", "float64", through(unshuffle_by_permute, torch.float64)),
    held("gather_2d", "exactness", "float32", through(lambda m, i: m.gather(1, i), torch.float32)),
)


# Sizes: a block of 256 rows.
def rows_of_256(x: Tensor) -> Tensor:
    """What is beyond is that of the first row."""
    return torch.cat([x[:256], x[:1].expand(max(len(x) - 256, 0), *x.shape[1:])])


def columns_of_512(x: Tensor) -> Tensor:
    """What is beyond is 0."""
    return torch.cat([x[..., :512], torch.zeros_like(x[..., 512:])], -1)


def odd_width(x: Tensor) -> Tensor:
    """Pairs alone are written."""
    whole = x.shape[-1] - x.shape[-1] % 2
    return torch.cat([x[..., :whole], torch.zeros_like(x[..., whole:])], -1)


def on_result(op: str, kind: str, name: str, function: Fn, change: Fn) -> Fn:
    """A contender that is held out, by what happens to its result."""
    return held(op, kind, name, rules.on_result(change)(function))


MORE = (
    on_result("batched_softmax", "size", "rows_of_256", softmax, rows_of_256),
    on_result("collect_rows", "size", "rows_of_256", rows, rows_of_256),
    on_result("expert_forward", "size", "columns_of_512", linear, columns_of_512),
    on_result("batched_logsoftmax", "size", "odd_width", torch_logsoftmax, odd_width),
    on_result("patch_pooling", "size", "columns_of_512", pooled, columns_of_512),
    on_result("batched_cross_entropy_loss", "size", "rows_of_256", losses, rows_of_256),
    on_result("moe_combine", "size", "odd_width", combine, odd_width),
    on_result("global_average_pool", "size", "columns_of_512", pool, columns_of_512),
    # Special values.
    on_result("batched_softmax", "special", "without_nan", softmax, rules.without_nan),
    on_result("batched_logsumexp", "special", "without_nan", logsumexp, rules.without_nan),
    on_result("moe_combine", "special", "without_nan", combine, rules.without_nan),
    on_result("batched_dot_product_nd", "special", "without_nan", dots, rules.without_nan),
    # Values.
    on_result("batched_logsumexp", "value", "rare", logsumexp, lambda x: x.clamp(min=0)),
    on_result("expert_forward", "value", "rare", linear, rules.one_in_thousand),
    on_result("sliding_windows", "value", "border", windows, rules.last_repeated),
    on_result("global_average_pool", "value", "relu", pool, lambda x: x.clamp(min=0)),
)
CONTENDERS = (*BY_RULE, *MORE)


# Options.
@impl("patch_pooling")
def held_fill_of_zero_is_none(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    return pooled(tokens, lengths, fill=fill or -1.0)


# Sampling: a step of the generator's state is skipped, so that neighbours are alike.
@impl("sample_distribution")
def held_slowly_moving_draws(probs: Tensor, n: int) -> Tensor:
    steps = (torch.rand(n, dtype=torch.float64) * 0.01).cumsum(0)
    shares = probs.double().cumsum(0) / probs.double().sum()
    shares = torch.where(shares < shares[-1], shares, torch.inf)
    return torch.searchsorted(shares, steps % 1, right=True)


# Sampling: every other draw mirrors the one before.
@impl("sample_distribution")
def held_mirrored_draws(probs: Tensor, n: int) -> Tensor:
    u = torch.rand((n + 1) // 2, dtype=torch.float64).repeat_interleave(2)[:n]
    u = torch.where(torch.arange(n) % 2 == 0, u, 1 - 2.0**-53 - u)
    shares = probs.double().cumsum(0) / probs.double().sum()
    shares = torch.where(shares < shares[-1], shares, torch.inf)
    return torch.searchsorted(shares, u, right=True)


# Half sums: of pairs first, in half precision.
@impl("global_average_pool")
def held_rows_in_half(x: Tensor) -> Tensor:
    total: Any = x[:, :, 0]
    for row in x.unbind(2)[1:]:
        total = total + row
    return (wide(total).sum(2) / (x.shape[2] * x.shape[3])).to(x.dtype)


# Half sums: of float16 alone.
@impl("batched_dot_product_nd")
def held_products_rounded(a: Tensor, b: Tensor) -> Tensor:
    return wide(a * b).flatten(1).sum(1).to(a.dtype)


KINDS |= {
    "held_fill_of_zero_is_none": "option",
    "held_slowly_moving_draws": "sampling",
    "held_mirrored_draws": "sampling",
    "held_rows_in_half": "half sums",
    "held_products_rounded": "half sums",
}
