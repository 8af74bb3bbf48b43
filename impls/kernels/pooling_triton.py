"""Ragged pooling in Triton: four differentiable functions over `segment_mean_triton.py`."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor

from opbench.impls.kernels import segment_mean_triton as kernels
from opbench.impls.kernels.triton_variant import OPTIONS

ROWS = 4  # rows that one program reads at a time
MAX_BLOCK = 512


def patch_pooling(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """Means of consecutive spans of `lengths` tokens; `fill` where a span is empty."""
    result: Tensor = _SpanMean.apply(tokens, lengths, fill)  # type: ignore[no-untyped-call]
    return result


def patch_pooling_ids(
    tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0
) -> Tensor:
    """Means of the tokens with each id; tokens with an id out of range are dropped."""
    result: Tensor = _IdMean.apply(tokens, ids, num_patches, fill)  # type: ignore[no-untyped-call]
    return result


def boundary_downsample(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    """The null group, then the means of the groups that the boundaries end."""
    marks = boundaries != 0
    upto = marks.cumsum(1)
    if groups is None:
        groups = int(upto[:, -1].max()) if upto.numel() else 0
    result: Tensor = _GroupMean.apply(hidden, null_group, upto - marks.long(), groups)  # type: ignore[no-untyped-call]
    return result


def boundary_upsample(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """For each token the slot of the last boundary at or before it; slot 0 before the first."""
    result: Tensor = _GroupRead.apply(shortened, (boundaries != 0).cumsum(1))  # type: ignore[no-untyped-call]
    return result


class _SpanMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tokens: Tensor, lengths: Tensor, fill: float) -> Tensor:
        lengths = lengths.long().contiguous()
        firsts = torch.nn.functional.pad(lengths.cumsum(1), (1, 0))
        ctx.save_for_backward(lengths, firsts)
        ctx.size = tokens.shape[1]
        out = tokens.new_empty((*lengths.shape, tokens.shape[2]))
        _reduce(tokens, out, firsts, fill=fill, mean=True)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        lengths, firsts = ctx.saved_tensors
        (grad,) = grads
        place = torch.arange(ctx.size, device=grad.device).expand(len(lengths), -1).contiguous()
        # The slot of a token is how many slots have ended at or before it.
        slot_of = torch.searchsorted(firsts[:, 1:].contiguous(), place, right=True)
        out = grad.new_empty((len(lengths), ctx.size, grad.shape[2]))
        _expand(grad, out, slot_of, lengths)
        return out, None, None


class _IdMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tokens: Tensor, ids: Tensor, slots: int, fill: float) -> Tensor:
        batches, _, width = tokens.shape
        wide = torch.float64 if tokens.dtype == torch.float64 else torch.float32
        sums = tokens.new_zeros((batches, slots, width), dtype=wide)
        counts = ids.new_zeros((batches, slots), dtype=torch.int32)
        out = tokens.new_empty((batches, slots, width))
        ids = ids.contiguous()
        _scatter(tokens, sums, counts, ids)
        if out.numel():
            grid, block = _grid(counts.numel(), width)
            kernels.finish_means[grid](sums, counts, out, width, fill, BLOCK=block, **OPTIONS)
        ctx.save_for_backward(ids, counts)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        ids, counts = ctx.saved_tensors
        (grad,) = grads
        out = grad.new_empty((*ids.shape, grad.shape[2]))
        _expand(grad, out, ids, counts)
        return out, None, None, None


class _GroupMean(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, null_group: Tensor, slot_of: Tensor, groups: int
    ) -> Tensor:
        firsts = _firsts(slot_of, groups)
        ctx.save_for_backward(slot_of, firsts)
        out = hidden.new_empty((groups + 1, *hidden.shape[1:]))
        out[:1] = null_group
        _reduce(hidden.transpose(0, 1), out[1:].transpose(0, 1), firsts, fill=0.0, mean=True)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        slot_of, firsts = ctx.saved_tensors
        (grad,) = grads
        wants_hidden, wants_null, _, _ = ctx.needs_input_grad
        hidden = None
        if wants_hidden:
            hidden = grad.new_empty((slot_of.shape[1], *grad.shape[1:]))
            counts = firsts.diff(dim=1)
            _expand(grad[1:].transpose(0, 1), hidden.transpose(0, 1), slot_of, counts)
        return hidden, grad[:1].sum(1, keepdim=True) if wants_null else None, None, None


class _GroupRead(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, shortened: Tensor, slot_of: Tensor) -> Tensor:
        ctx.save_for_backward(slot_of)
        ctx.slots = len(shortened)
        out = shortened.new_empty((slot_of.shape[1], *shortened.shape[1:]))
        _expand(shortened.transpose(0, 1), out.transpose(0, 1), slot_of, None)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (slot_of,) = ctx.saved_tensors
        (grad,) = grads
        out = grad.new_empty((ctx.slots, *grad.shape[1:]))
        firsts = _firsts(slot_of, ctx.slots)
        _reduce(grad.transpose(0, 1), out.transpose(0, 1), firsts, fill=0.0, mean=False)
        return out, None


def _firsts(slot_of: Tensor, slots: int) -> Tensor:
    """Where each slot starts, and where the last one ends, given the rising slots of the tokens."""
    slot = torch.arange(slots + 1, device=slot_of.device).expand(len(slot_of), -1)
    return torch.searchsorted(slot_of, slot.contiguous())


def _grid(programs: int, width: int) -> tuple[tuple[int, int], int]:
    block = min(MAX_BLOCK, triton.next_power_of_2(width))
    return (programs, triton.cdiv(width, block)), block


def _reduce(source: Tensor, target: Tensor, firsts: Tensor, *, fill: float, mean: bool) -> None:
    """target[B, P, D] from source[B, R, D]; the columns of the target are adjacent."""
    batches, slots, width = target.shape
    if not target.numel():
        return
    grid, block = _grid(batches * slots, width)
    kernels.reduce_segments[grid](
        *(source, target, firsts, slots, width),
        *(*source.stride(), *target.stride()[:2], fill),
        MEAN=mean,
        WIDE=source.dtype == torch.float64,
        ROWS=ROWS,
        BLOCK=block,
        **OPTIONS,
    )


def _expand(source: Tensor, target: Tensor, slot_of: Tensor, counts: Tensor | None) -> None:
    """target[B, R, D] from source[B, P, D], divided by the counts where there are any."""
    batches, rows, width = target.shape
    if not target.numel():
        return
    grid, block = _grid(batches * rows, width)
    kernels.expand_slots[grid](
        *(source, target, slot_of, slot_of if counts is None else counts),
        *(rows, source.shape[1], width, *source.stride(), *target.stride()[:2]),
        MEAN=counts is not None,
        WIDE=source.dtype == torch.float64,
        BLOCK=block,
        **OPTIONS,
    )


def _scatter(source: Tensor, sums: Tensor, counts: Tensor, ids: Tensor) -> None:
    """Adds the rows of source[B, R, D] to the sums of their slots, and counts them."""
    batches, rows, width = source.shape
    if not source.numel() or not counts.numel():
        return
    grid, block = _grid(batches * rows, width)
    kernels.scatter_rows[grid](
        *(source, sums, counts, ids, rows, counts.shape[1], width, *source.stride()),
        WIDE=source.dtype == torch.float64,
        BLOCK=block,
        **OPTIONS,
    )
