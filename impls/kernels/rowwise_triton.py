"""Row-wise exponentials in Triton: four differentiable functions over their kernels.

The blocks are meant for an H100; they have been compiled for it and checked by Triton's
interpreter, not run on it.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from opbench.impls.kernels import rowwise_kernels_triton as kernels
from opbench.impls.kernels.triton_variant import OPTIONS

MAX_BLOCK = 4096  # columns of a row that a program holds at once
MAX_WHOLE_BYTES = 65536  # of the columns of a row that is kept in registers


def batched_logsumexp(matrix: Tensor) -> Tensor:
    """[b, n] -> [b]: the logarithm of the sum of exponentials of each row; -inf where n = 0."""
    result: Tensor = _Reduce.apply(matrix, None)  # type: ignore[no-untyped-call]
    return result


def batched_softmax(matrix: Tensor) -> Tensor:
    """[b, n] -> [b, n]: the exponentials of each row over their sum."""
    result: Tensor = _Normalise.apply(matrix, False)  # type: ignore[no-untyped-call]
    return result


def batched_logsoftmax(matrix: Tensor) -> Tensor:
    """[b, n] -> [b, n]: the logarithm of the softmax of each row."""
    result: Tensor = _Normalise.apply(matrix, True)  # type: ignore[no-untyped-call]
    return result


def batched_cross_entropy_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """logits[b, C], labels[b] -> [b]: less the log-probability of each row's label."""
    result: Tensor = _Reduce.apply(logits, labels)  # type: ignore[no-untyped-call]
    return result


class _Reduce(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor, labels: Tensor | None) -> Tensor:
        rows, width = matrix.shape
        picks = labels is not None
        labels = matrix if labels is None else labels.contiguous()
        tops, totals = _statistics(matrix)
        result = matrix.new_empty(rows)
        if rows:
            grid, tile = _tile(rows, width, MAX_BLOCK)
            kernels.reduce_rows[grid](
                *(matrix, labels, result, tops, totals, rows, width, *matrix.stride()),
                PICK=picks,
                **tile,
            )
        ctx.save_for_backward(matrix, labels, tops, totals)
        ctx.picks = picks
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        matrix, labels, tops, totals = ctx.saved_tensors
        rows, width = matrix.shape
        out = torch.empty_like(matrix, memory_format=torch.contiguous_format)
        if out.numel():
            (programs, *_), tile = _tile(rows, width, MAX_BLOCK)
            kernels.spread_gradient[programs, triton.cdiv(width, tile["BLOCK"])](
                *(matrix, labels, tops, totals, grads[0].contiguous(), out, rows, width),
                *matrix.stride(),
                PICK=ctx.picks,
                **tile,
            )
        return out, None


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor, log: bool) -> Tensor:
        rows, width = matrix.shape
        tops, totals = _statistics(matrix)
        out = torch.empty_like(matrix, memory_format=torch.contiguous_format)
        whole = _is_whole(matrix)
        if out.numel():
            grid, tile = _tile(rows, width, width if whole else MAX_BLOCK)
            kernels.normalise_rows[grid](
                *(matrix, out, tops, totals, rows, width, *matrix.stride()),
                LOG=log,
                WHOLE=whole,
                **tile,
            )
        ctx.save_for_backward(matrix, tops, totals)
        ctx.log = log
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        matrix, tops, totals = ctx.saved_tensors
        (grad,) = grads
        rows, width = matrix.shape
        out = torch.empty_like(matrix, memory_format=torch.contiguous_format)
        whole = _is_whole(matrix)
        if out.numel():
            grid, tile = _tile(rows, width, width if whole else MAX_BLOCK)
            kernels.normal_gradient[grid](
                *(matrix, tops, totals, grad, out, rows, width, *matrix.stride(), *grad.stride()),
                LOG=ctx.log,
                WHOLE=whole,
                **tile,
            )
        return out, None


def _statistics(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Memory for the maximum and the sum of each row."""
    wide = torch.float64 if matrix.dtype == torch.float64 else torch.float32
    return matrix.new_empty(len(matrix), dtype=wide), matrix.new_empty(len(matrix), dtype=wide)


def _is_whole(matrix: Tensor) -> bool:
    """Whether a row fits the registers of a program, at four bytes or more an element."""
    return matrix.shape[1] * max(4, matrix.element_size()) <= MAX_WHOLE_BYTES


def _tile(rows: int, width: int, most: int) -> tuple[tuple[int], dict[str, Any]]:
    """The grid over the rows, and the block of each program: short rows share one."""
    block = triton.next_power_of_2(min(max(width, 1), most))
    together = max(1, 1024 // block)
    size = together * block
    warps = 4 if size <= 2048 else 8 if size <= 4096 else 16
    tile = {"ROWS": together, "BLOCK": block, "num_warps": warps, **OPTIONS}
    return (triton.cdiv(rows, together),), tile
