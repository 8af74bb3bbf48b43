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

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from opbench.harness.correctness.evaluation import Evaluation, Results
from opbench.harness.correctness.rounding import UNIT, NotASumError, OnlySums, Rounded, moved_input
from opbench.harness.preparation.inputs import Inputs
from opbench.results.errors import OpFaultError

#: Calls the oracle on inputs, recorded for gradients.
Evaluate = Callable[[Inputs], Evaluation]
#: For each gradient of the outputs that is sent back: of each output.
Upstreams = Sequence[tuple[Tensor, ...]]

#: How often an oracle is evaluated, and the least size of an element as a part of what is usual in
#: its row: by how much it does at most (`Rounded.work`). Loops over rows take thousands, and a few
#: evaluations may all happen to move an element little.
_EVALUATIONS = ((300, 16, 1 / 8), (3000, 8, 1 / 2))
_FEWEST = (4, 1.0)


def of_absolute(evaluate: Evaluate, absolute: Inputs, upstreams: Upstreams) -> Results | None:
    """The sizes by the oracle of the absolute values; None where these would be none."""
    sums = OnlySums()
    try:
        with sums:
            sizes = evaluate(absolute).results(upstreams)
    # Of absolute values an oracle may fail: they are none of its inputs.
    except (NotASumError, OpFaultError):
        return None
    return None if sums.refused else sizes


def of_rounding(evaluate: Evaluate, exact: Inputs, upstreams: Upstreams, truth: Results) -> Results:
    """The sizes by how far the results move if all numbers are off by about one unit.

    exact, upstreams: in float64; `truth` is their result.
    """
    sizes = [value.double().abs().nan_to_num(posinf=0.0) for value in truth]
    number, evaluations, share = 0, 1, 1.0
    while number < evaluations:
        moved, work = _moved(evaluate, exact, upstreams, number)
        for size, value, other in zip(sizes, truth, moved, strict=True):
            size.copy_(torch.maximum(size, _distance(value, other)))
        if number == 0:
            evaluations, share = _planned(work)
        number += 1
    return truth.like([_at_least(size, share) for size in sizes])


def _moved(
    evaluate: Evaluate, exact: Inputs, upstreams: Upstreams, number: int
) -> tuple[Results, int]:
    """What an evaluation gives that moves every number, and what it does (`Rounded.work`).

    Further gradients of the outputs than the first don't count as work.
    """
    rounded, move = Rounded(number), partial(moved_input, number=number)
    inputs = exact.map(move)
    first, *others = [tuple(map(move, upstream)) for upstream in upstreams]
    with rounded:
        evaluation = evaluate(inputs)
        results, work = evaluation.results([first]), rounded.work
        further = tuple(map(evaluation.gradients, others))
    return replace(results, gradients=(*results.gradients, *further)), work


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
