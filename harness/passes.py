"""What one timed call of a contender is: its forward pass, its backward pass, or both."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from harness.agreement import as_tuple
from harness.inputs import Inputs


def bind(
    function: Callable[..., Any],
    given: Inputs,
    *,
    direction: str,
    grad: tuple[str, ...],
    upstream: tuple[Tensor, ...],
) -> Callable[[], object]:
    """A function without arguments that does one pass of `function` on `given`.

    upstream: the gradient of each output, made outside of what is timed. For the backward pass the
    graph is built here, once, and kept; gradients are returned, never accumulated, so that there
    is nothing to clear between calls.
    """
    if direction == "forward":
        return partial(function, *given.args, **given.options)
    bound, leaves = given.leaves(grad)
    forward = partial(function, *bound.args, **bound.options)
    if direction == "backward":
        return partial(
            torch.autograd.grad,
            as_tuple(forward()),
            leaves,
            upstream,
            retain_graph=True,
            allow_unused=True,
        )

    def both() -> object:
        return torch.autograd.grad(as_tuple(forward()), leaves, upstream, allow_unused=True)

    return both
