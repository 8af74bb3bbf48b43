"""Ragged pooling in C++ on the CPU: four differentiable functions over `segment_mean.cpp`."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from opbench.impls.kernels import cpp_ops
from opbench.impls.kernels.cpp_ops import Kernel, keep

SOURCE = Path(__file__).with_name("segment_mean.cpp")


def patch_pooling(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """Means of consecutive spans of `lengths` tokens; `fill` where a span is empty."""
    result: Tensor = _ops().span_mean(tokens, lengths, fill)
    return result


def patch_pooling_ids(
    tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0
) -> Tensor:
    """Means of the tokens with each id; tokens with an id out of range are dropped."""
    result: Tensor = _ops().id_mean(tokens, ids, num_patches, fill)
    return result


def boundary_downsample(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    """The null group, then the means of the groups that the boundaries end."""
    result: Tensor = _ops().group_mean(boundaries, hidden, null_group, groups)
    return result


def boundary_upsample(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """For each token the slot of the last boundary at or before it; slot 0 before the first."""
    result: Tensor = _ops().group_read(boundaries, shortened)
    return result


def load_ops(source: Path) -> SimpleNamespace:
    """Compile and load `source`, a version of this module's; its ops."""
    return cpp_ops.load(source, _KERNELS)


@functools.cache
def _ops() -> SimpleNamespace:
    quick: SimpleNamespace = load_ops(SOURCE).quick
    return quick


def _slots_of(groups: int | None) -> Any:
    # How many groups there are is in the data: a size that tracing leaves open.
    return torch.library.get_ctx().new_dynamic_size(min=1) if groups is None else groups + 1


def _span_mean_backward(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
    return ops.span_mean_backward(grad, *ctx.saved_tensors, ctx.rows), None, None


def _id_mean_backward(
    ops: SimpleNamespace, ctx: Any, grad: Tensor
) -> tuple[Tensor, None, None, None]:
    return ops.id_mean_backward(grad, *ctx.saved_tensors), None, None, None


def _group_mean_backward(
    ops: SimpleNamespace, ctx: Any, grad: Tensor
) -> tuple[None, Tensor | None, Tensor | None, None]:
    _, wants_hidden, wants_null, _ = ctx.needs_input_grad
    hidden = ops.group_mean_backward(grad, *ctx.saved_tensors) if wants_hidden else None
    null = grad[:1].sum(1, keepdim=True) if wants_null else None
    return None, hidden, null, None


def _group_read_backward(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
    return None, ops.group_read_backward(grad, *ctx.saved_tensors, ctx.slots)


_KERNELS = {
    "span_mean": Kernel(
        lambda tokens, lengths, fill: tokens.new_empty((*lengths.shape, tokens.shape[2])),
        _span_mean_backward,
        keep(1, rows=(0, 1)),
    ),
    "span_mean_backward": Kernel(
        lambda grad, lengths, rows: grad.new_empty((grad.shape[0], rows, grad.shape[2]))
    ),
    "id_mean": Kernel(
        lambda tokens, ids, slots, fill: tokens.new_empty((len(tokens), slots, tokens.shape[2])),
        _id_mean_backward,
        keep(1),
    ),
    "id_mean_backward": Kernel(lambda grad, ids: grad.new_empty((*ids.shape, grad.shape[2]))),
    "group_mean": Kernel(
        lambda boundaries, hidden, null_group, groups: hidden.new_empty(
            (_slots_of(groups), *hidden.shape[1:])
        ),
        _group_mean_backward,
        keep(0),
    ),
    "group_mean_backward": Kernel(
        lambda grad, boundaries: grad.new_empty((boundaries.shape[1], *grad.shape[1:]))
    ),
    "group_read": Kernel(
        lambda boundaries, shortened: shortened.new_empty(
            (boundaries.shape[1], *shortened.shape[1:])
        ),
        _group_read_backward,
        keep(0, slots=(1, 0)),
    ),
    "group_read_backward": Kernel(
        lambda grad, boundaries, slots: grad.new_empty((slots, *grad.shape[1:]))
    ),
}
