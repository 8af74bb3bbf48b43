"""Contenders for sorting tokens by their experts, with equal loads and with any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import rearrange

from opbench import cpu, floating, impl, supported, triton_device
from opbench.impls.segments import count_slots

if TYPE_CHECKING:
    from torch import Tensor

ZERO_TIMES_NAN = "0 * NaN and 0 * inf leak into the rows of every expert"
MOST_ONE_HOT = 4096


@supported(f"its one-hot matrix has a row for each of the tokens, {MOST_ONE_HOT} at most")
def one_hot_fits(expert_ids: Tensor) -> bool:
    """Whether a matrix of tokens by tokens is small enough."""
    return expert_ids.numel() <= MOST_ONE_HOT


# --- equal loads ------------------------------------------------------------------------------


@impl("expert_batching")
def loop(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    """One mask per expert."""
    return torch.stack([x[expert_ids == expert] for expert in range(num_experts)])


@impl("expert_batching")
def index_select(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    """Rows selected in the order of a stable sort."""
    return _by_expert(x.flatten(0, 1).index_select(0, _order(expert_ids)), num_experts)


@impl("expert_batching")
def gather(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    """As index_select, through an index that is expanded over the width."""
    return _by_expert(_gathered(x, _order(expert_ids)), num_experts)


@impl("expert_batching")
def einops(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    """Indexing between two patterns, which say what becomes of the axes."""
    order = rearrange(expert_ids, "b s -> (b s)").argsort(stable=True)
    rows = rearrange(x, "b s d -> (b s) d")[order]
    capacity = len(rows) // num_experts
    return rearrange(rows, "(e c) d -> e c d", e=num_experts, c=capacity)


@impl("expert_batching")
def index_copy(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    """No sort: each row is copied to where its rank among its expert's tokens puts it."""
    return _by_expert(_copied(x, _places(expert_ids, num_experts)), num_experts)


@impl(
    "expert_batching",
    supports=floating & one_hot_fits,
    caveats={"nonfinite": ZERO_TIMES_NAN},
)
def einsum(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    """A one-hot matrix of places and tokens."""
    return _by_expert(_multiplied(x, _places(expert_ids, num_experts)), num_experts)


@impl("expert_batching", supports=cpu, target="opbench.impls.kernels.experts_cpp:expert_batching")
def cpp(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    """A counting sort, then one copy of each row, in C++."""
    raise NotImplementedError


@impl(
    "expert_batching",
    requires="triton",
    supports=triton_device,
    target="opbench.impls.kernels.experts_triton:expert_batching",
)
def triton(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    """Rows copied by programs that know their place."""
    raise NotImplementedError


# --- any loads --------------------------------------------------------------------------------


@impl("expert_batching_ragged", name="loop")
def ragged_loop(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """One mask per expert."""
    rows = [x[expert_ids == expert] for expert in range(num_experts)]
    ends = torch.tensor([0, *map(len, rows)], device=x.device).cumsum(0)
    return torch.cat(rows), ends


@impl("expert_batching_ragged", name="index_select")
def ragged_index_select(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """Rows selected in the order of a stable sort."""
    order, offsets = _order_and_offsets(expert_ids, num_experts)
    return x.flatten(0, 1).index_select(0, order), offsets


@impl("expert_batching_ragged", name="gather")
def ragged_gather(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """As index_select, through an index that is expanded over the width."""
    order, offsets = _order_and_offsets(expert_ids, num_experts)
    return _gathered(x, order), offsets


@impl("expert_batching_ragged", name="einops")
def ragged_einops(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """Indexing behind a pattern, which says what becomes of the axes."""
    order, offsets = _order_and_offsets(expert_ids, num_experts)
    return rearrange(x, "b s d -> (b s) d")[order], offsets


@impl("expert_batching_ragged", name="index_copy")
def ragged_index_copy(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """No sort: each row is copied to where its rank among its expert's tokens puts it."""
    places = _places(expert_ids, num_experts)
    return _copied(x, places), _offsets(expert_ids, num_experts)


@impl(
    "expert_batching_ragged",
    name="einsum",
    supports=floating & one_hot_fits,
    caveats={"nonfinite": ZERO_TIMES_NAN},
)
def ragged_einsum(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """A one-hot matrix of places and tokens."""
    places = _places(expert_ids, num_experts)
    return _multiplied(x, places), _offsets(expert_ids, num_experts)


@impl(
    "expert_batching_ragged",
    name="cpp",
    supports=cpu,
    target="opbench.impls.kernels.experts_cpp:expert_batching_ragged",
)
def ragged_cpp(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """A counting sort, then one copy of each row, in C++."""
    raise NotImplementedError


@impl(
    "expert_batching_ragged",
    name="triton",
    requires="triton",
    supports=triton_device,
    target="opbench.impls.kernels.experts_triton:expert_batching_ragged",
)
def ragged_triton(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """Rows copied by programs that know their place."""
    raise NotImplementedError


# --- what both share --------------------------------------------------------------------------


def _by_expert(rows: Tensor, experts: int) -> Tensor:
    """Sorted rows [N, D] as [E, N/E, D]."""
    return rows.view(experts, len(rows) // experts, rows.shape[1])


def _order(ids: Tensor) -> Tensor:
    """The row [N] that comes at each place."""
    return ids.flatten().argsort(stable=True)


def _order_and_offsets(ids: Tensor, experts: int) -> tuple[Tensor, Tensor]:
    """The row [N] that comes at each place, and where each expert's begin: [E+1]."""
    ordered, order = ids.flatten().long().sort(stable=True)
    return order, torch.searchsorted(ordered, torch.arange(experts + 1, device=ids.device))


def _offsets(ids: Tensor, experts: int) -> Tensor:
    """Where each expert's rows begin: [E+1]."""
    # Counted from 1 on, so that the running sum begins with 0.
    return count_slots(ids.flatten().long() + 1, experts + 1).cumsum(0)


def _places(ids: Tensor, experts: int) -> Tensor:
    """The place [N] of each row: its rank in a running count of every expert's tokens."""
    flat = ids.flatten()
    chosen = flat == torch.arange(experts, device=ids.device)[:, None]
    # Row by row of [E, N], the count runs on from one expert to the next.
    counts = chosen.flatten().cumsum(0).view(experts, len(flat))
    return counts.gather(0, flat.long()[None])[0] - 1


def _gathered(x: Tensor, order: Tensor) -> Tensor:
    return x.flatten(0, 1).gather(0, order[:, None].expand(-1, x.shape[2]))


def _copied(x: Tensor, places: Tensor) -> Tensor:
    flat = x.flatten(0, 1)
    return flat.new_empty(flat.shape).index_copy_(0, places, flat)


def _multiplied(x: Tensor, places: Tensor) -> Tensor:
    number = len(places)
    moves = torch.zeros(number, number, dtype=x.dtype, device=x.device)
    moves[places, torch.arange(number, device=x.device)] = 1
    return torch.einsum("pn,nd->pd", moves, x.flatten(0, 1))
