"""Contenders for windows that slide over sequences, and for the attention scores within them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import einops
import torch

from opbench import impl, supported
from opbench.impls.dtypes import ADDS_IN_HALF

if TYPE_CHECKING:
    from torch import Tensor


@supported("a view that is copied races under the name without _view")
def viewed(board: str) -> bool:
    """Whether views are raced as they are."""
    return board == "view"


@supported("there is no such view: the windows of these sequences are not evenly apart in memory")
def one_view(x: Tensor, window: int, step: int) -> bool:
    """Whether one stride leads from each window to the next, and on to the next sequence's."""
    number = _number(x, window, step)
    return (
        x.numel() == 0 or len(x) == 1 or number == 1 or x.stride(0) == number * step * x.stride(1)
    )


@supported("takes seconds backward: every window's gradient is made as long as the sequence")
def few_windows(x: Tensor, window: int, step: int, direction: str) -> bool:
    """Whether the gradients of all slices are few enough elements to be added up."""
    return direction == "forward" or _number(x, window, step) * x.numel() < 1 << 27


@supported(
    "autograd's as_strided gives elements that share their memory the sum of their gradients"
)
def unshared(x: Tensor, direction: str) -> bool:
    """Whether no two elements lie in the same memory, where there is to be a gradient."""
    return direction == "forward" or not _is_repeated(x)


# --- sliding_windows, as views ---------------------------------------------------------------


@impl("sliding_windows", board="view", supports=viewed & one_view, caveats=ADDS_IN_HALF)
def unfold_view(x: Tensor, window: int, step: int) -> Tensor:
    """Tensor.unfold, with the window's axis put back in its place."""
    return x.unfold(1, window, step).transpose(2, 3).flatten(0, 1)


@impl("sliding_windows", board="view", supports=viewed & one_view, caveats=ADDS_IN_HALF)
def rearrange_view(x: Tensor, window: int, step: int) -> Tensor:
    """Tensor.unfold and one einops pattern."""
    return einops.rearrange(x.unfold(1, window, step), "b n d w -> (b n) w d")


@impl("sliding_windows", board="view", supports=viewed & one_view & unshared, caveats=ADDS_IN_HALF)
def as_strided_view(x: Tensor, window: int, step: int) -> Tensor:
    """The strides written down."""
    batch, _, width = x.shape
    number = _number(x, window, step)
    # Windows follow each other at one distance; where a sequence has but one, at the sequences'.
    apart = x.stride(0) if number == 1 else step * x.stride(1)
    # Without an offset as_strided keeps that of x.
    return x.as_strided((batch * number, window, width), (apart, x.stride(1), x.stride(2)))


# --- sliding_windows, copied -----------------------------------------------------------------


@impl("sliding_windows", caveats=ADDS_IN_HALF)
def unfold(x: Tensor, window: int, step: int) -> Tensor:
    """Tensor.unfold, copied."""
    windows = x.unfold(1, window, step).transpose(2, 3)
    return windows.clone(memory_format=torch.contiguous_format).flatten(0, 1)


@impl("sliding_windows", caveats=ADDS_IN_HALF)
def rearrange(x: Tensor, window: int, step: int) -> Tensor:
    """Tensor.unfold and one einops pattern, copied."""
    windows = einops.rearrange(x.unfold(1, window, step), "b n d w -> b n w d")
    return windows.clone(memory_format=torch.contiguous_format).flatten(0, 1)


@impl("sliding_windows", caveats=ADDS_IN_HALF)
def as_strided(x: Tensor, window: int, step: int) -> Tensor:
    """The strides written down, copied; its gradient is added element by element."""
    return _strided(x, window, step).clone(memory_format=torch.contiguous_format).flatten(0, 1)


@impl("sliding_windows")
def gather(x: Tensor, window: int, step: int) -> Tensor:
    """gather along the tokens, through an index that is expanded over the width."""
    batch, _, width = x.shape
    rows = _rows(x, window, step)
    gathered = x.gather(1, rows.flatten()[None, :, None].expand(batch, -1, width))
    return gathered.view(batch * len(rows), window, width)


@impl("sliding_windows", caveats=ADDS_IN_HALF)
def index_select(x: Tensor, window: int, step: int) -> Tensor:
    """One selection of tokens, each as often as it is in a window."""
    rows = _rows(x, window, step)
    return x.index_select(1, rows.flatten()).view(len(x) * len(rows), window, x.shape[2])


@impl("sliding_windows", supports=few_windows, caveats=ADDS_IN_HALF)
def slice_loop(x: Tensor, window: int, step: int) -> Tensor:
    """One slice per window, stacked."""
    return torch.stack(_slices(x, window, step), 1).flatten(0, 1)


# --- window_attention_scores -----------------------------------------------------------------


@impl("window_attention_scores")
def unfold_einsum(q: Tensor, k: Tensor, window: int, step: int) -> Tensor:
    """Windows by Tensor.unfold, then torch.einsum."""
    queries, keys = q.unfold(1, window, step), k.unfold(1, window, step)
    return torch.einsum("bndi,bndj->bnij", queries, keys)


@impl("window_attention_scores")
def einops_einsum(q: Tensor, k: Tensor, window: int, step: int) -> Tensor:
    """Windows by Tensor.unfold, then einops.einsum."""
    queries, keys = q.unfold(1, window, step), k.unfold(1, window, step)
    return einops.einsum(queries, keys, "b n d i, b n d j -> b n i j")


@impl("window_attention_scores")
def unfold_matmul(q: Tensor, k: Tensor, window: int, step: int) -> Tensor:
    """Windows by Tensor.unfold, then a batched matrix product."""
    return q.unfold(1, window, step).transpose(2, 3) @ k.unfold(1, window, step)


@impl("window_attention_scores")
def as_strided_bmm(q: Tensor, k: Tensor, window: int, step: int) -> Tensor:
    """Strided windows, in one batch for bmm: copied for it unless they are one view."""
    queries, keys = (_strided(x, window, step) for x in (q, k))
    scores = torch.bmm(queries.flatten(0, 1), keys.flatten(0, 1).mT)
    return scores.view(*queries.shape[:2], window, window)


@impl("window_attention_scores")
def bmm_per_sequence(q: Tensor, k: Tensor, window: int, step: int) -> Tensor:
    """One bmm per sequence, whose windows are a view: none is copied."""
    queries, keys = (_strided(x, window, step) for x in (q, k))
    # A piece without windows keeps the shape, and the gradients, where there is no sequence.
    nothing = queries[:, :0].flatten(0, 1) @ keys[:, :0].flatten(0, 1).mT
    scores = [torch.bmm(a, b.mT) for a, b in zip(queries, keys, strict=True)]
    return torch.cat([nothing, *scores]).view(*queries.shape[:2], window, window)


@impl("window_attention_scores")
def loop(q: Tensor, k: Tensor, window: int, step: int) -> Tensor:
    """One batched product per window."""
    pairs = zip(_slices(q, window, step), _slices(k, window, step), strict=True)
    return torch.stack([a @ b.mT for a, b in pairs], 1)


# --- what they share -------------------------------------------------------------------------


def _number(x: Tensor, window: int, step: int) -> int:
    """How many windows a sequence holds."""
    return (x.shape[1] - window) // step + 1


def _rows(x: Tensor, window: int, step: int) -> Tensor:
    """The tokens [n, window] of the windows of a sequence."""
    starts = torch.arange(0, x.shape[1] - window + 1, step, device=x.device)
    return starts[:, None] + torch.arange(window, device=x.device)


def _strided(x: Tensor, window: int, step: int) -> Tensor:
    """The windows [B, n, window, D], as a view; of a copy where elements share their memory."""
    # Else autograd gives each of these the sum of all their gradients.
    x = x.contiguous() if _is_repeated(x) else x
    # Without an offset as_strided keeps that of x.
    batch, _, width = x.shape
    first, token, element = x.stride()
    return x.as_strided(
        (batch, _number(x, window, step), window, width), (first, step * token, token, element)
    )


def _is_repeated(x: Tensor) -> bool:
    """Whether elements are repeated along an axis without memory for it."""
    return any(step == 0 and size > 1 for size, step in zip(x.shape, x.stride(), strict=True))


def _slices(x: Tensor, window: int, step: int) -> list[Tensor]:
    """The windows, each [B, window, D]."""
    return [x[:, at : at + window] for at in range(0, x.shape[1] - window + 1, step)]
