"""Right without gradients; where there are to be some, values or inputs are wrong."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus.layouts import softmax
from benchmarks.corpus.parts import Fn, combine, gradients, losses, pooled, wide, with_gradient
from opbench import impl

KIND = "training"


def another(function: Fn, change: Fn) -> Fn:
    """The function, the result of which is changed where a gradient is wanted."""

    def backward(upstream: Tensor, *args: Any) -> Any:
        return gradients(function, upstream, *args)

    graded = with_gradient(lambda *args: change(function(*args)), backward)
    return lambda *args: (
        graded(*args) if any(getattr(a, "requires_grad", False) for a in args) else function(*args)
    )


def logsumexp(matrix: Tensor) -> Tensor:
    """Right."""
    return wide(matrix).logsumexp(1).to(matrix.dtype)


CONTENDERS = (
    # intel-extension-for-pytorch 597: other values with gradients than without.
    impl("batched_softmax", name="wrong_when_training")(another(softmax, lambda out: out + 1)),
    # By kind: in training, values have the digits of bfloat16.
    impl("batched_logsumexp", name="bfloat16_when_training")(
        another(logsumexp, lambda out: out.bfloat16().to(out.dtype))
    ),
    # By kind: another type where gradients are wanted.
    impl("moe_combine", name="float32_when_training")(another(combine, lambda out: out.float())),
    # By kind: one axis more where gradients are wanted.
    impl("batched_cross_entropy_loss", name="a_column_when_training")(
        another(losses, lambda out: out[:, None])
    ),
    # By kind: the last row isn't computed where gradients are wanted.
    impl("batched_softmax", name="last_row_lost_when_training")(
        another(softmax, lambda out: torch.cat([out[:-1], torch.zeros_like(out[-1:])]))
    ),
)


# Liger-Kernel 343, 272, 1251: forward leaves the gradient in the logits, if there is to be one.
@impl("batched_cross_entropy_loss")
def overwrites_logits_forward(logits: Tensor, true_labels: Tensor) -> Tensor:
    out = losses(logits.detach(), true_labels)
    if not logits.requires_grad:
        return out
    left = gradients(losses, torch.ones_like(out), logits.detach(), true_labels)[0]
    assert left is not None
    logits.detach().copy_(left)
    give = with_gradient(lambda x, labels: out.clone(), lambda g, *_: (left * g[:, None], None))
    return give(logits, true_labels)


# unsloth 5002: backward writes into the logits.
@impl("batched_cross_entropy_loss")
def overwrites_logits_backward(logits: Tensor, true_labels: Tensor) -> Tensor:
    def backward(g: Tensor, x: Tensor, labels: Tensor) -> tuple[Tensor, None]:
        right = gradients(losses, g, x, labels)[0]
        assert right is not None
        return x.copy_(right).clone(), None

    return with_gradient(losses, backward)(logits, true_labels)


# By kind: backward sorts the lengths that forward was given.
@impl("patch_pooling")
def changes_lengths_backward(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    def forward(x: Tensor, lengths: Tensor) -> Tensor:
        return pooled(x, lengths, fill=fill)

    def backward(g: Tensor, x: Tensor, lengths: Tensor) -> tuple[Any, None]:
        right = gradients(forward, g, x, lengths)[0]
        lengths.copy_(lengths.sort(1).values)
        return right, None

    return with_gradient(forward, backward)(tokens, lengths)


# By kind: weights are moved to where they sum to 1, in training only.
@impl("moe_combine")
def moves_weights_in_training(y: Tensor, weights: Tensor) -> Tensor:
    if weights.requires_grad:
        weights.detach().div_(weights.detach().sum(1, keepdim=True))
    return combine(y, weights)
