"""Elements in another order of axes in C++ on the CPU: differentiable, over `transpose.cpp`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from opbench.impls.kernels import cpp_ops
from opbench.impls.kernels.cpp_ops import Kernel

SOURCE = Path(__file__).with_name("transpose.cpp")


def transpose(x: Tensor) -> Tensor:
    """The last two of three or four axes swapped."""
    result: Tensor = _ops().transpose(x)
    return result


def last_to_front(x: Tensor) -> Tensor:
    """[a, b, c, d] -> [d, a, b, c]."""
    result: Tensor = _ops().last_to_front(x)
    return result


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, N, heads*d] -> [B, heads, N, d]."""
    result: Tensor = _ops().split_heads(x, heads)
    return result


def merge_heads(x: Tensor) -> Tensor:
    """[B, h, N, d] -> [B, N, h*d]."""
    result: Tensor = _ops().merge_heads(x)
    return result


def pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    """[B, C, H*s, W*s] -> [B, C*s*s, H, W]."""
    result: Tensor = _ops().pixel_unshuffle(x, factor)
    return result


def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    """[B, C*s*s, H, W] -> [B, C, H*s, W*s]."""
    result: Tensor = _ops().pixel_shuffle(x, factor)
    return result


def load_ops(source: Path) -> SimpleNamespace:
    """Compile and load `source`, a version of this module's; its ops."""
    return cpp_ops.load(source, _KERNELS)


@functools.cache
def _ops() -> SimpleNamespace:
    quick: SimpleNamespace = load_ops(SOURCE).quick
    return quick


# A gradient that only lies in another order is a view: what it is added to is copied to once.


def _transpose_back(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> Tensor:
    return grad.mT


def _front_back(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> Tensor:
    return grad.permute(1, 2, 3, 0)


def _shuffled_back(by: str) -> Callable[..., Any]:
    """The backward of an op that `by` undoes, with the same factor."""

    def backward(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> Any:
        return getattr(ops, by)(grad, ctx.number), None

    return backward


def _keep_nothing(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    pass


def _keep_number(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.number = inputs[1]


def _keep_heads(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.heads = inputs[0].shape[1]


def _split_back(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    return ops.merge_heads(grad), None


def _merge_back(ops: SimpleNamespace, ctx: Any, grad: Tensor) -> Tensor:
    batch, size, width = grad.shape
    return grad.view(batch, size, ctx.heads, width // ctx.heads).transpose(1, 2)


def _split_shape(x: Tensor, heads: int) -> Tensor:
    batch, size, width = x.shape
    return x.new_empty((batch, heads, size, width // heads))


def _merge_shape(x: Tensor) -> Tensor:
    batch, heads, size, depth = x.shape
    return x.new_empty((batch, size, heads * depth))


def _unshuffle_shape(x: Tensor, factor: int) -> Tensor:
    batch, channels, height, width = x.shape
    return x.new_empty((batch, channels * factor**2, height // factor, width // factor))


def _shuffle_shape(x: Tensor, factor: int) -> Tensor:
    batch, channels, height, width = x.shape
    return x.new_empty((batch, channels // factor**2, height * factor, width * factor))


_KERNELS = {
    "transpose": Kernel(lambda x: x.new_empty(x.mT.shape), _transpose_back, _keep_nothing),
    "last_to_front": Kernel(
        lambda x: x.new_empty((x.shape[3], *x.shape[:3])), _front_back, _keep_nothing
    ),
    "split_heads": Kernel(_split_shape, _split_back, _keep_nothing),
    "merge_heads": Kernel(_merge_shape, _merge_back, _keep_heads),
    "pixel_unshuffle": Kernel(_unshuffle_shape, _shuffled_back("pixel_shuffle"), _keep_number),
    "pixel_shuffle": Kernel(_shuffle_shape, _shuffled_back("pixel_unshuffle"), _keep_number),
}
