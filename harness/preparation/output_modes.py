"""Output modes: what is checked and timed of an op and its contenders in each.

- compute: new memory, in any layout.
- view: a view of an argument.
- materialise: new contiguous memory; views are copied to it, and the copy is timed.
- consume: any result; the op's consumer reads it, and is timed with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from opbench.harness.declare import Impl, Op, board_of


def op_in_mode(op: Op, mode: str) -> Op:
    """The op whose oracle says what is right: in the mode "consume", that of the consumer."""
    if mode != "consume" or op.consumer is None:
        return op
    magnitude = op.magnitude and _then(op.magnitude, op.consumer)
    return replace(op, oracle=_then(op.oracle, op.consumer), magnitude=magnitude, exact=False)


def function_in_mode(
    op: Op, contender: Impl, function: Callable[..., Any], mode: str
) -> Callable[..., Any]:
    """The function that is checked and timed: the contender's, and what is done with its result."""
    if mode == "consume" and op.consumer is not None:
        return _then(function, op.consumer)
    if copies_view(op, contender, mode):
        return _then(function, contiguous_copy)
    return function


def copies_view(op: Op, contender: Impl, mode: str) -> bool:
    """Whether a contender's view is copied in a mode."""
    return mode == "materialise" and board_of(op, contender) == "view"


def contiguous_copy(view: Tensor) -> Tensor:
    """A contiguous copy, with memory of its own."""
    return view.clone(memory_format=torch.contiguous_format)


def _then(first: Callable[..., Any], second: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function that calls the second on the result of the first."""

    # Wrapped, so that the signature still names the arguments.
    @functools.wraps(first)
    def both(*args: Any, **options: Any) -> Any:
        return second(first(*args, **options))

    return both


def as_tuple(output: object) -> tuple[Tensor, ...]:
    """The tensors of an output, which is one or a tuple or list of them; else TypeError."""
    parts = output if isinstance(output, tuple | list) else (output,)
    for part in parts:
        if not isinstance(part, Tensor):
            raise TypeError(f"returned {type(part).__name__}, not a tensor")
    return tuple(parts)
