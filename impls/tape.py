"""Gradients by hand: a list of steps, walked backwards, without torch's own autograd.

Each function here computes its result and, where it is given a list `ctx`, appends the step that
goes back. `run_backward` walks the list from its end: each step takes the `.grad` of its result
and adds to that of its inputs.

    ctx = []
    hidden = relu(conv2d(x, w, b, ctx=ctx), ctx=ctx)
    loss = cross_entropy(linear(flatten(hidden, ctx=ctx), v, ctx=ctx), labels, ctx=ctx)
    run_backward(ctx)  # now x.grad, w.grad, b.grad and v.grad are there
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from opbench.impls.windows2d import convolved, convolved_back, maximum, maximum_back, windows

if TYPE_CHECKING:
    from opbench.impls.windows2d import Size, Windows


class Step(NamedTuple):
    """One step of the forward pass: `back` takes the gradient of `result`, and `arguments`."""

    back: Callable[..., None]
    result: Tensor
    arguments: tuple[Any, ...]


Steps = list[Step]


def run_backward(ctx: Steps, grad: Tensor | None = None) -> None:
    """Add to the `.grad` of all inputs the gradient of the last result.

    grad: the gradient of the last result itself; ones where None. Results keep no gradient, so
    that a second walk adds the same once more.
    """
    if not ctx:
        return
    last = ctx[-1].result
    last.grad = torch.ones_like(last) if grad is None else grad
    for back, result, arguments in reversed(ctx):
        given, result.grad = result.grad, None
        if given is not None:  # else nothing after it has used the result
            back(given, *arguments)


def accumulate(tensor: Tensor | None, grad: Tensor) -> None:
    """Add to the `.grad` of a tensor; where there is no tensor, such as a missing bias, nothing."""
    if tensor is not None:
        tensor.grad = grad if tensor.grad is None else tensor.grad + grad


# --- what can be done ------------------------------------------------------------------------


def conv2d(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    ctx: Steps | None = None,
) -> Tensor:
    """The convolution of images, with the options of torch.nn.functional.conv2d."""
    where = windows((w.shape[2], w.shape[3]), stride, padding, dilation)
    y = convolved(x, w, b, where, groups=groups)
    return _noted(ctx, _conv2d_back, y, x, w, b, where, groups)


def _conv2d_back(
    grad: Tensor, x: Tensor, w: Tensor, b: Tensor | None, where: Windows, groups: int
) -> None:
    grads = convolved_back(grad, x, w, where, groups=groups)
    for tensor, gradient in zip((x, w, b), grads, strict=True):
        accumulate(tensor, gradient)


def max_pool2d(
    x: Tensor,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    ctx: Steps | None = None,
) -> Tensor:
    """The maximum of the windows of an image; the step keeps where each was found."""
    where = windows(kernel_size, stride, padding, dilation)
    y, places = maximum(x, where)
    return _noted(ctx, _max_pool2d_back, y, x, places, where)


def _max_pool2d_back(grad: Tensor, x: Tensor, places: Tensor, where: Windows) -> None:
    accumulate(x, maximum_back(grad, x, places, where))


def relu(x: Tensor, *, ctx: Steps | None = None) -> Tensor:
    """The positive part."""
    return _noted(ctx, _relu_back, x.relu(), x)


def _relu_back(grad: Tensor, x: Tensor) -> None:
    accumulate(x, torch.where(x > 0, grad, 0))


def flatten(x: Tensor, *, ctx: Steps | None = None) -> Tensor:
    """All axes after the first as one."""
    return _noted(ctx, _flatten_back, x.flatten(1), x)


def _flatten_back(grad: Tensor, x: Tensor) -> None:
    accumulate(x, grad.view(x.shape))


def linear(x: Tensor, w: Tensor, b: Tensor | None = None, *, ctx: Steps | None = None) -> Tensor:
    """x[N, D] times w[C, D], and b[C] if there is one."""
    return _noted(ctx, _linear_back, torch.nn.functional.linear(x, w, b), x, w, b)


def _linear_back(grad: Tensor, x: Tensor, w: Tensor, b: Tensor | None) -> None:
    for tensor, gradient in ((x, grad @ w), (w, grad.mT @ x), (b, grad.sum(0))):
        accumulate(tensor, gradient)


def mean_squared_error(x: Tensor, target: Tensor, *, ctx: Steps | None = None) -> Tensor:
    """The mean of the squared differences, a scalar."""
    return _noted(ctx, _squared_back, (x - target).square().mean(), x, target)


def _squared_back(grad: Tensor, x: Tensor, target: Tensor) -> None:
    accumulate(x, (x - target) * (grad * 2 / x.numel()))


def cross_entropy(logits: Tensor, labels: Tensor, *, ctx: Steps | None = None) -> Tensor:
    """The mean over rows of -log of the softmax at the label, a scalar."""
    logs = logits.log_softmax(1)
    loss = -logs.gather(1, labels[:, None]).mean()
    return _noted(ctx, _entropy_back, loss, logits, labels, logs)


def _entropy_back(grad: Tensor, logits: Tensor, labels: Tensor, logs: Tensor) -> None:
    one_hot = torch.zeros_like(logs).scatter_(1, labels[:, None], 1)
    accumulate(logits, (logs.exp() - one_hot) * (grad / len(labels)))


def _noted(ctx: Steps | None, back: Callable[..., None], result: Tensor, *arguments: Any) -> Tensor:
    if ctx is not None:
        ctx.append(Step(back, result, arguments))
    return result


# --- as nodes of torch's graph ---------------------------------------------------------------


def differentiable_conv2d(x: Tensor, w: Tensor, b: Tensor | None = None, **options: Any) -> Tensor:
    """A convolution whose gradients torch asks the walk for."""
    result: Tensor = _Walk.apply(  # type: ignore[no-untyped-call]
        lambda *given, ctx: conv2d(*given, **options, ctx=ctx), x, w, b
    )
    return result


def differentiable_max_pool2d(x: Tensor, kernel_size: Size, **options: Any) -> Tensor:
    """A maximum over windows whose gradient torch asks the walk for."""
    result: Tensor = _Walk.apply(  # type: ignore[no-untyped-call]
        lambda x, ctx: max_pool2d(x, kernel_size, **options, ctx=ctx), x
    )
    return result


class _Walk(torch.autograd.Function):
    """A function of tensors and `ctx`, whose backward pass is the walk along that list."""

    @staticmethod
    def forward(node: Any, function: Callable[..., Tensor], *inputs: Tensor | None) -> Tensor:
        # The walk leaves its gradients in these, not in the caller's tensors.
        node.leaves = [None if tensor is None else tensor.detach() for tensor in inputs]
        node.steps = []
        # Another tensor than the one in the steps, which would keep its own node alive.
        return function(*node.leaves, ctx=node.steps).detach()

    @staticmethod
    @once_differentiable
    def backward(node: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        for leaf in node.leaves:
            if leaf is not None:
                leaf.grad = None  # of an earlier backward pass over the same graph
        run_backward(node.steps, grad)
        return None, *(None if leaf is None else leaf.grad for leaf in node.leaves)
