"""Contenders for giving every token the row of the last group that ended before or at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl, triton_device
from opbench.impls.dtypes import ADDS_IN_HALF
from opbench.impls.segments import count_slots

if TYPE_CHECKING:
    from torch import Tensor


@impl("boundary_upsample", caveats=ADDS_IN_HALF)
def loop(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """One selection of rows per sequence."""
    columns = zip(shortened.unbind(1), _rows(boundaries), strict=True)
    # A piece without columns keeps the result tied to `shortened` where the batch is empty.
    nothing = shortened.new_empty(boundaries.shape[1], 0, shortened.shape[2])
    nothing = nothing + shortened[:1, :0]
    return torch.cat([nothing, *(column[rows][:, None] for column, rows in columns)], 1)


@impl(
    "boundary_upsample",
    supports=floating,
    caveats={"nonfinite": "0 * NaN and 0 * inf leak into the tokens of other groups"},
)
def einsum(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """A one-hot matrix per sequence."""
    batch, size = boundaries.shape
    weights = torch.zeros(
        batch, size, len(shortened), dtype=shortened.dtype, device=shortened.device
    )
    weights.scatter_(2, _rows(boundaries)[:, :, None], 1)
    return torch.einsum("bls,sbd->lbd", weights, shortened).contiguous()


@impl("boundary_upsample")
def gather(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """gather along the groups, through an index that is expanded over the width."""
    index = _rows(boundaries).T[:, :, None].expand(-1, -1, shortened.shape[2])
    return shortened.gather(0, index)


@impl("boundary_upsample", caveats=ADDS_IN_HALF)
def advanced_indexing(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """Indexing with the row and the sequence of every token."""
    rows = _rows(boundaries).T.contiguous()  # the output is laid out as the index is
    return shortened[rows, torch.arange(len(boundaries), device=boundaries.device)]


@impl("boundary_upsample")
def index_select(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """One selection from the flattened rows of all sequences."""
    flat = shortened.flatten(0, 1).index_select(0, _flat_rows(boundaries))
    return flat.view(boundaries.shape[1], *shortened.shape[1:])


@impl("boundary_upsample", supports=floating, caveats=ADDS_IN_HALF)
def embedding(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """As index_select, with the gradient of an embedding table."""
    flat = torch.nn.functional.embedding(_flat_rows(boundaries), shortened.flatten(0, 1))
    return flat.view(boundaries.shape[1], *shortened.shape[1:])


@impl("boundary_upsample")
def repeat_interleave(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """Every row repeated as often as tokens read it, sequence by sequence."""
    batch, size = boundaries.shape
    number = len(shortened)
    first = torch.arange(batch, device=boundaries.device)[:, None] * number
    repeats = count_slots((_rows(boundaries) + first).flatten(), batch * number)
    flat = shortened.transpose(0, 1).flatten(0, 1)
    rows = flat.repeat_interleave(repeats, 0, output_size=batch * size)
    return rows.view(batch, size, shortened.shape[2]).transpose(0, 1).contiguous()


@impl(
    "boundary_upsample",
    supports=cpu & floating,
    target="opbench.impls.kernels.pooling_cpp:boundary_upsample",
)
def cpp(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """One pass over the tokens, in C++."""
    raise NotImplementedError


@impl(
    "boundary_upsample",
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.pooling_triton:boundary_upsample",
)
def triton(boundaries: Tensor, shortened: Tensor) -> Tensor:
    """One program per token and block of columns."""
    raise NotImplementedError


def _rows(boundaries: Tensor) -> Tensor:
    """The row [B, L] that every token reads, as int64."""
    # Counted in integers: a running sum in bfloat16 stops at 256.
    return boundaries.detach().cumsum(1, dtype=torch.int64)


def _flat_rows(boundaries: Tensor) -> Tensor:
    """The row [L*B] of the flattened groups that every token reads."""
    batch = len(boundaries)
    column = torch.arange(batch, device=boundaries.device)
    return (_rows(boundaries).T * batch + column).flatten()
