"""Contenders for the mean of consecutive spans of tokens, given the spans' lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import cpu, floating, impl, supported, triton_device
from opbench.impls.dtypes import accumulator, widenable
from opbench.impls.segments import (
    filled_rows,
    length_ids,
    length_slots,
    mean_of_sums,
    pooling_matrix,
    running_means,
    runs,
)

if TYPE_CHECKING:
    from torch import Tensor

ZERO_TIMES_NAN = "0 * NaN and 0 * inf leak into the other patches of the sequence"
RUNNING_NAN = "NaN and inf stay in the running sum and reach every later patch of the sequence"
RUNNING_SUM = "small patches drown in the running sum of large ones before them"
PADDED_BYTES = 4 << 30


@supported("would pad every patch to the longest, to more than 4 GiB")
def paddable(tokens: Tensor, lengths: Tensor) -> bool:
    """Whether the padded copy of the tokens is of a reasonable size."""
    longest = int(lengths.max()) if lengths.numel() else 0
    row_bytes = tokens.shape[2] * max(tokens.element_size(), 4)
    return lengths.numel() * longest * row_bytes <= PADDED_BYTES


@supported("needs patches of equal length")
def equal_lengths(lengths: Tensor) -> bool:
    """Whether all patches of the batch have one length."""
    return lengths.numel() == 0 or bool((lengths == lengths[0, 0]).all())


@impl("patch_pooling")
def loop(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """One mean per patch."""
    wide, width = accumulator(tokens.dtype), tokens.shape[2]
    empty = tokens.new_full((1, width), fill, dtype=wide)
    # A piece without rows keeps the result tied to the tokens where there is no patch at all.
    means = [tokens[:0].flatten(0, 1).to(wide)]
    for row, sizes in zip(tokens.unbind(), lengths.tolist(), strict=True):
        spans = row.split_with_sizes([*sizes, len(row) - sum(sizes)])[:-1]
        means += [s.mean(0, keepdim=True, dtype=wide) if len(s) else empty for s in spans]
    return torch.cat(means).view(*lengths.shape, width).to(tokens.dtype)


@impl("patch_pooling", supports=paddable)
def padded_gather(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """Every patch padded to the longest; the padding is masked before the sum."""
    width = tokens.shape[2]
    longest = int(lengths.max()) if lengths.numel() else 0
    steps = torch.arange(longest, device=lengths.device)
    index = (lengths.cumsum(1) - lengths)[:, :, None] + steps
    index = index.clamp_(max=tokens.shape[1] - 1).flatten(1)[:, :, None].expand(-1, -1, width)
    padded = tokens.gather(1, index).view(*lengths.shape, longest, width)
    outside = (steps >= lengths[:, :, None])[..., None]
    sums = padded.masked_fill_(outside, 0).sum(2, dtype=accumulator(tokens.dtype))
    return mean_of_sums(sums, lengths, fill).to(tokens.dtype)


@impl("patch_pooling", supports=paddable)
def advanced_indexing(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """Every patch padded to the longest with a row of zeros that is added to the tokens."""
    batch, size, _ = tokens.shape
    longest = int(lengths.max()) if lengths.numel() else 0
    steps = torch.arange(longest, device=lengths.device)
    index = (lengths.cumsum(1) - lengths)[:, :, None] + steps
    index = torch.where(steps < lengths[:, :, None], index, size)
    rows = torch.arange(batch, device=lengths.device)[:, None, None]
    with_zeros = torch.nn.functional.pad(tokens, (0, 0, 0, 1))
    sums = with_zeros[rows, index].sum(2, dtype=accumulator(tokens.dtype))
    return mean_of_sums(sums, lengths, fill).to(tokens.dtype)


@impl("patch_pooling", caveats={"nonfinite": ZERO_TIMES_NAN})
def einsum(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """A dense pooling matrix per sequence; the product accumulates in float32."""
    weights = pooling_matrix(length_ids(lengths, tokens.shape[1]), lengths, tokens.dtype)
    means = torch.einsum("bps,bsd->bpd", weights, tokens).contiguous()
    return means.masked_fill_((lengths == 0).unsqueeze(2), fill)


@impl("patch_pooling", caveats={"nonfinite": ZERO_TIMES_NAN})
def bmm(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """The pooling matrix in a product that adds the fill by itself."""
    weights = pooling_matrix(length_ids(lengths, tokens.shape[1]), lengths, tokens.dtype)
    base = torch.zeros(lengths.shape, dtype=tokens.dtype, device=tokens.device)
    base = base.masked_fill_(lengths == 0, fill).unsqueeze(2)
    return torch.baddbmm(base, weights, tokens)


@impl("patch_pooling")
def index_add(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """Tokens added row by row to the slot of their patch."""
    slots, counts = length_slots(lengths, tokens.shape[1])
    rows = filled_rows(counts, tokens.shape[2], fill, accumulator(tokens.dtype))
    rows.index_add_(0, slots, tokens.flatten(0, 1).to(rows.dtype))
    means = rows.div_(counts.clamp_(min=1)[:, None])[: lengths.numel()]
    return means.view(*lengths.shape, tokens.shape[2]).to(tokens.dtype)


# Of the formulations here, this is the one that Inductor makes the fastest code of: its own
# lowering of index_add is one atomic addition per element.
@impl("patch_pooling")
@impl("patch_pooling", name="compile_scatter_add", prepare="torch:compile")
@impl("patch_pooling", name="compile_dynamic", prepare="opbench.impls.compiling:dynamic")
def scatter_add(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """As index_add, through an index that is expanded over the width."""
    slots, counts = length_slots(lengths, tokens.shape[1])
    rows = filled_rows(counts, tokens.shape[2], fill, accumulator(tokens.dtype))
    index = slots[:, None].expand(-1, tokens.shape[2])
    rows.scatter_add_(0, index, tokens.flatten(0, 1).to(rows.dtype))
    means = rows.div_(counts.clamp_(min=1)[:, None])[: lengths.numel()]
    return means.view(*lengths.shape, tokens.shape[2]).to(tokens.dtype)


@impl("patch_pooling")
def scatter_reduce(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """scatter_reduce's own mean: a slot that nothing is written to keeps the fill."""
    width, wide = tokens.shape[2], accumulator(tokens.dtype)
    slots, counts = length_slots(lengths, tokens.shape[1])
    rows = tokens.new_full((len(counts), width), fill, dtype=wide)
    index, source = slots[:, None].expand(-1, width), tokens.flatten(0, 1).to(wide)
    means = rows.scatter_reduce_(0, index, source, "mean", include_self=False)
    return means[: lengths.numel()].view(*lengths.shape, width).to(tokens.dtype)


@impl("patch_pooling")
def segment_reduce(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """segment_reduce's mean, which is NaN for an empty patch and would sum halves in half."""
    wide = tokens.to(accumulator(tokens.dtype))
    # unsafe: its check refuses lengths that leave tokens over.
    means = torch.segment_reduce(wide, "mean", lengths=lengths, axis=1, unsafe=True)
    return torch.where((lengths > 0).unsqueeze(2), means, fill).to(tokens.dtype).contiguous()


@impl("patch_pooling")
def embedding_bag(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """Tokens as an embedding table that is read in order, one bag per patch."""
    batch, size, width = tokens.shape
    if width == 0:  # its kernel refuses rows without elements
        return _no_patches(tokens, lengths, fill)
    bags = runs(lengths, size).flatten()
    table = tokens.flatten(0, 1).to(accumulator(tokens.dtype))
    order = torch.arange(batch * size, device=lengths.device)
    means = torch.nn.functional.embedding_bag(order, table, bags.cumsum(0) - bags, mode="mean")
    means = means.view(batch, lengths.shape[1] + 1, width)[:, :-1]
    return torch.where((lengths > 0).unsqueeze(2), means, fill).to(tokens.dtype).contiguous()


@impl("patch_pooling")
def sparse_mm(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """A sparse pooling matrix: no zero is stored, so that nothing leaks."""
    batch, size, width = tokens.shape
    bags = runs(lengths, size).flatten()
    wide = accumulator(tokens.dtype)
    row = torch.repeat_interleave(bags, output_size=batch * size)
    place = torch.stack([row, torch.arange(batch * size, device=row.device)])
    weight = bags.clamp(min=1).to(wide).reciprocal_().index_select(0, row)
    matrix = torch.sparse_coo_tensor(
        place, weight, (len(bags), batch * size), check_invariants=False, is_coalesced=True
    )
    means = matrix @ tokens.flatten(0, 1).to(wide)
    means = means.view(batch, lengths.shape[1] + 1, width)[:, :-1]
    return torch.where((lengths > 0).unsqueeze(2), means, fill).to(tokens.dtype).contiguous()


@impl(
    "patch_pooling",
    supports=widenable,
    caveats={"nonfinite": RUNNING_NAN, "cancelling": RUNNING_SUM},
)
def cumsum_difference(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """Differences of a running sum along each sequence."""
    return running_means(tokens, lengths, fill)


@impl("patch_pooling", supports=paddable)
def nested(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """A jagged tensor of patches. Its own sum has no gradient, its padding does."""
    flat = lengths.flatten()
    size, width = tokens.shape[1:]
    used = torch.arange(size, device=flat.device) < lengths.sum(1, keepdim=True)
    longest = int(flat.max()) if len(flat) else 0
    offsets = torch.nn.functional.pad(flat.cumsum(0), (1, 0))
    patches = torch.nested.nested_tensor_from_jagged(
        tokens[used], offsets, min_seqlen=0, max_seqlen=longest
    )
    sums = patches.to_padded_tensor(0.0).sum(1, dtype=accumulator(tokens.dtype))
    return mean_of_sums(sums.view(*lengths.shape, width), lengths, fill).to(tokens.dtype)


@impl("patch_pooling", supports=equal_lengths)
def unfold(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """Windows as wide as their step."""
    length = int(lengths[0, 0]) if lengths.numel() else 0
    if length == 0:
        return _no_patches(tokens, lengths, fill)
    windows = tokens.unfold(1, length, length)[:, : lengths.shape[1]]
    return windows.mean(-1, dtype=accumulator(tokens.dtype)).to(tokens.dtype).contiguous()


@impl("patch_pooling", requires="einops", supports=equal_lengths)
def einops(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """The mean over one axis of a pattern."""
    from einops import reduce

    patches = lengths.shape[1]
    length = int(lengths[0, 0]) if lengths.numel() else 0
    if length == 0:
        return _no_patches(tokens, lengths, fill)
    wide = tokens[:, : patches * length].to(accumulator(tokens.dtype))
    means: Tensor = reduce(wide, "b (p n) d -> b p d", "mean", n=length)
    return means.to(tokens.dtype)


@impl(
    "patch_pooling",
    supports=cpu & floating,
    target="opbench.impls.kernels.pooling_cpp:patch_pooling",
)
def cpp(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """One pass over the rows, in C++."""
    raise NotImplementedError


@impl(
    "patch_pooling",
    requires="triton",
    supports=triton_device & floating,
    target="opbench.impls.kernels.pooling_triton:patch_pooling",
)
def triton(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """One program per patch and block of columns."""
    raise NotImplementedError


def _no_patches(tokens: Tensor, lengths: Tensor, fill: float) -> Tensor:
    """The fill everywhere; the empty slice keeps it tied to the tokens, with a zero gradient."""
    tie = tokens[:, :0].sum(1, keepdim=True)
    return tie.expand(-1, lengths.shape[1], -1).clone().fill_(fill)
