"""Ragged pooling in C++ on the CPU: four differentiable functions over `segment_mean.cpp`."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impls.kernels import cpp_build

SOURCE = Path(__file__).with_name("segment_mean.cpp")
OP_NAMES = ("span_mean", "id_mean", "group_mean", "group_read")


def patch_pooling(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """Means of consecutive spans of `lengths` tokens; `fill` where a span is empty."""
    return _ops().span_mean(tokens, lengths, fill)


def patch_pooling_ids(
    tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0
) -> Tensor:
    """Means of the tokens with each id; tokens with an id out of range are dropped."""
    return _ops().id_mean(tokens, ids, num_patches, fill)


def boundary_downsample(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    """The null group, then the means of the groups that the boundaries end."""
    return _ops().group_mean(boundaries, hidden, null_group, groups)


def boundary_upsample(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """For each token the slot of the last boundary at or before it; slot 0 before the first."""
    return _ops().group_read(boundaries, shortened)


@dataclass(frozen=True, slots=True)
class Ops:
    """The ops of one compiled version, resolved once: a call pays for no look-up."""

    namespace: str
    span_mean: Callable[..., Tensor]
    id_mean: Callable[..., Tensor]
    group_mean: Callable[..., Tensor]
    group_read: Callable[..., Tensor]


_LOADING = threading.Lock()


@functools.cache
def _ops() -> Ops:
    with _LOADING:
        return load_ops(SOURCE)


@functools.cache
def load_ops(source: Path) -> Ops:
    """Compile and load `source`; its ops, with their shapes and gradients known to torch."""
    return _registered(cpp_build.load(source).namespace)


@functools.cache
def _registered(namespace: str) -> Ops:
    # By namespace, since two copies of one source are one library: it registers once.
    _register_shapes(namespace)
    _register_gradients(namespace)
    found = getattr(torch.ops, namespace)
    return Ops(namespace, *(getattr(found, name).default for name in OP_NAMES))


def _register_shapes(namespace: str) -> None:
    def slots_of(groups: int | None) -> Any:
        # How many groups there are is in the data: a size that tracing leaves open.
        return torch.library.get_ctx().new_dynamic_size(min=1) if groups is None else groups + 1

    shapes: dict[str, Callable[..., Tensor]] = {
        "span_mean": lambda tokens, lengths, fill: tokens.new_empty(
            (*lengths.shape, tokens.shape[2])
        ),
        "span_mean_backward": lambda grad, lengths, rows: grad.new_empty(
            (grad.shape[0], rows, grad.shape[2])
        ),
        "id_mean": lambda tokens, ids, slots, fill: tokens.new_empty(
            (tokens.shape[0], slots, tokens.shape[2])
        ),
        "id_mean_backward": lambda grad, ids: grad.new_empty((*ids.shape, grad.shape[2])),
        "group_mean": lambda boundaries, hidden, null_group, groups: hidden.new_empty(
            (slots_of(groups), *hidden.shape[1:])
        ),
        "group_mean_backward": lambda grad, boundaries: grad.new_empty(
            (boundaries.shape[1], *grad.shape[1:])
        ),
        "group_read": lambda boundaries, shortened: shortened.new_empty(
            (boundaries.shape[1], *shortened.shape[1:])
        ),
        "group_read_backward": lambda grad, boundaries, slots: grad.new_empty(
            (slots, *grad.shape[1:])
        ),
    }
    for name, shape in shapes.items():
        torch.library.register_fake(f"{namespace}::{name}", shape)


def _register_gradients(namespace: str) -> None:
    ops = getattr(torch.ops, namespace)
    span_mean_backward = ops.span_mean_backward.default
    id_mean_backward = ops.id_mean_backward.default
    group_mean_backward = ops.group_mean_backward.default
    group_read_backward = ops.group_read_backward.default

    def span_mean(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return span_mean_backward(grad, *ctx.saved_tensors, ctx.size), None, None

    def id_mean(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        return id_mean_backward(grad, *ctx.saved_tensors), None, None, None

    def group_mean(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None, None]:
        _, wants_hidden, wants_null, _ = ctx.needs_input_grad
        hidden = group_mean_backward(grad, *ctx.saved_tensors) if wants_hidden else None
        null = grad[:1].sum(1, keepdim=True) if wants_null else None
        return None, hidden, null, None

    def group_read(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, group_read_backward(grad, *ctx.saved_tensors, ctx.size)

    for name, backward, setup in (
        ("span_mean", span_mean, _keep(1, sized=0, axis=1)),
        ("id_mean", id_mean, _keep(1)),
        ("group_mean", group_mean, _keep(0)),
        ("group_read", group_read, _keep(0, sized=1)),
    ):
        torch.library.register_autograd(f"{namespace}::{name}", backward, setup_context=setup)


def _keep(index: int, sized: int | None = None, axis: int = 0) -> Callable[..., None]:
    """Keep input `index` for the backward, and the size of input `sized` along `axis`."""

    def setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[index])
        ctx.size = None if sized is None else inputs[sized].shape[axis]

    return setup
