"""A mixture of experts in Triton: six differentiable functions over their kernels.

The blocks are meant for an H100; they have been compiled for it and checked by Triton's
interpreter, not run on it.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from opbench import interprets_triton
from opbench.impls.kernels import experts_kernels_triton as kernels
from opbench.impls.kernels import gating_kernels_triton as gating
from opbench.impls.kernels.triton_variant import OPTIONS

MAX_BLOCK = 1024  # columns of a row that a program moves at once
ELEMENTS = 2048  # of rows and columns together
TOKENS = 128  # that a program sorts
MAX_EXPERTS = 32  # that it looks for at once


def expert_batching(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    """x[B, S, D] -> [E, B * S / E, D]: the tokens of each expert in order; equal loads."""
    rows, _ = expert_batching_ragged(x, expert_ids, num_experts)
    return rows.view(num_experts, len(rows) // num_experts, x.shape[2])


def expert_batching_ragged(
    x: Tensor, expert_ids: Tensor, num_experts: int
) -> tuple[Tensor, Tensor]:
    """x[B, S, D] -> rows[B * S, D] by expert, and where each starts: offsets[E + 1] int64."""
    places, order, offsets = _sorted_by_expert(expert_ids, num_experts)
    rows: Tensor = _Gather.apply(x, order, places)  # type: ignore[no-untyped-call]
    return rows, offsets


def moe_combine(y: Tensor, weights: Tensor) -> Tensor:
    """y[T, K, D], weights[T, K] -> [T, D]: the weighted sum of the K rows of each token."""
    result: Tensor = _Combine.apply(y, weights, None, len(y))  # type: ignore[no-untyped-call]
    return result


def moe_combine_sorted(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    """y[R, D], token_index[R], weights[R] -> [tokens, D]: the weighted sum of a token's rows.

    A weight of 0 silences its row, whatever it holds. The order of a sum is that of the rows.
    """
    result: Tensor = _Combine.apply(y[:, None], weights, token_index, tokens)  # type: ignore[no-untyped-call]
    return result


def expert_forward(x: Tensor, w: Tensor) -> Tensor:
    """x[E, T, D], w[E, D, F] -> [E, T, F]: each expert's product; float32 stays float32."""
    result: Tensor = _Product.apply(x, w)  # type: ignore[no-untyped-call]
    return result


def topk_gating(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """logits[T, E] -> weights[T, k], indices[T, k] int64: the largest first.

    The softmax is over the k logits where `renormalise`, else over all E.
    """
    weights, indices = _Gate.apply(logits, k, renormalise)  # type: ignore[no-untyped-call]
    return weights, indices


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.shape = x.shape
        out = x.new_empty((len(order), x.shape[2]))
        _gather(x, order, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        out = grads[0].new_empty(ctx.shape)
        _gather(grads[0][None], places, out)
        return out, None, None


class _Combine(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, y: Tensor, weights: Tensor, token_index: Tensor | None, tokens: int
    ) -> Tensor:
        weights = weights.contiguous()
        width = y.shape[2]
        out = y.new_empty((tokens, width))
        order = firsts = token_of = weights  # where the rows are in order, nothing reads these
        if token_index is not None:
            token_of = token_index.contiguous()
            ordered, order = token_of.sort(stable=True)
            firsts = torch.searchsorted(
                ordered, torch.arange(tokens + 1, device=y.device, dtype=ordered.dtype)
            )
        if out.numel():
            block = _block(width)
            kernels.combine_rows[tokens, triton.cdiv(width, block)](
                *(y, weights, order, firsts, out, width, y.shape[1], *y.stride()),
                SORTED=token_index is not None,
                BLOCK=block,
                **OPTIONS,
            )
        ctx.save_for_backward(y, weights, token_of)
        ctx.sorted = token_index is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        y, weights, token_of = ctx.saved_tensors
        (grad,) = grads
        y_grad = torch.empty_like(y, memory_format=torch.contiguous_format)
        weights_grad = torch.empty_like(weights)
        if weights.numel():
            width = y.shape[2]
            kernels.combine_gradient[(weights.numel(),)](
                *(y, weights, token_of, grad, y_grad, weights_grad, width, y.shape[1]),
                *(*y.stride(), *grad.stride()),
                SORTED=ctx.sorted,
                BLOCK=_block(width),
                **OPTIONS,
            )
        return y_grad, weights_grad, None, None


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return _multiply(x, w)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, w = ctx.saved_tensors
        (grad,) = grads
        wants_x, wants_w = ctx.needs_input_grad
        x_grad = _multiply(grad, w.transpose(1, 2)) if wants_x else None
        return x_grad, _multiply(x.transpose(1, 2), grad) if wants_w else None


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, k: int, renormalise: bool) -> tuple[Tensor, Tensor]:
        rows, experts = logits.shape
        weights = logits.new_empty((rows, k))
        indices = logits.new_empty((rows, k), dtype=torch.int64)
        if weights.numel():
            grid, tile = _gate_tile(rows, experts)
            gating.choose_experts[grid](
                *(logits, weights, indices, rows, experts, k, *logits.stride()),
                RENORMALISE=renormalise,
                CHOICES=triton.next_power_of_2(k),
                **tile,
            )
        ctx.save_for_backward(logits, indices)
        ctx.renormalise = renormalise
        ctx.mark_non_differentiable(indices)
        return weights, indices

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        logits, indices = ctx.saved_tensors
        grad = grads[0].contiguous()
        rows, experts = logits.shape
        out = torch.zeros_like(logits, memory_format=torch.contiguous_format)
        if grad.numel():
            grid, tile = _gate_tile(rows, experts)
            gating.choice_gradient[grid](
                *(logits, indices, grad, out, rows, experts, grad.shape[1], *logits.stride()),
                RENORMALISE=ctx.renormalise,
                **tile,
            )
        return out, None, None


def _sorted_by_expert(expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor, Tensor]:
    """The place of each token by expert, the token at each place, and where the experts start."""
    ids = expert_ids.reshape(-1)
    tokens = len(ids)
    blocks = triton.cdiv(tokens, TOKENS)
    places, order = ids.new_empty((2, tokens), dtype=torch.int64)
    offsets = ids.new_zeros(num_experts + 1, dtype=torch.int64)
    if tokens:
        tile = {"TOKENS": TOKENS, "EXPERTS": _power(num_experts, MAX_EXPERTS), **OPTIONS}
        counts = ids.new_empty((num_experts, blocks), dtype=torch.int32)
        kernels.count_tokens[(blocks,)](ids, counts, tokens, num_experts, **tile)
        ends = counts.view(-1).cumsum(0).view(num_experts, blocks)
        offsets[1:] = ends[:, -1]
        starts = ends - counts
        kernels.place_tokens[(blocks,)](ids, starts, places, order, tokens, num_experts, **tile)
    return places, order, offsets


def _power(size: int, most: int) -> int:
    """The power of two that holds `size`, `most` at the most."""
    return int(triton.next_power_of_2(min(max(size, 1), most)))


def _block(width: int) -> int:
    return _power(width, MAX_BLOCK)


def _gather(source: Tensor, order: Tensor, target: Tensor) -> None:
    """The rows of source[B, S, D] in this order, into the contiguous memory of the target."""
    rows, width = len(order), source.shape[2]
    if not target.numel():
        return
    block = _block(width)
    together = ELEMENTS // block
    grid = (triton.cdiv(rows, together), triton.cdiv(width, block))
    kernels.gather_rows[grid](
        *(source, target, order, rows, width, source.shape[1], *source.stride()),
        ROWS=together,
        BLOCK=block,
        **OPTIONS,
    )


def _gate_tile(rows: int, experts: int) -> tuple[tuple[int], dict[str, Any]]:
    block = int(triton.next_power_of_2(experts))
    together = max(1, ELEMENTS // block)
    return (triton.cdiv(rows, together),), {"ROWS": together, "EXPERTS": block, **OPTIONS}


def _multiply(left: Tensor, right: Tensor) -> Tensor:
    """[E, n, k] @ [E, k, m] -> [E, n, m]; zeros where k = 0."""
    experts, rows, inner = left.shape
    columns = right.shape[2]
    out = left.new_empty((experts, rows, columns))
    if out.numel():
        tile = product_tile(rows, columns, left.element_size())
        tiles = triton.cdiv(rows, tile["ROWS"]) * triton.cdiv(columns, tile["COLUMNS"])
        kernels.multiply[tiles, experts](
            *(left, right, out, rows, columns, inner, *left.stride(), *right.stride()),
            WIDEN=interprets_triton() and left.dtype == torch.bfloat16,
            **tile,
        )
    return out


def product_tile(rows: int, columns: int, element_size: int) -> dict[str, Any]:
    """The tile of a program by the height of the product and the bytes of an element.

    Two bytes are for tensor cores, with as many stages as their shared memory holds; float32 is
    multiplied by the plain units, and float64 by its own tensor cores.
    """
    tiles = {
        2: ((16, 128, 128, 4, 4), (64, 128, 64, 4, 4), (128, 256, 64, 8, 3)),
        4: ((16, 64, 32, 4, 3), (64, 64, 16, 4, 3), (128, 128, 16, 8, 3)),
        8: ((16, 32, 32, 4, 3), (64, 64, 16, 4, 3), (64, 64, 16, 4, 3)),
    }[element_size]
    high, wide, deep, warps, stages = tiles[0 if rows <= 16 else 1 if rows <= 64 else 2]
    return {
        "ROWS": high,
        "COLUMNS": max(16, _power(columns, wide)),
        "INNER": deep,
        "num_warps": warps,
        "num_stages": stages,
        "enable_fp_fusion": True,
    }
