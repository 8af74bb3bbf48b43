"""The timed call of a contender: its forward pass, its backward pass, or both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Any

import torch
from torch import Tensor

from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.layouts import repeated_axes
from opbench.harness.preparation.output_modes import as_tuple


@dataclass(frozen=True, slots=True)
class TimedCall:
    """The timed call of a contender, on memory of its own."""

    #: Does one pass.
    call: Callable[[], object]
    #: The inputs that it is bound to.
    inputs: Inputs
    #: The gradient of each output.
    upstream: tuple[Tensor, ...]


def bind(
    function: Callable[..., Any],
    given: Inputs,
    *,
    direction: str,
    grad: tuple[str, ...],
    upstream: tuple[Tensor, ...],
) -> TimedCall:
    """The call that does one pass of `function` on `given`.

    For the backward pass the graph is built here, once, and retained. Gradients are returned and
    never accumulated, so that there is nothing to clear between calls. A gradient that is an
    expanded view is written out, as accumulating it would do: otherwise it would seem to be free.
    grad: names of the arguments to differentiate.
    upstream: the gradient of each output, drawn outside of what is timed.
    """
    call = _one_pass(function, given, direction, grad, upstream)
    return TimedCall(call, given, upstream)


def _one_pass(
    function: Callable[..., Any],
    given: Inputs,
    direction: str,
    grad: tuple[str, ...],
    upstream: tuple[Tensor, ...],
) -> Callable[[], object]:
    """A function without arguments that does the pass `direction`."""
    if direction == "forward":
        return partial(function, *given.args, **given.options)
    bound, leaves = given.leaves(grad)
    forward = partial(function, *bound.args, **bound.options)
    if direction == "backward":
        # Once: all timed calls go back through this graph.
        outputs = as_tuple(forward())
        tracked = _tracked(outputs)
        return _written_out(
            partial(
                torch.autograd.grad,
                _some(outputs, tracked),
                leaves,
                _some(upstream, tracked),
                retain_graph=True,
                allow_unused=True,
            )
        )
    tracked = _tracked(as_tuple(forward()))
    sent = _some(upstream, tracked)

    def both() -> tuple[Tensor | None, ...]:
        outputs = _some(as_tuple(forward()), tracked)
        return torch.autograd.grad(outputs, leaves, sent, allow_unused=True)

    return _written_out(both)


def _tracked(outputs: tuple[Tensor, ...]) -> tuple[bool, ...]:
    """Of each output whether it has a gradient: whole numbers have none.

    All of them where none has, which autograd then says.
    """
    tracked = tuple(output.requires_grad for output in outputs)
    return tracked if any(tracked) else (True,) * len(outputs)


def _some(tensors: tuple[Tensor, ...], chosen: tuple[bool, ...]) -> tuple[Tensor, ...]:
    """The tensors that are chosen."""
    return tensors if all(chosen) else tuple(compress(tensors, chosen))


def _written_out(call: Callable[[], tuple[Tensor | None, ...]]) -> Callable[[], object]:
    """The call, with contiguous copies of those of its gradients that are expanded views."""
    # Which of them are expanded is the same for every call.
    expanded = [gradient is not None and bool(repeated_axes(gradient)) for gradient in call()]
    if not any(expanded):
        return call

    def written() -> tuple[Tensor | None, ...]:
        return tuple(
            gradient.contiguous() if gradient is not None and copied else gradient
            for gradient, copied in zip(call(), expanded, strict=True)
        )

    return written
