"""What is kept of the arguments of a call: facts of tensors and small values, never a tensor.

Expressions that read axes off arguments, and functions that bind torch's arguments to an op's, get
these in place of the tensors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFacts:
    """What is known of a tensor of a call."""

    shape: tuple[int, ...]
    #: In elements.
    strides: tuple[int, ...]
    #: "float32".
    dtype: str
    #: "cpu", "cuda:0"; "" where it wasn't read, as that of the first argument was.
    device: str
    requires_grad: bool

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return len(self.shape)

    @property
    def is_contiguous(self) -> bool:
        """Whether it lies in memory as a new tensor of its shape does."""
        return self.strides == contiguous_strides(self.shape) or 0 in self.shape

    def flatten(self, first: int, last: int) -> TensorFacts:
        """The facts of the tensor with some neighbouring axes as one, in new memory."""
        first, last = first % self.ndim, last % self.ndim
        inside = math.prod(self.shape[first : last + 1])
        shape = (*self.shape[:first], inside, *self.shape[last + 1 :])
        return replace(self, shape=shape, strides=contiguous_strides(shape))


@dataclass(frozen=True, slots=True)
class Unknown:
    """An argument of which nothing is kept."""

    #: What it is: "a numpy.ndarray".
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """Calls of one function that are alike."""

    #: How it was called: "contender", "dispatch", or the name of torch's function.
    how: str
    #: The ops that the function may be of; those of torch's own functions are known by its name.
    ops: tuple[str, ...]
    #: Of each positional argument, a number, text, None, tuple of such, TensorFacts or Unknown.
    args: tuple[Any, ...] = ()
    #: Of each named argument.
    options: tuple[tuple[str, Any], ...] = ()
    #: Whether gradients were enabled.
    grad: bool = False
    count: int
    #: Of all of these calls together.
    seconds: float
    #: Why nothing is known of the arguments; "" where they are.
    unread: str = ""


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a new tensor of a shape, in elements."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def tensors_of(value: Any) -> list[TensorFacts]:
    """The tensors that an argument is, or holds."""
    if isinstance(value, TensorFacts):
        return [value]
    return [item for part in value for item in tensors_of(part)] if isinstance(value, tuple) else []
