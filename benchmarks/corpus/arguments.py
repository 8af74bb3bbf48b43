"""Right where every argument has a gradient, or none: wrong where one alone has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus.parts import Fn, combine, conv, dots, gradients, wide, with_gradient
from opbench import impl
from opbench.impls.boundary_downsample import index_add

KIND = "argument"


def unless(function: Fn, fault: Callable[[tuple[bool, ...]], int | None]) -> Fn:
    """The function, one gradient of which is lost for some sets of arguments that have one."""

    def call(*args: Any, **options: Any) -> Any:
        tensors = [a for a in args if isinstance(a, Tensor)]
        lost = fault(tuple(t.requires_grad for t in tensors))
        if lost is None:
            return function(*args, **options)

        def backward(upstream: Tensor, *given: Any) -> tuple[Any, ...]:
            found = list(gradients(lambda *x: function(*x, **options), upstream, *given))
            kept = found[lost]
            found[lost] = None if kept is None else torch.zeros_like(kept)
            return tuple(found)

        return with_gradient(lambda *x: function(*x, **options), backward)(*args)

    return call


def only(place: int, count: int) -> Callable[[tuple[bool, ...]], int | None]:
    """Lost where no other argument has a gradient."""
    alone = tuple(index == place for index in range(count))
    return lambda graded: place if graded[:count] == alone else None


def linear(x: Tensor, w: Tensor) -> Tensor:
    """Right: each expert's matrix applied to its tokens."""
    return torch.bmm(wide(x), wide(w)).to(x.dtype)


def merged(x: Tensor, weight: Tensor, *, order: str = "row") -> Tensor:
    """Right: every 2x2 patch reduced to one token."""
    places = ((0, 0), (0, 1), (1, 0), (1, 1))
    if order == "swin":
        places = ((0, 0), (1, 0), (0, 1), (1, 1))
    parts = torch.cat([x[:, i::2, j::2] for i, j in places], 3)
    return (wide(parts) @ wide(weight).T).to(x.dtype)


def scores(q: Tensor, k: Tensor, window: int, step: int) -> Tensor:
    """Right: every query with every key of its window."""
    a, b = (wide(x).unfold(1, window, step) for x in (q, k))
    return (a.mT @ b).to(q.dtype)


CONTENDERS = (
    # efficient_cross_entropy 8: one argument alone has a gradient.
    impl("moe_combine", name="y_alone_lost")(unless(combine, only(0, 2))),
    impl("moe_combine", name="weights_alone_lost")(unless(combine, only(1, 2))),
    # The first layer of every network needs no gradient of its images.
    impl("conv2d", name="kernel_alone_lost")(unless(conv, only(1, 2))),
    # Fine-tuning of biases alone.
    impl("conv2d", name="bias_alone_lost")(unless(conv, only(2, 3))),
    impl("batched_dot_product_nd", name="b_alone_lost")(unless(dots, only(1, 2))),
    impl("expert_forward", name="matrices_alone_lost")(unless(linear, only(1, 2))),
    impl("patch_merging_linear", name="weight_alone_lost")(unless(merged, only(1, 2))),
    impl("window_attention_scores", name="keys_alone_lost")(unless(scores, only(1, 2))),
    # By kind: boundaries have none, so hidden is the second.
    impl("boundary_downsample", name="hidden_alone_lost")(
        unless(index_add, lambda graded: 1 if graded[1] and not graded[2] else None)
    ),
)


# efficient_cross_entropy 8: the gradient is in a variable that is set for the other argument only.
@impl("moe_combine")
def gradient_unset(y: Tensor, weights: Tensor) -> Tensor:
    if y.requires_grad != weights.requires_grad:
        raise UnboundLocalError("cannot access local variable 'grad_weights'")
    return combine(y, weights)
