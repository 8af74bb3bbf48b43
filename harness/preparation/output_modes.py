"""What an op and its contenders are on one board: as they are, copied, or read by what follows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from opbench.harness.declare import Impl, Op, board_of


def contract_on(op: Op, board: str) -> Op:
    """The op whose oracle says what is right on `board`: that of the consumer, on "consume"."""
    if board != "consume" or op.consumer is None:
        return op
    return replace(
        op,
        oracle=_then(op.oracle, op.consumer),
        magnitude=_then(op.magnitude or op.oracle, op.consumer),
    )


def function_on(
    op: Op, contender: Impl, function: Callable[..., Any], board: str
) -> Callable[..., Any]:
    """What is checked and timed of a contender on `board`."""
    if board == "consume" and op.consumer is not None:
        return _then(function, op.consumer)
    if board == "materialise" and board_of(op, contender) == "view":
        return _then(function, materialised)
    return function


def materialised(view: Tensor) -> Tensor:
    """A copy with memory of its own, contiguous."""
    return view.clone(memory_format=torch.contiguous_format)


def _then(first: Callable[..., Any], second: Callable[[Any], Any]) -> Callable[..., Any]:
    # Wrapped: the signature says what the arguments are called.
    @functools.wraps(first)
    def both(*args: Any, **options: Any) -> Any:
        return second(first(*args, **options))

    return both


def as_tuple(output: object) -> tuple[Tensor, ...]:
    """The tensors of an op's output. Raises TypeError where it is something else."""
    parts = output if isinstance(output, tuple | list) else (output,)
    for part in parts:
        if not isinstance(part, Tensor):
            raise TypeError(f"returned {type(part).__name__}, not a tensor")
    return tuple(parts)
