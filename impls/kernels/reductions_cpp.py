"""Reductions of rows in C++ on the CPU: five differentiable functions over `reductions.cpp`."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from opbench.impls.kernels import cpp_ops
from opbench.impls.kernels.cpp_ops import Kernel, keep

SOURCE = Path(__file__).with_name("reductions.cpp")


def batched_dot_product_nd(a: Tensor, b: Tensor) -> Tensor:
    """The sum of the products of each example's elements."""
    result: Tensor = _ops().batch_dot(a, b)
    return result


def batched_logsumexp(matrix: Tensor) -> Tensor:
    """The logarithm of the sum of the exponentials of each row."""
    result: Tensor = _ops().logsumexp(matrix)[0]
    return result


def batched_softmax(matrix: Tensor) -> Tensor:
    """The exponentials of each row, divided by their sum."""
    result: Tensor = _ops().softmax(matrix)
    return result


def batched_logsoftmax(matrix: Tensor) -> Tensor:
    """Each value minus the logsumexp of its row."""
    result: Tensor = _ops().logsoftmax(matrix)[0]
    return result


def batched_cross_entropy_loss(logits: Tensor, true_labels: Tensor) -> Tensor:
    """The logsumexp of each row minus the logit of its label."""
    result: Tensor = _ops().cross_entropy(logits, true_labels)[0]
    return result


def load_ops(source: Path) -> SimpleNamespace:
    """Compile and load `source`, a version of this module's; its ops."""
    return cpp_ops.load(source, _KERNELS)


@functools.cache
def _ops() -> SimpleNamespace:
    quick: SimpleNamespace = load_ops(SOURCE).quick
    return quick


def _levels(matrix: Tensor) -> Tensor:
    """The levels that forward saves for backward, in the type that is computed with."""
    dtype = torch.float64 if matrix.dtype == torch.float64 else torch.float32
    return matrix.new_empty((matrix.shape[0], 2), dtype=dtype)


def _keep_levels(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(*inputs, output[1])


def _keep_output(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(output)


def _dot_backward(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
    gradients: tuple[Tensor, Tensor] = ops.batch_dot_backward(grad, *ctx.saved_tensors)
    return gradients


def _logsumexp_backward(ops: SimpleNamespace, ctx: Any, grad: Tensor, _: Tensor) -> Tensor:
    gradient: Tensor = ops.logsumexp_backward(grad, *ctx.saved_tensors)
    return gradient


def _softmax_backward(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> Tensor:
    gradient: Tensor = ops.softmax_backward(grad, *ctx.saved_tensors)
    return gradient


def _logsoftmax_backward(ops: SimpleNamespace, ctx: Any, grad: Tensor, _: Tensor) -> Tensor:
    gradient: Tensor = ops.logsoftmax_backward(grad, *ctx.saved_tensors)
    return gradient


def _cross_entropy_backward(
    ops: SimpleNamespace, ctx: Any, grad: Tensor, _: Tensor
) -> tuple[Tensor, None]:
    return ops.cross_entropy_backward(grad, *ctx.saved_tensors), None


def _like(tensor: Tensor) -> Tensor:
    return tensor.new_empty(tensor.shape)


_KERNELS = {
    "batch_dot": Kernel(lambda a, b: a.new_empty(a.shape[:1]), _dot_backward, keep(0, 1)),
    "batch_dot_backward": Kernel(lambda grad, a, b: (_like(a), _like(b))),
    "logsumexp": Kernel(
        lambda matrix: (matrix.new_empty(matrix.shape[:1]), _levels(matrix)),
        _logsumexp_backward,
        _keep_levels,
    ),
    "logsumexp_backward": Kernel(lambda grad, matrix, levels: _like(matrix)),
    "softmax": Kernel(_like, _softmax_backward, _keep_output),
    "softmax_backward": Kernel(lambda grad, shares: _like(shares)),
    "logsoftmax": Kernel(
        lambda matrix: (_like(matrix), _levels(matrix)), _logsoftmax_backward, _keep_levels
    ),
    "logsoftmax_backward": Kernel(lambda grad, matrix, levels: _like(matrix)),
    "cross_entropy": Kernel(
        lambda logits, labels: (logits.new_empty(logits.shape[:1]), _levels(logits)),
        _cross_entropy_backward,
        _keep_levels,
    ),
    "cross_entropy_backward": Kernel(lambda grad, logits, labels, levels: _like(logits)),
}
