"""Contenders for the negative log-probability that softmax gives to the label of each row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl, triton_device
from opbench.impls.dtypes import accumulator

if TYPE_CHECKING:
    from torch import Tensor

OP = "batched_cross_entropy_loss"
ALL_IMPOSSIBLE = "NaN where every logit of the row is -inf"
ZERO_TIMES_INF = "0 * inf is NaN where a class that is not the label's has -inf"


@impl(OP, caveats={"impossible": ALL_IMPOSSIBLE})
def gather(logits: Tensor, true_labels: Tensor) -> Tensor:
    """All log-probabilities, of which one per row is gathered."""
    return -logits.log_softmax(1).gather(1, true_labels[:, None])[:, 0]


@impl(OP, caveats={"impossible": ALL_IMPOSSIBLE})
def advanced_index(logits: Tensor, true_labels: Tensor) -> Tensor:
    """As gather, by pairs of indices."""
    rows = torch.arange(len(true_labels), device=logits.device)
    return -logits.log_softmax(1)[rows, true_labels]


@impl(OP)
@impl(OP, name="compile", prepare="torch:compile")
@impl(OP, name="compile_dynamic", prepare="opbench.impls.compiling:dynamic")
def logsumexp(logits: Tensor, true_labels: Tensor) -> Tensor:
    """The logsumexp of each row minus its label's logit: log-probabilities are never written."""
    wide = logits.to(accumulator(logits.dtype))
    own = wide.gather(1, true_labels[:, None])[:, 0]
    loss = wide.logsumexp(1) - own
    return loss.masked_fill(own == -math.inf, math.inf).to(logits.dtype)


@impl(OP, caveats=dict.fromkeys(("masked", "impossible", "nonfinite"), ZERO_TIMES_INF))
def one_hot(logits: Tensor, true_labels: Tensor) -> Tensor:
    """All log-probabilities times a matrix of zeros with one 1 per row."""
    chosen = torch.nn.functional.one_hot(true_labels, logits.shape[1]).to(logits.dtype)
    return -(chosen * logits.log_softmax(1)).sum(1)


@impl(OP, name="torch", caveats={"impossible": ALL_IMPOSSIBLE})
def torch_cross_entropy(logits: Tensor, true_labels: Tensor) -> Tensor:
    """torch's own, without its mean."""
    return torch.nn.functional.cross_entropy(logits, true_labels, reduction="none")


@impl(
    OP,
    supports=cpu & floating,
    target="opbench.impls.kernels.reductions_cpp:batched_cross_entropy_loss",
)
def cpp(logits: Tensor, true_labels: Tensor) -> Tensor:
    """One pass for the row's logsumexp, one backward; log-probabilities are never written."""
    raise NotImplementedError


@impl(
    OP,
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.rowwise_triton:batched_cross_entropy_loss",
)
def triton(logits: Tensor, true_labels: Tensor) -> Tensor:
    """One pass for the row's logsumexp, one backward; log-probabilities are never written."""
    raise NotImplementedError
