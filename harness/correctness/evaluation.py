"""Evaluate one of an op's functions: its outputs, what is compared of them, and their gradients.

The oracle above all, and the magnitude; in any dtype. Whatever doesn't work is the op's own fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declare import Op
from opbench.harness.outcomes import charged_to, op_fault
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import as_tuple


@dataclass(frozen=True, slots=True)
class Results:
    """What an evaluation of a function gives; all of it is detached."""

    outputs: tuple[Tensor, ...]
    #: What is compared in place of the outputs.
    compared: tuple[Tensor, ...]
    #: For each gradient of the outputs that was sent back: of each differentiable argument.
    gradients: tuple[tuple[Tensor, ...], ...]

    def __iter__(self) -> Iterator[Tensor]:
        return chain(self.outputs, self.compared, *self.gradients)

    def like(self, tensors: Sequence[Tensor]) -> Results:
        """Other tensors, as many, in the same order."""
        left = iter(tensors)
        return Results(
            tuple(next(left) for _ in self.outputs),
            tuple(next(left) for _ in self.compared),
            tuple(tuple(next(left) for _ in some) for some in self.gradients),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A call of one of an op's functions, which can be differentiated several times."""

    op: Op
    #: The function, and what it is called in messages.
    function: Callable[..., Any]
    label: str
    inputs: Inputs
    outputs: tuple[Tensor, ...]
    #: The tensors to differentiate by.
    leaves: tuple[Tensor, ...]

    def results(self, upstreams: Sequence[tuple[Tensor, ...]]) -> Results:
        """What it gave, with the gradients for several gradients of the outputs.

        Raises OpFaultError where `canonical` or the gradient doesn't work.
        """
        detached = tuple(output.detach() for output in self.outputs)
        with charged_to(self.op.name, "canonical", self.op.canonical or self.op.oracle):
            compared = comparable(self.op, detached, self.inputs)
        return Results(detached, compared, tuple(map(self.gradients, upstreams)))

    def gradients(self, upstream: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The gradients of the leaves, for a gradient of each output. Raises OpFaultError."""
        if not self.leaves:
            return ()
        is_oracle = self.label == "oracle"
        what = "oracle's gradient" if is_oracle else f"{self.label}: its gradient"
        with charged_to(self.op.name, what, self.function):
            return differentiate(self.outputs, self.leaves, upstream, keeps_graph=True)


def evaluate(
    op: Op, label: str, function: Callable[..., Any], inputs: Inputs, names: tuple[str, ...] = ()
) -> Evaluation:
    """Call one of the op's functions, called `label` in messages, on inputs.

    names: of the arguments to differentiate by. Raises OpFaultError where it doesn't work.
    """
    bound, leaves = inputs.leaves(names)
    with charged_to(op.name, label, function):
        output = function(*bound.args, **bound.options)
    try:
        outputs = as_tuple(output)
    except TypeError as error:
        raise op_fault(op.name, label, function, str(error)) from error
    return Evaluation(
        op=op, function=function, label=label, inputs=inputs, outputs=outputs, leaves=leaves
    )


def comparable(op: Op, outputs: tuple[Tensor, ...], inputs: Inputs) -> tuple[Tensor, ...]:
    """The outputs in the form in which they are compared: by `canonical`, where the op has it."""
    if op.canonical is None:
        return outputs
    output = outputs[0] if len(outputs) == 1 else outputs
    return as_tuple(call_named(op.canonical, {**op.defaults, **inputs.values, "output": output}))


def differentiate(
    outputs: tuple[Tensor, ...],
    leaves: tuple[Tensor, ...],
    upstream: tuple[Tensor, ...],
    *,
    keeps_graph: bool = False,
) -> tuple[Tensor, ...]:
    """Gradients of the leaves; zeros for leaves that no output depends on.

    keeps_graph: whether another backward pass goes through the same graph.
    """
    # Autograd refuses outputs that depend on no leaf.
    pairs = [(o, g) for o, g in zip(outputs, upstream, strict=True) if o.requires_grad]
    if not pairs:
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    gradients = torch.autograd.grad(
        [o for o, _ in pairs],
        leaves,
        [g for _, g in pairs],
        allow_unused=True,
        retain_graph=keeps_graph,
    )
    return tuple(
        torch.zeros_like(leaf) if value is None else value
        for value, leaf in zip(gradients, leaves, strict=True)
    )
