"""Contenders for the mean of the tokens of each patch, given every token's patch id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl, triton_device
from opbench.impls.dtypes import accumulator, widenable
from opbench.impls.segments import (
    count_slots,
    filled_rows,
    id_slots,
    inside_ids,
    pooling_matrix,
    running_means,
)

if TYPE_CHECKING:
    from torch import Tensor

ZERO_TIMES_NAN = "0 * NaN and 0 * inf leak into the other patches of the sequence"
RUNNING_NAN = "NaN and inf stay in the running sum and reach every later patch"
RUNNING_SUM = "small patches drown in the running sum of large ones before them"


@impl("patch_pooling_ids")
def loop(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """One mean per patch of the sorted tokens."""
    wide = accumulator(tokens.dtype)
    slots, counts = id_slots(ids, num_patches)
    empty = tokens.new_full((1, tokens.shape[2]), fill, dtype=wide)
    ordered = tokens.flatten(0, 1).index_select(0, slots.argsort(stable=True))
    spans = ordered.split_with_sizes(counts.tolist())[: len(tokens) * num_patches]
    # A piece without rows keeps the result tied to the tokens where there is no patch at all.
    means = [ordered[:0].to(wide)]
    means += [s.mean(0, keepdim=True, dtype=wide) if len(s) else empty for s in spans]
    return _kept(torch.cat(means), tokens, num_patches)


@impl("patch_pooling_ids", caveats={"nonfinite": ZERO_TIMES_NAN})
def einsum(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """One-hot ids, scaled by the counts; the product accumulates in float32."""
    inside, counts = _ids_and_counts(ids, num_patches)
    weights = pooling_matrix(inside, counts, tokens.dtype)
    means = torch.einsum("bps,bsd->bpd", weights, tokens).contiguous()
    return means.masked_fill_((counts == 0).unsqueeze(2), fill)


@impl("patch_pooling_ids", caveats={"nonfinite": ZERO_TIMES_NAN})
def bmm(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """The scaled one-hot ids in a product that adds the fill by itself."""
    inside, counts = _ids_and_counts(ids, num_patches)
    weights = pooling_matrix(inside, counts, tokens.dtype)
    base = torch.zeros(counts.shape, dtype=tokens.dtype, device=tokens.device)
    return torch.baddbmm(base.masked_fill_(counts == 0, fill).unsqueeze(2), weights, tokens)


@impl("patch_pooling_ids")
def index_add(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """Tokens added row by row to the slot of their patch."""
    slots, counts = id_slots(ids, num_patches)
    rows = filled_rows(counts, tokens.shape[2], fill, accumulator(tokens.dtype))
    rows.index_add_(0, slots, tokens.flatten(0, 1).to(rows.dtype))
    means = rows.div_(counts.clamp_(min=1)[:, None])
    return _kept(means, tokens, num_patches)


# Of the formulations here, this is the one that Inductor makes the fastest code of: its own
# lowering of index_add is one atomic addition per element.
@impl("patch_pooling_ids")
@impl("patch_pooling_ids", name="compile_scatter_add", prepare="torch:compile")
def scatter_add(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """As index_add, through an index that is expanded over the width."""
    slots, counts = id_slots(ids, num_patches)
    rows = filled_rows(counts, tokens.shape[2], fill, accumulator(tokens.dtype))
    index = slots[:, None].expand(-1, tokens.shape[2])
    rows.scatter_add_(0, index, tokens.flatten(0, 1).to(rows.dtype))
    means = rows.div_(counts.clamp_(min=1)[:, None])
    return _kept(means, tokens, num_patches)


@impl("patch_pooling_ids")
def scatter_reduce(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """scatter_reduce's own mean counts by itself; a slot that nothing goes to keeps the fill."""
    batch, _, width = tokens.shape
    wide = accumulator(tokens.dtype)
    row = torch.arange(batch, device=ids.device)[:, None]
    inside = (ids >= 0) & (ids < num_patches)
    slots = torch.where(inside, ids + row * num_patches, row + batch * num_patches)
    rows = tokens.new_full((batch * (num_patches + 1), width), fill, dtype=wide)
    index, source = slots.flatten()[:, None].expand(-1, width), tokens.flatten(0, 1).to(wide)
    means = rows.scatter_reduce_(0, index, source, "mean", include_self=False)
    return _kept(means, tokens, num_patches)


@impl("patch_pooling_ids")
def segment_reduce(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """segment_reduce's mean of the sorted tokens; it would sum halves in half."""
    slots, counts = id_slots(ids, num_patches)
    ordered = tokens.flatten(0, 1).index_select(0, slots.argsort(stable=True))
    kept = counts[: len(tokens) * num_patches]
    # unsafe: its check refuses lengths that leave tokens over.
    means = torch.segment_reduce(
        ordered.to(accumulator(tokens.dtype)), "mean", lengths=kept, axis=0, unsafe=True
    )
    means = torch.where((kept > 0)[:, None], means, fill)  # the mean of nothing is NaN
    return _kept(means, tokens, num_patches)


@impl("patch_pooling_ids")
def embedding_bag(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """Tokens as an embedding table, one bag of sorted indices per patch."""
    if tokens.shape[2] == 0:  # its kernel refuses rows without elements
        return tokens[:, :0].sum(1, keepdim=True).expand(-1, num_patches, -1).clone()
    slots, counts = id_slots(ids, num_patches)
    kept = counts[: len(tokens) * num_patches]
    table = tokens.flatten(0, 1).to(accumulator(tokens.dtype))
    # The spare bags stay, as the last bag reaches to the end of the indices.
    means = torch.nn.functional.embedding_bag(
        slots.argsort(stable=True), table, counts.cumsum(0) - counts, mode="mean"
    )
    means = torch.where((kept > 0)[:, None], means[: len(kept)], fill)
    return _kept(means, tokens, num_patches)


@impl("patch_pooling_ids")
def sparse_mm(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """A sparse one-hot matrix: no zero is stored, so that nothing leaks."""
    slots, counts = id_slots(ids, num_patches)
    wide = accumulator(tokens.dtype)
    order = slots.argsort(stable=True)
    row = slots.index_select(0, order)
    weight = counts.clamp(min=1).to(wide).reciprocal_().index_select(0, row)
    matrix = torch.sparse_coo_tensor(
        torch.stack([row, order]),
        weight,
        (len(counts), len(slots)),
        check_invariants=False,
        is_coalesced=True,
    )
    kept = counts[: len(tokens) * num_patches]
    means = (matrix @ tokens.flatten(0, 1).to(wide))[: len(kept)]
    return _kept(torch.where((kept > 0)[:, None], means, fill), tokens, num_patches)


@impl(
    "patch_pooling_ids",
    supports=widenable,
    caveats={"nonfinite": RUNNING_NAN, "cancelling": RUNNING_SUM},
)
def cumsum_difference(
    tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0
) -> Tensor:
    """Differences of a running sum along each sorted sequence."""
    inside, counts = _ids_and_counts(ids, num_patches)
    order = inside.argsort(dim=1, stable=True).unsqueeze(2).expand(-1, -1, tokens.shape[2])
    return running_means(tokens.gather(1, order), counts, fill)


@impl(
    "patch_pooling_ids",
    supports=cpu & floating,
    target="opbench.impls.kernels.pooling_cpp:patch_pooling_ids",
)
def cpp(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """One pass over the rows, in C++."""
    raise NotImplementedError


@impl(
    "patch_pooling_ids",
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.pooling_triton:patch_pooling_ids",
)
def triton(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """One program per token and block of columns."""
    raise NotImplementedError


def _ids_and_counts(ids: Tensor, num_patches: int) -> tuple[Tensor, Tensor]:
    """Ids with P for "in none", and the number of tokens [B, P] of every patch."""
    inside = inside_ids(ids, num_patches)
    batch = len(ids)
    row = torch.arange(batch, device=ids.device)[:, None]
    counts = count_slots((inside + row * (num_patches + 1)).flatten(), batch * (num_patches + 1))
    return inside, counts.view(batch, num_patches + 1)[:, :num_patches]


def _kept(means: Tensor, tokens: Tensor, num_patches: int) -> Tensor:
    """The rows of real patches as [B, P, D] in the tokens' dtype."""
    batch, _, width = tokens.shape
    return means[: batch * num_patches].view(batch, num_patches, width).to(tokens.dtype)
