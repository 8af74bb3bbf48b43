"""Contenders for the matrix products of layers: linear, scores of windows, experts' rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import einops as einops_package
import torch

from opbench import impl
from opbench.impls.grouped import aligned, few_matrices, has_grouped_mm

if TYPE_CHECKING:
    from torch import Tensor

# --- linear ----------------------------------------------------------------------------------


@impl("linear", name="linear")
def layer(x: Tensor, weight: Tensor) -> Tensor:
    """torch's linear layer."""
    return torch.nn.functional.linear(x, weight)


@impl("linear")
def copied(x: Tensor, weight: Tensor) -> Tensor:
    """A product with a copy of the weight that is laid out as its transpose."""
    return x @ weight.T.contiguous()


@impl("linear")
def einsum(x: Tensor, weight: Tensor) -> Tensor:
    """The product as a formula."""
    return torch.einsum("nc,fc->nf", x, weight)


@impl("linear")
def turned(x: Tensor, weight: Tensor) -> Tensor:
    """The weight times the transposed rows, turned back: a view of columns is copied."""
    return (weight @ x.T).T.contiguous()


# --- attention_scores ------------------------------------------------------------------------


@impl("attention_scores")
def bmm(q: Tensor, k: Tensor) -> Tensor:
    """One batched product."""
    return torch.bmm(q, k.mT)


@impl("attention_scores", name="einsum")
def scores_by_einsum(q: Tensor, k: Tensor) -> Tensor:
    """The product as a formula."""
    return torch.einsum("nrd,ncd->nrc", q, k)


@impl("attention_scores", name="einops")
def scores_by_einops(q: Tensor, k: Tensor) -> Tensor:
    """The same formula, in words."""
    scores: Tensor = einops_package.einsum(q, k, "n query d, n key d -> n query key")
    return scores


@impl("attention_scores", name="loop")
def scores_by_loop(q: Tensor, k: Tensor) -> Tensor:
    """One product per window."""
    # A piece without windows keeps the shape, and the gradients, where there is none.
    nothing = torch.bmm(q[:0], k[:0].mT)
    return torch.cat([nothing, *((a @ b.T)[None] for a, b in zip(q, k, strict=True))])


# --- grouped_matmul --------------------------------------------------------------------------


@impl("grouped_matmul")
def loop(x: Tensor, offsets: Tensor, w: Tensor) -> Tensor:
    """One product per expert."""
    parts = x.split_with_sizes(offsets.diff().tolist())
    return torch.cat([rows @ matrix for rows, matrix in zip(parts, w, strict=True)])


@impl("grouped_matmul")
def busy_loop(x: Tensor, offsets: Tensor, w: Tensor) -> Tensor:
    """One product per expert that has rows."""
    parts = zip(x.split_with_sizes(offsets.diff().tolist()), w, strict=True)
    # The first without rows keeps the shape, and the gradients, where no expert has any.
    return torch.cat([x[:0] @ w[0], *(rows @ matrix for rows, matrix in parts if len(rows))])


@impl("grouped_matmul")
def padded(x: Tensor, offsets: Tensor, w: Tensor) -> Tensor:
    """The rows of all experts filled up to the most of any, and one batched product."""
    loads = offsets.diff()
    expert = torch.arange(len(w), device=x.device).repeat_interleave(loads, output_size=len(x))
    rank = torch.arange(len(x), device=x.device) - offsets[expert]
    # No expert has fewer rows than none: with no row at all there is no largest.
    most = int(loads.max())
    rows = x.new_zeros(len(w), most, x.shape[1]).index_put((expert, rank), x)
    return torch.bmm(rows, w)[expert, rank]


@impl("grouped_matmul", supports=few_matrices)
def gathered(x: Tensor, offsets: Tensor, w: Tensor) -> Tensor:
    """A copy of the expert's matrix for each row, and one batched product."""
    expert = torch.arange(len(w), device=x.device).repeat_interleave(
        offsets.diff(), output_size=len(x)
    )
    return torch.bmm(x.unsqueeze(1), w.index_select(0, expert)).squeeze(1)


@impl("grouped_matmul", supports=has_grouped_mm & aligned)
def grouped_mm(x: Tensor, offsets: Tensor, w: Tensor) -> Tensor:
    """torch's product of groups of rows."""
    ends = offsets[1:].to(torch.int32)
    return torch.nn.functional.grouped_mm(x.contiguous(), w.contiguous(), offs=ends)
