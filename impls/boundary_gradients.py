"""Contenders for the gradient that reaches the boundaries: its whole matrix, and its product."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl
from opbench.impls.dtypes import accumulator
from opbench.impls.onednn import MAY_LEAK_WITH_AMX
from opbench.impls.segments import count_slots
from opbench.impls.segments_marked import entries, group_ids, most_marks, pooling_matrix, spread

if TYPE_CHECKING:
    from torch import Tensor

# --- the jacobian [L, L] -----------------------------------------------------------------------


@impl("pooling_matrix_jacobian")
def backward_per_row(boundaries: Tensor, *, scale: float = 1.0) -> Tensor:
    """One backward pass per row, all through one graph."""
    with torch.enable_grad():
        marks = boundaries.detach().requires_grad_()
        values, _ = entries(marks, most_marks(boundaries), scale=scale)
    seeds = torch.eye(len(values), dtype=values.dtype, device=values.device)
    # One element is asked for by its row of the identity: unbinding would stack all of them again.
    rows = [torch.autograd.grad(values, marks, row, retain_graph=True)[0] for row in seeds]
    return torch.stack(rows) if rows else boundaries.new_zeros(0, 0)


@impl("pooling_matrix_jacobian")
def batched_backward(boundaries: Tensor, *, scale: float = 1.0) -> Tensor:
    """The backward passes of all rows at once, by autograd's own batching."""
    if len(boundaries) == 0:
        return boundaries.new_zeros(0, 0)  # a batch of nothing is refused
    with torch.enable_grad():
        marks = boundaries.detach().requires_grad_()
        values, _ = entries(marks, most_marks(boundaries), scale=scale)
    rows = torch.eye(len(values), dtype=values.dtype, device=values.device)
    return torch.autograd.grad(values, marks, rows, is_grads_batched=True)[0]


@impl("pooling_matrix_jacobian")
def jacrev(boundaries: Tensor, *, scale: float = 1.0) -> Tensor:
    """torch.func: rows by vmap over the reverse mode."""
    number = most_marks(boundaries)
    differentiate = torch.func.jacrev(lambda marks: entries(marks, number, scale=scale)[0])
    jacobian: Tensor = differentiate(boundaries)
    return jacobian.to(boundaries.dtype)


@impl("pooling_matrix_jacobian")
def jacfwd(boundaries: Tensor, *, scale: float = 1.0) -> Tensor:
    """torch.func: columns by vmap over the forward mode."""
    number = most_marks(boundaries)
    differentiate = torch.func.jacfwd(lambda marks: entries(marks, number, scale=scale)[0])
    # The forward mode refuses to differentiate by elements that share their memory.
    jacobian: Tensor = differentiate(boundaries.contiguous())
    return jacobian.to(boundaries.dtype)


@impl("pooling_matrix_jacobian")
def closed_form(boundaries: Tensor, *, scale: float = 1.0) -> Tensor:
    """One value below the diagonal of a column, and one from it upwards, inside the groups."""
    starts, sizes, below, above = _columns(boundaries, scale)
    # Each of L * L pairs is compared twice, in half of the time in 32 bits.
    starts = starts.int()
    token = torch.arange(len(starts), dtype=torch.int32, device=starts.device)
    values = torch.where(token < token.unsqueeze(1), below, above)
    own = torch.where(sizes > 0, starts, -1).unsqueeze(1)
    return values.masked_fill_(starts != own, 0.0)


@impl("pooling_matrix_jacobian")
def blocks(boundaries: Tensor, *, scale: float = 1.0) -> Tensor:
    """As closed_form, for the elements inside the groups alone; the others stay zero."""
    size = len(boundaries)
    starts, sizes, below, above = _columns(boundaries, scale)
    row = torch.arange(size, device=starts.device).repeat_interleave(sizes)
    skipped = sizes.cumsum(0) - sizes - starts
    column = torch.arange(len(row), device=starts.device) - skipped[row]
    values = torch.where(column < row, below[column], above[column])
    return boundaries.new_zeros(size, size).index_put_((row, column), values)


def _columns(boundaries: Tensor, scale: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of every token: where its group starts; the group's size, 0 without a column; and the two
    values in the token's own column of the jacobian, below the diagonal and from it upwards.
    """
    ids = group_ids(boundaries)
    counts = count_slots(ids, len(ids) + 1)
    starts, sizes = (counts.cumsum(0) - counts)[ids], counts[ids]
    wide = accumulator(boundaries.dtype)
    place = (torch.arange(1, len(ids) + 1, device=ids.device) - starts).to(wide)
    size = sizes.to(wide)
    steepness = scale / (size * size)
    below, above = place * steepness, (place - size) * steepness
    # The open group after the last boundary has no column.
    sizes = torch.where(ids < boundaries.sum(dtype=torch.int64), sizes, 0)
    return starts, sizes, below.to(boundaries.dtype), above.to(boundaries.dtype)


# --- the product with a gradient [B, L] --------------------------------------------------------


@impl(
    "boundary_vjp",
    caveats={"nonfinite": "a running sum carries NaN to all groups before in the sequence"},
)
def autograd(boundaries: Tensor, hidden: Tensor, grad_out: Tensor, *, scale: float = 1.0) -> Tensor:
    """Forward and backward through the dense matrix, as training does it."""
    if len(grad_out) == 1:
        return torch.zeros_like(boundaries, memory_format=torch.contiguous_format)
    with torch.enable_grad():
        marks = boundaries.detach().requires_grad_()
        matrix = pooling_matrix(marks, len(grad_out) - 1, scale=scale)
        means = torch.einsum("bls,lbd->sbd", matrix, hidden.detach())
    return torch.autograd.grad(means, marks, grad_out[1:])[0]


@impl("boundary_vjp", caveats={"nonfinite": MAY_LEAK_WITH_AMX})
def dense(boundaries: Tensor, hidden: Tensor, grad_out: Tensor, *, scale: float = 1.0) -> Tensor:
    """Every token times every slot's gradient in one product, of which one slot is selected."""
    number = len(grad_out) - 1
    if number == 0:
        return torch.zeros_like(boundaries, memory_format=torch.contiguous_format)
    ids = group_ids(boundaries).clamp_(max=number)
    every = torch.bmm(hidden.transpose(0, 1), grad_out[1:].permute(1, 2, 0))
    own = every.gather(2, ids.clamp(max=number - 1).unsqueeze(2)).squeeze(2)
    wide = own.to(accumulator(own.dtype))
    return spread(wide, ids, number, scale=scale).to(boundaries.dtype)


@impl("boundary_vjp")
def index_select(
    boundaries: Tensor, hidden: Tensor, grad_out: Tensor, *, scale: float = 1.0
) -> Tensor:
    """Every token times the gradient of its own slot alone."""
    number, batch = len(grad_out) - 1, hidden.shape[1]
    ids = group_ids(boundaries).clamp_(max=number)
    # Tokens that are dropped read the last row; what they get of it is thrown away.
    column = torch.arange(batch, device=ids.device)
    rows = ((ids + 1).clamp_(max=number).T * batch + column).flatten()
    grads = grad_out.flatten(0, 1).index_select(0, rows).view(hidden.shape)
    wide = accumulator(hidden.dtype)
    products = (grads.to(wide) * hidden).sum(2).T
    return spread(products, ids, number, scale=scale).to(boundaries.dtype)


@impl("boundary_vjp")
def loop(boundaries: Tensor, hidden: Tensor, grad_out: Tensor, *, scale: float = 1.0) -> Tensor:
    """One group after the other."""
    size, wide = boundaries.shape[1], accumulator(hidden.dtype)
    gradient = torch.zeros_like(boundaries, memory_format=torch.contiguous_format)
    for row, marks in enumerate(boundaries.unbind()):
        ends = [*(marks.nonzero().flatten() + 1).tolist(), size][: len(grad_out) - 1]
        for slot, (start, end) in enumerate(pairwise([0, *ends]), 1):
            products = hidden[start:end, row].to(wide) @ grad_out[slot, row].to(wide)
            shares = (products - products.mean()) * (-scale / max(end - start, 1))
            # All shares of the group sum to zero: so does what its last token gets.
            gradient[row, start : end - 1] = shares[:-1].cumsum(0)
    return gradient


@impl(
    "boundary_vjp",
    supports=cpu & floating,
    target="opbench.impls.kernels.boundary_vjp_cpp:boundary_vjp",
)
def cpp(boundaries: Tensor, hidden: Tensor, grad_out: Tensor, *, scale: float = 1.0) -> Tensor:
    """One pass over the tokens, in C++."""
    raise NotImplementedError
