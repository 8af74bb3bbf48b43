"""Contenders for choosing the k best experts of each token, and weighing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl, triton_device

if TYPE_CHECKING:
    from torch import Tensor


@impl("topk_gating")
def topk(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """torch.topk, and a softmax before or after it."""
    values, indices = logits.topk(k, 1)
    return _weights(logits, values, indices, renormalise=renormalise), indices


@impl("topk_gating")
def sort(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """The first k of the sorted logits."""
    values, order = logits.sort(1, descending=True)
    if renormalise:
        return values[:, :k].softmax(1), order[:, :k].contiguous()
    # The softmax of the sorted is the sorted softmax.
    return values.softmax(1)[:, :k].contiguous(), order[:, :k].contiguous()


@impl("topk_gating")
def argmax(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """The largest, k times, each time without those that were found before."""
    # A logit that is -inf itself stays above those that were found.
    left = logits.detach().clamp(min=torch.finfo(logits.dtype).min)
    columns = []
    for _ in range(k):
        best = left.argmax(1, keepdim=True)
        left.scatter_(1, best, -torch.inf)
        columns.append(best)
    indices = torch.cat(columns, 1)
    return _weights(logits, logits.gather(1, indices), indices, renormalise=renormalise), indices


@impl("topk_gating")
def masked_softmax(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """A softmax of all logits, those that aren't chosen being -inf where it is of the chosen."""
    indices = logits.topk(k, 1).indices
    if renormalise:
        others = torch.ones_like(logits, dtype=torch.bool).scatter_(1, indices, False)
        logits = logits.masked_fill(others, -torch.inf)
    return logits.softmax(1).gather(1, indices), indices


@impl(
    "topk_gating", supports=cpu & floating, target="opbench.impls.kernels.experts_cpp:topk_gating"
)
def cpp(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """One pass over each row of logits, in C++."""
    raise NotImplementedError


@impl(
    "topk_gating",
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.experts_triton:topk_gating",
)
def triton(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """One program per block of rows."""
    raise NotImplementedError


def _weights(logits: Tensor, values: Tensor, indices: Tensor, *, renormalise: bool) -> Tensor:
    """The weights [T, k] of the chosen logits `values`."""
    if renormalise:
        return values.softmax(1)
    return logits.softmax(1).gather(1, indices)
