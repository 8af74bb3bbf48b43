"""Mixture of experts in C++ on the CPU: differentiable functions over two sources."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from opbench.impls.kernels import cpp_ops
from opbench.impls.kernels.cpp_ops import Kernel

ROWS = Path(__file__).with_name("experts.cpp")
GATING = Path(__file__).with_name("gating.cpp")


def expert_batching(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    """The tokens of each expert side by side: [E, N/E, D]."""
    result: Tensor = _rows().batch_equal(x, expert_ids, num_experts)
    return result


def expert_batching_ragged(
    x: Tensor, expert_ids: Tensor, num_experts: int
) -> tuple[Tensor, Tensor]:
    """The tokens of each expert one after the other, and where each expert's begin."""
    rows, offsets = _rows().batch_ragged(x, expert_ids, num_experts)
    return rows, offsets


def moe_combine(y: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum of the rows of each token."""
    result: Tensor = _rows().combine(y, weights)
    return result


def moe_combine_sorted(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    """The same of rows in any order, leaving out those of weight 0."""
    result: Tensor = _rows().combine_sorted(y, token_index, weights, tokens)
    return result


def topk_gating(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """The weights and the indices of the k largest logits of each row."""
    weights, indices = _gating().gate(logits, k, renormalise)
    return weights, indices


@functools.cache
def _rows() -> SimpleNamespace:
    quick: SimpleNamespace = cpp_ops.load(ROWS, _ROW_KERNELS).quick
    return quick


@functools.cache
def _gating() -> SimpleNamespace:
    quick: SimpleNamespace = cpp_ops.load(GATING, _GATING_KERNELS).quick
    return quick


def _keep_ids(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    _, ids, ctx.experts = inputs
    ctx.save_for_backward(ids)


def _keep_tensors(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    ctx.save_for_backward(*(value for value in inputs if isinstance(value, Tensor)))


def _keep_gate(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    logits, _, ctx.renormalise = inputs
    ctx.save_for_backward(*output, logits)


def _batch_backward(
    ops: SimpleNamespace, ctx: Any, grad: Tensor, _: Any = None
) -> tuple[Tensor, None, None]:
    return ops.batch_backward(grad, *ctx.saved_tensors, ctx.experts), None, None


def _combine_backward(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
    y, weights = ops.combine_backward(grad, *ctx.saved_tensors)
    return y, weights


def _combine_sorted_backward(
    ops: SimpleNamespace, ctx: Any, grad: Tensor
) -> tuple[Tensor, None, Tensor, None]:
    y, weights = ops.combine_sorted_backward(grad, *ctx.saved_tensors)
    return y, None, weights, None


def _gate_backward(
    ops: SimpleNamespace, ctx: Any, grad: Tensor, _: Any
) -> tuple[Tensor, None, None]:
    return ops.gate_backward(grad, *ctx.saved_tensors, ctx.renormalise), None, None


def _pair(y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    return y.new_empty(y.shape), weights.new_empty(weights.shape)


_ROW_KERNELS = {
    "batch_equal": Kernel(
        lambda x, ids, experts: x.new_empty((experts, ids.numel() // experts, x.shape[2])),
        _batch_backward,
        _keep_ids,
    ),
    "batch_ragged": Kernel(
        lambda x, ids, experts: (
            x.new_empty((ids.numel(), x.shape[2])),
            ids.new_empty(experts + 1, dtype=torch.int64),
        ),
        _batch_backward,
        _keep_ids,
    ),
    "batch_backward": Kernel(
        lambda grad, ids, experts: grad.new_empty((*ids.shape, grad.shape[-1]))
    ),
    "combine": Kernel(
        lambda y, weights: y.new_empty((y.shape[0], y.shape[2])), _combine_backward, _keep_tensors
    ),
    "combine_backward": Kernel(lambda grad, y, weights: _pair(y, weights)),
    "combine_sorted": Kernel(
        lambda y, index, weights, tokens: y.new_empty((tokens, y.shape[1])),
        _combine_sorted_backward,
        _keep_tensors,
    ),
    "combine_sorted_backward": Kernel(lambda grad, y, index, weights: _pair(y, weights)),
}
_GATING_KERNELS = {
    "gate": Kernel(
        lambda logits, k, renormalise: (
            logits.new_empty((len(logits), k)),
            logits.new_empty((len(logits), k), dtype=torch.int64),
        ),
        _gate_backward,
        _keep_gate,
    ),
    "gate_backward": Kernel(
        lambda grad, weights, indices, logits, renormalise: logits.new_empty(logits.shape)
    ),
}
