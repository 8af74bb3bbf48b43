"""Functions of torch that ops of the catalogue are, as far as their arguments go.

Each takes the arguments of torch's function, and returns those of the op, or None where the call is
none of the op's. Tensors come as their shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: The arguments of an op by name, or None.
Bound = Mapping[str, Any] | None
#: Numbers of torch's functions: one for all directions, or one for each.
Size = int | tuple[int, ...]


def _rows(input: Any, dim: int | None) -> Bound:
    """The last axis of any tensor as a row of a matrix."""
    if dim is None or input.ndim < 2 or dim not in (-1, input.ndim - 1):
        return None
    return {"matrix": input if input.ndim == 2 else input.flatten(0, -2)}


def _softmax(input: Any, dim: int | None = None, dtype: str | None = None) -> Bound:
    return _rows(input, dim) if dtype is None else None


def _softmax_of_modules(
    input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: str | None = None
) -> Bound:
    return _softmax(input, dim, dtype)


def _logsumexp(input: Any, dim: Size, keepdim: bool = False) -> Bound:
    one = dim[0] if isinstance(dim, tuple) and len(dim) == 1 else dim
    return _rows(input, one) if isinstance(one, int) and not keepdim else None


def _cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Bound:
    """Whatever is made of the losses in the end; labels that are classes, of a matrix of logits."""
    is_plain = weight is None and not label_smoothing
    if not is_plain or input.ndim != 2 or target.ndim != 1:
        return None
    return {"logits": input, "true_labels": target}


def _one(size: Size) -> Size:
    """A number that is the same in all directions, as one."""
    return size[0] if isinstance(size, tuple) and len(set(size)) == 1 else size


def _steps(stride: Size, padding: Size, dilation: Size) -> dict[str, Size]:
    return {"stride": _one(stride), "padding": _one(padding), "dilation": _one(dilation)}


def _conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Bound:
    # The op's kernels are square.
    if isinstance(padding, str) or input.ndim != 4 or weight.shape[2] != weight.shape[3]:
        return None
    steps = _steps(stride, padding, dilation)
    return {"x": input, "w": weight, "b": bias, "groups": groups, **steps}


def _max_pool2d(
    input: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Bound:
    if ceil_mode or return_indices or input.ndim != 4:
        return None
    # torch's stride is the kernel unless it is given.
    steps = _steps(kernel_size if stride in (None, ()) else stride, padding, dilation)
    return {"x": input, "kernel_size": _one(kernel_size), **steps}


def _unfold(
    input: Any, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
) -> Bound:
    if input.ndim != 4:
        return None
    return {"x": input, "kernel_size": _one(kernel_size), **_steps(stride, padding, dilation)}


def _fold(
    input: Any,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> Bound:
    if input.ndim != 3:
        return None
    sizes = {"output_size": output_size, "kernel_size": _one(kernel_size)}
    return {"columns": input, **sizes, **_steps(stride, padding, dilation)}


def _shuffled(input: Any, factor: int) -> Bound:
    return {"x": input, "factor": factor} if input.ndim == 4 else None


def _pixel_shuffle(input: Any, upscale_factor: int) -> Bound:
    return _shuffled(input, upscale_factor)


def _pixel_unshuffle(input: Any, downscale_factor: int) -> Bound:
    return _shuffled(input, downscale_factor)


#: By name below `torch`, as an op declares them.
Functions = Mapping[str, Callable[..., Bound]]


def _softmaxes(name: str) -> Functions:
    """A function of rows under its three names."""
    return {
        f"nn.functional.{name}": _softmax_of_modules,
        name: _softmax,
        f"Tensor.{name}": _softmax,
    }


SOFTMAX = _softmaxes("softmax")
LOG_SOFTMAX = _softmaxes("log_softmax")
LOGSUMEXP: Functions = {"logsumexp": _logsumexp, "Tensor.logsumexp": _logsumexp}
CROSS_ENTROPY: Functions = {"nn.functional.cross_entropy": _cross_entropy}
CONV2D: Functions = {"nn.functional.conv2d": _conv2d, "conv2d": _conv2d}
MAX_POOL2D: Functions = {"nn.functional.max_pool2d": _max_pool2d}
UNFOLD: Functions = {"nn.functional.unfold": _unfold}
FOLD: Functions = {"nn.functional.fold": _fold}
PIXEL_SHUFFLE: Functions = {"nn.functional.pixel_shuffle": _pixel_shuffle}
PIXEL_UNSHUFFLE: Functions = {"nn.functional.pixel_unshuffle": _pixel_unshuffle}
