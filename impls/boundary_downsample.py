"""Contenders for the mean of the groups that boundaries end, after a null group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl, triton_device
from opbench.impls.dtypes import accumulator
from opbench.impls.segments import count_slots, pooling_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

ZERO_TIMES_NAN = "0 * NaN and 0 * inf leak into the other groups of the sequence"


@impl("boundary_downsample")
def loop(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    """One mean per group."""
    wide = accumulator(hidden.dtype)
    number = _number_of_groups(boundaries, groups)
    counts = _group_counts(_groups(boundaries, number), number).tolist()
    zero = hidden.new_zeros(1, hidden.shape[2], dtype=wide)
    # A piece without rows keeps the result tied to the tokens where there is no group at all.
    means = [hidden[:0].flatten(0, 1).to(wide)]
    for column, sizes in zip(hidden.unbind(1), counts, strict=True):
        spans = column.split_with_sizes([*sizes, len(column) - sum(sizes)])[:-1]
        means += [s.mean(0, keepdim=True, dtype=wide) if len(s) else zero for s in spans]
    per_row = torch.cat(means).view(hidden.shape[1], number, hidden.shape[2])
    return _after_null(per_row.transpose(0, 1).to(hidden.dtype), null_group)


@impl("boundary_downsample", caveats={"nonfinite": ZERO_TIMES_NAN})
def einsum(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    """A dense pooling matrix per sequence; the product accumulates in float32."""
    number = _number_of_groups(boundaries, groups)
    ids = _groups(boundaries, number)
    weights = pooling_matrix(ids, _group_counts(ids, number), hidden.dtype)
    return _after_null(torch.einsum("bsl,lbd->sbd", weights, hidden), null_group)


@impl("boundary_downsample")
def index_add(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    """Tokens added row by row to the slot of their group."""
    number = _number_of_groups(boundaries, groups)
    slots, counts, rows = _slots(boundaries, hidden, null_group, number)
    rows.index_add_(0, slots, hidden.flatten(0, 1).to(rows.dtype))
    return _without_spare(rows.div_(counts), hidden, number)


# Of the formulations here, this is the one that Inductor makes the fastest code of: its own
# lowering of index_add is one atomic addition per element.
@impl("boundary_downsample")
@impl(
    "boundary_downsample",
    name="compile_scatter_add",
    prepare="opbench.impls.boundary_downsample:compile_with_groups",
)
def scatter_add(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    """As index_add, through an index that is expanded over the width."""
    number = _number_of_groups(boundaries, groups)
    slots, counts, rows = _slots(boundaries, hidden, null_group, number)
    index = slots[:, None].expand(-1, hidden.shape[2])
    rows.scatter_add_(0, index, hidden.flatten(0, 1).to(rows.dtype))
    return _without_spare(rows.div_(counts), hidden, number)


@impl("boundary_downsample")
def segment_reduce(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    """segment_reduce's mean along each sequence; it would sum halves in half."""
    number = _number_of_groups(boundaries, groups)
    counts = _group_counts(_groups(boundaries, number), number)
    # Copied: of one token, its kernel takes any stride for that of a packed tensor.
    wide = hidden.transpose(0, 1).to(
        accumulator(hidden.dtype), copy=True, memory_format=torch.contiguous_format
    )
    # unsafe: its check refuses lengths that leave tokens over.
    means = torch.segment_reduce(wide, "mean", lengths=counts, axis=1, unsafe=True)
    means = torch.where((counts > 0).unsqueeze(2), means, 0.0)  # the mean of nothing is NaN
    return _after_null(means.transpose(0, 1).to(hidden.dtype), null_group)


@impl(
    "boundary_downsample",
    supports=cpu & floating,
    target="opbench.impls.kernels.pooling_cpp:boundary_downsample",
)
def cpp(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    """One pass over the tokens, in C++."""
    raise NotImplementedError


@impl(
    "boundary_downsample",
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.pooling_triton:boundary_downsample",
)
def triton(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
) -> Tensor:
    """One program per group and block of columns."""
    raise NotImplementedError


def compile_with_groups(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The compiled function, its number of groups found outside: reading it would break the graph.

    As the number is a size in the graph, it is compiled again, once, for any number.
    """
    compiled = torch.compile(function)

    def call(
        boundaries: Tensor, hidden: Tensor, null_group: Tensor, *, groups: int | None = None
    ) -> Tensor:
        number = _number_of_groups(boundaries, groups)
        return compiled(boundaries, hidden, null_group, groups=number)

    return call


def _number_of_groups(boundaries: Tensor, groups: int | None) -> int:
    """`groups` where it is given, which spares the wait for the device; else the largest sum."""
    if groups is not None:
        return groups
    if boundaries.numel() == 0:
        return 0
    return int(boundaries.detach().sum(1, dtype=torch.int64).max())


def _groups(boundaries: Tensor, number: int) -> Tensor:
    """The group [B, L] of every token; `number` where it is in none that is kept."""
    # Counted in integers: a running sum in bfloat16 stops at 256.
    ends = boundaries.detach().to(torch.int64)
    return (ends.cumsum(1) - ends).clamp_(max=number)


def _group_counts(ids: Tensor, number: int) -> Tensor:
    """The number of tokens [B, S] of every kept group."""
    batch = len(ids)
    row = torch.arange(batch, device=ids.device)[:, None]
    counts = count_slots((ids + row * (number + 1)).flatten(), batch * (number + 1))
    return counts.view(batch, number + 1)[:, :number]


def _slots(
    boundaries: Tensor, hidden: Tensor, null_group: Tensor, number: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The slot [L*B] of every token, divisors [slots, 1], and the rows to add to.

    The rows are the null group, the groups, and one spare group for tokens that are dropped.
    """
    batch, width = hidden.shape[1:]
    column = torch.arange(batch, 2 * batch, device=boundaries.device)[:, None]
    slots = (_groups(boundaries, number) * batch + column).T.flatten()
    counts = count_slots(slots, (number + 2) * batch).clamp_(min=1)[:, None]
    first = null_group[0].expand(batch, width).to(accumulator(hidden.dtype))
    rows = torch.nn.functional.pad(first, (0, 0, 0, (number + 1) * batch))
    return slots, counts, rows


def _without_spare(rows: Tensor, hidden: Tensor, number: int) -> Tensor:
    """The null group and the groups [S+1, B, D] in the dtype of `hidden`."""
    batch, width = hidden.shape[1:]
    return rows[: (number + 1) * batch].view(number + 1, batch, width).to(hidden.dtype)


def _after_null(means: Tensor, null_group: Tensor) -> Tensor:
    """The null group of every sequence, then the means [S, B, D]."""
    return torch.cat([null_group.expand(1, *means.shape[1:]), means])
