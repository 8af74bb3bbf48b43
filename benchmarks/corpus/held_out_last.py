"""Held out as well: written after races had begun to check small cases, and judged once.

Sizes, types and places at which they go wrong were picked without a look at those that are checked.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.corpus.parts import (
    backward_of,
    combine,
    conv,
    gates,
    gradients,
    packed,
    pooled,
    ragged,
    rows,
    shares,
    unfold,
    wide,
    windows,
    with_gradient,
)
from opbench import impl

KIND = "mutation"
KINDS = {
    "late_columns_beyond_640": "size",
    "late_tokens_of_an_expert_in_a_byte": "size",
    "late_window_of_more_than_48": "size",
    "late_index_read_backwards": "layout",
    "late_gradient_of_half_the_area": "gradient",
    "late_upstream_taken_for_rows": "upstream",
    "late_weights_without_y": "argument",
    "late_lengths_of_the_last_call": "kept",
    "late_half_in_training": "training",
    "late_column_marked_as_read": "memory",
    "late_groups_all_or_one": "option",
    "late_renormalised_beyond_four": "option",
    "late_summed_by_rows_in_half": "half sums",
    "late_doubles_as_floats": "exactness",
    "late_halves_mirrored": "sampling",
    "late_infinity_minus_itself": "special",
}


@impl("batched_logsoftmax", name="late_columns_beyond_640")
def logs(matrix: Tensor) -> Tensor:
    """What is beyond 640 columns isn't added up."""
    x = wide(matrix)
    return (x - x[:, :640].logsumexp(1, keepdim=True)).to(matrix.dtype)


@impl("expert_batching_ragged", name="late_tokens_of_an_expert_in_a_byte")
def in_bytes(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """An expert's tokens are counted to 255."""
    out, offsets = ragged(x, expert_ids, num_experts)
    loads = offsets.diff() % 256
    return out, torch.cat([offsets[:1], loads.cumsum(0)])


@impl("sliding_windows", name="late_window_of_more_than_48")
def short_windows(x: Tensor, window: int, step: int) -> Tensor:
    """Tokens from the 49th on are the window's first."""
    out = windows(x, window, step)
    return out if window <= 48 else torch.cat([out[:, :48], out[:, : window - 48]], 1)


@impl("collect_rows", name="late_index_read_backwards")
def backwards(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Indexes with gaps are read without them."""
    return rows(matrix, indexes if indexes.numel() < 2 else packed(indexes))


def area_mean(x: Tensor) -> Tensor:
    """Right."""
    return wide(x).mean((2, 3)).to(x.dtype)


impl("global_average_pool", name="late_gradient_of_half_the_area")(
    half_the_area := with_gradient(
        area_mean,
        lambda up, x: (up[..., None, None] / x.shape[2]).expand(x.shape) / max(x.shape[2], 1),
    )
)


def logsoftmax(matrix: Tensor) -> Tensor:
    """Right."""
    return wide(matrix).log_softmax(1).to(matrix.dtype)


impl("batched_logsoftmax", name="late_upstream_taken_for_rows")(
    upstream_as_rows := backward_of(
        logsoftmax, lambda up: up if up.stride()[-1:] == (1,) else packed(up)
    )
)


@impl("moe_combine", name="late_weights_without_y")
def weights_without_y(y: Tensor, weights: Tensor) -> Tensor:
    """The weights have a gradient where the results have one."""
    return combine(y, weights if y.requires_grad else weights.detach())


LAST: dict[str, Tensor] = {}


@impl("patch_pooling", name="late_lengths_of_the_last_call")
def of_the_last_call(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """Lengths of the same shape and sum are taken to be the last ones."""
    key = f"{tuple(lengths.shape)} {int(lengths.sum())} {lengths.dtype}"
    return pooled(tokens, LAST.setdefault(key, lengths.clone()), fill=fill)


@impl("batched_softmax", name="late_half_in_training")
def half_in_training(matrix: Tensor) -> Tensor:
    """With a gradient to come the exponentials are kept in bfloat16."""
    out = wide(matrix).softmax(1)
    if matrix.requires_grad:
        out = out + (out.detach().bfloat16().to(out.dtype) - out.detach())
    return out.to(matrix.dtype)


@impl("collect_columns", name="late_column_marked_as_read")
def marked(matrix: Tensor, indexes: Tensor) -> Tensor:
    """The element before the first is used as a mark, where there is one."""
    out = wide(matrix)[:, indexes].to(matrix.dtype)
    if matrix.storage_offset() and matrix.numel():
        matrix.detach().as_strided((1,), (1,), matrix.storage_offset() - 1).zero_()
    return out


@impl("conv2d", name="late_groups_all_or_one")
def all_or_one(x: Tensor, w: Tensor, b: Tensor | None = None, **options: Any) -> Tensor:
    """Several groups are treated in the order of the channels, with their kernels reversed."""
    groups = options.get("groups", 1)
    if 1 < groups < x.shape[1]:
        w = w.unflatten(0, (groups, len(w) // groups)).flip(0).flatten(0, 1)
    return conv(x, w, b, **options)


@impl("topk_gating", name="late_renormalised_beyond_four")
def beyond_four(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """More than four weights are renormalised always."""
    return gates(logits, k, renormalise=renormalise or k > 4)


@impl("global_average_pool", name="late_summed_by_rows_in_half")
def by_rows_in_half(x: Tensor) -> Tensor:
    """Rows are added up as wide numbers, and their sums one by one as they are kept."""
    total = wide(x).sum(3).to(x.dtype)
    out = total[..., 0]
    for row in total.unbind(2)[1:]:
        out = out + row
    return (wide(out) / max(x.shape[2] * x.shape[3], 1)).to(x.dtype)


@impl("pixel_unshuffle", name="late_doubles_as_floats")
def doubles_as_floats(x: Tensor, factor: int) -> Tensor:
    """Numbers of 64 bits are moved as two of 32, of which one is lost."""
    moved = x.float() if x.dtype == torch.float64 else x
    return F.pixel_unshuffle(moved, factor).to(x.dtype)


@impl("sample_distribution", name="late_halves_mirrored")
def mirrored(probs: Tensor, n: int) -> Tensor:
    """The second half of the numbers is the first, counted from the other end."""
    u = torch.rand(n, dtype=torch.float64)
    u[n - n // 2 :] = (1 - u[: n // 2]).clamp(max=1 - 2**-53)
    return torch.searchsorted(shares(probs), u, right=True)


@impl("batched_logsumexp", name="late_infinity_minus_itself")
def minus_itself(matrix: Tensor) -> Tensor:
    """The largest is taken off, infinite or not."""
    x = wide(matrix)
    largest = x.amax(1, keepdim=True) if x.shape[1] else x.new_zeros(len(x), 1)
    return (largest + (x - largest).exp().sum(1, keepdim=True).log())[:, 0].to(matrix.dtype)


@impl("im2col", name="late_taps_in_columns_first")
def columns_first(x: Tensor, kernel_size: Any, **options: Any) -> Tensor:
    """Kernels that aren't square have their taps in the other order."""
    size = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
    out = unfold(x, kernel_size, **options)
    if size[0] == size[1]:
        return out
    taps = out.unflatten(1, (x.shape[1], *size))
    return taps.transpose(2, 3).flatten(1, 3)


@impl("merge_heads", name="late_gradient_of_heads_swapped")
def heads_swapped(x: Tensor) -> Tensor:
    """The gradients of the first two heads are each other's."""
    return SWAPPED(x)


def merged(x: Tensor) -> Tensor:
    """Right."""
    return x.transpose(1, 2).flatten(2).clone(memory_format=torch.contiguous_format)


def _swapped(up: Tensor, x: Tensor) -> Tensor:
    (found,) = gradients(merged, up, x)
    assert found is not None
    order = [1, 0, *range(2, x.shape[1])] if x.shape[1] > 1 else list(range(x.shape[1]))
    return found[:, order]


SWAPPED = with_gradient(merged, _swapped)
