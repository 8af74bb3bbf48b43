"""How large the numbers are that an element is made of: what its error is measured by.

Three ways, the first that applies:

- What the op declares as its `magnitude`.
- The oracle of the absolute values, where the oracle only moves, adds and multiplies: that is the
  sum of the absolute values that an element was summed from.
- Otherwise how far the element moves if every number that the oracle computes is off by about one
  unit: evaluated several times, the largest counts. It is the element's own size at least, and not
  less than a part of what is usual in its row. Where the oracle subtracts, divides or normalises,
  the oracle of the absolute values would cancel, this doesn't.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from opbench.harness.correctness.rounding import UNIT, NotASumError, OnlySums, Rounded, moved_input
from opbench.harness.preparation.inputs import Inputs
from opbench.results.errors import OpFaultError


@dataclass(frozen=True, slots=True)
class Results:
    """What an evaluation of a function gives; all of it is detached."""

    outputs: tuple[Tensor, ...]
    #: What is compared in place of the outputs.
    compared: tuple[Tensor, ...]
    #: Of each differentiable argument.
    gradients: tuple[Tensor, ...]

    def __iter__(self) -> Iterator[Tensor]:
        return iter((*self.outputs, *self.compared, *self.gradients))

    def like(self, tensors: tuple[Tensor, ...]) -> Results:
        """Other tensors, as many, in the same order."""
        first, second = len(self.outputs), len(self.outputs) + len(self.compared)
        return Results(tensors[:first], tensors[first:second], tensors[second:])


#: Evaluates the oracle on inputs, and its gradients for a gradient of each output.
Evaluate = Callable[[Inputs, tuple[Tensor, ...]], Results]

#: How often an oracle is evaluated, and the least size of an element as a part of what is usual in
#: its row: by how much it does at most (`Rounded.work`). Loops over rows take thousands, and a few
#: evaluations may all happen to move an element little.
_EVALUATIONS = ((300, 16, 1 / 8), (3000, 8, 1 / 2))
_FEWEST = (4, 1.0)


def of_absolute(
    evaluate: Evaluate, absolute: Inputs, upstream: tuple[Tensor, ...]
) -> Results | None:
    """The sizes by the oracle of the absolute values; None where these would be none."""
    sums = OnlySums()
    try:
        with sums:
            sizes = evaluate(absolute, upstream)
    # Of absolute values an oracle may fail: they are none of its inputs.
    except (NotASumError, OpFaultError):
        return None
    return None if sums.refused else sizes


def of_rounding(
    evaluate: Evaluate, exact: Inputs, upstream: tuple[Tensor, ...], truth: Results
) -> Results:
    """The sizes by how far the results move if all numbers are off by about one unit.

    exact, upstream: in float64; `truth` is their result.
    """
    sizes = [value.double().abs().nan_to_num(posinf=0.0) for value in truth]
    number, evaluations, share = 0, 1, 1.0
    while number < evaluations:
        rounded, move = Rounded(number), partial(moved_input, number=number)
        inputs, gradients = exact.map(move), tuple(map(move, upstream))
        with rounded:
            moved = evaluate(inputs, gradients)
        for size, value, other in zip(sizes, truth, moved, strict=True):
            size.copy_(torch.maximum(size, _distance(value, other)))
        if number == 0:
            evaluations, share = _planned(rounded.work)
        number += 1
    return truth.like(tuple(_at_least(size, share) for size in sizes))


def _planned(work: int) -> tuple[int, float]:
    """How often to evaluate an oracle that does so much, and the least size in a row."""
    for most, evaluations, share in _EVALUATIONS:
        if work <= most:
            return evaluations, share
    return _FEWEST


def _distance(value: Tensor, moved: Tensor) -> Tensor:
    """How far each element moved, in units; 0 where it isn't finite, or has become another one."""
    if value.shape != moved.shape or not value.is_floating_point():
        return torch.zeros_like(value, dtype=torch.float64)
    return (moved.double() - value.double()).abs().div(UNIT).nan_to_num(posinf=0.0)


def _at_least(size: Tensor, share: float) -> Tensor:
    """The sizes, none less than a share of the root mean square along the last axis."""
    if size.ndim == 0 or size.numel() == 0:
        return size
    typical = size.square().mean(-1, keepdim=True).sqrt()
    return torch.maximum(size, share * typical)
