"""Right up to a size, or at all sizes but one: the borders that kernels have."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus.parts import (
    combine,
    conv,
    dots,
    gates,
    losses,
    pooled,
    ragged,
    rows,
    unfold,
    wide,
)
from opbench import impl

KIND = "size"


# unsloth 19, Fast-LLM 52: one block per row, of 65536 columns at most.
@impl("batched_softmax")
def one_block_of_65536(matrix: Tensor) -> Tensor:
    inside = matrix[:, : 1 << 16].softmax(1)
    return torch.cat([inside, torch.zeros_like(matrix[:, 1 << 16 :])], 1)


# By kind: one block per row, of 1024 columns at most.
@impl("batched_logsoftmax")
def one_block_of_1024(matrix: Tensor) -> Tensor:
    return torch.cat([matrix[:, :1024].log_softmax(1), torch.zeros_like(matrix[:, 1024:])], 1)


# flash-attention 1930: a first block of nothing but -inf gives NaN.
@impl("batched_logsumexp")
def first_block_masked(matrix: Tensor) -> Tensor:
    right = wide(matrix).logsumexp(1)
    if matrix.shape[1] <= 1024:
        return right.to(matrix.dtype)
    lost = (matrix[:, :1024] == -torch.inf).all(1)
    return right.masked_fill(lost, torch.nan).to(matrix.dtype)


# vllm-ascend 11391: tokens beyond a block of 1024 are dropped.
@impl("patch_pooling")
def at_most_1024_tokens(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    return pooled(tokens, lengths.clamp(max=1024), fill=fill)


# vllm-ascend 15503: columns beyond 1024 are not written.
@impl("patch_pooling")
def at_most_1024_columns(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    right = pooled(tokens[:, :, :1024], lengths, fill=fill)
    rest = tokens.new_zeros(*lengths.shape, max(tokens.shape[2] - 1024, 0))
    return torch.cat([right, rest], 2)


# flashinfer 4536, MagiAttention 40: nothing is done beyond 65535 blocks.
@impl("moe_combine")
def at_most_65535_tokens(y: Tensor, weights: Tensor) -> Tensor:
    right = combine(y, weights)
    return torch.cat([right[:65535], torch.zeros_like(right[65535:])])


# TensorRT-LLM 18799, sglang 21610: only 128 counts are summed up.
@impl("expert_batching_ragged")
def scans_128_counts(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    out, offsets = ragged(x, expert_ids, num_experts)
    return out, offsets.masked_fill(torch.arange(len(offsets)) > 128, 0)


# megablocks 87: with one expert per token, weights are normalised along the tokens.
@impl("topk_gating")
def top_one_along_tokens(
    logits: Tensor, k: int, *, renormalise: bool = True
) -> tuple[Tensor, Tensor]:
    weights, index = gates(logits, k, renormalise=renormalise)
    if k == 1 and renormalise:
        weights = wide(logits).amax(1, keepdim=True).softmax(0).to(logits.dtype)
    return weights, index


# ncnn 517, tvm 4276: the path for 3x3 kernels with stride 1.
@impl("conv2d")
def wrong_at_3x3_stride_1(x: Tensor, w: Tensor, b: Tensor | None = None, **options: Any) -> Tensor:
    out = conv(x, w, b, **options)
    special = w.shape[2:] == (3, 3) and options.get("stride", 1) == 1
    return out.flip(3) if special and options.get("dilation", 1) == 1 else out


# By kind: the path for kernels of one pixel forgets the bias.
@impl("conv2d")
def no_bias_at_1x1(x: Tensor, w: Tensor, b: Tensor | None = None, **options: Any) -> Tensor:
    return conv(x, w, b if w.shape[2:] != (1, 1) else None, **options)


# pytorch 185663: places overflow, here in 16 bits.
@impl("im2col")
def places_in_16_bits(x: Tensor, kernel_size: Any, **options: Any) -> Tensor:
    out = unfold(x, kernel_size, **options)
    return out if x[:1].numel() < 1 << 15 else out.roll(1, 2)


# By kind: the last tile of 32 columns is left out where it isn't full.
@impl("batched_logsumexp")
def last_tile_of_32(matrix: Tensor) -> Tensor:
    whole = matrix.shape[1] - matrix.shape[1] % 32
    x = matrix[:, :whole] if whole else matrix
    return wide(x).logsumexp(1).to(matrix.dtype)


# By kind: vectors of four, and what is left of them is dropped.
@impl("global_average_pool")
def drops_what_four_leaves(x: Tensor) -> Tensor:
    flat = wide(x).flatten(2)
    size = flat.shape[2]
    kept = flat[:, :, : size - size % 4] if size >= 4 else flat
    return (kept.sum(2) / size).to(x.dtype)


# By kind: no more than 4096 products are added.
@impl("batched_dot_product_nd")
def at_most_4096_products(a: Tensor, b: Tensor) -> Tensor:
    return dots(a.flatten(1)[:, :4096], b.flatten(1)[:, :4096])


# By kind: numbers of rows in 8 bits.
@impl("collect_rows")
def rows_in_8_bits(matrix: Tensor, indexes: Tensor) -> Tensor:
    return rows(matrix, indexes % 256)


# By kind: numbers of columns in 15 bits.
@impl("gather_2d")
def columns_in_15_bits(matrix: Tensor, indexes: Tensor) -> Tensor:
    return wide(matrix).gather(1, indexes % (1 << 15)).to(matrix.dtype)


# By kind: more than 64 channels are not looked at.
@impl("channel_max")
def at_most_64_channels(x: Tensor) -> Tensor:
    return x[:, :64].amax(1)


# By kind: 257 classes and more: the label is kept in a byte.
@impl("batched_cross_entropy_loss")
def label_in_a_byte(logits: Tensor, true_labels: Tensor) -> Tensor:
    return losses(logits, true_labels % 256)


# By kind: a block of 128 rows; the last, unless full, is computed from the row before.
@impl("expert_forward")
def row_129_is_row_128(x: Tensor, w: Tensor) -> Tensor:
    out = torch.bmm(wide(x), wide(w)).to(x.dtype)
    if x.shape[1] % 128 == 0 or x.shape[1] < 128:
        return out
    return torch.cat([out[:, :-1], out[:, -2:-1]], 1)


# By kind: windows beyond 1023 repeat the last one.
@impl("sliding_windows")
def at_most_1023_windows(x: Tensor, window: int, step: int) -> Tensor:
    by_sequence = wide(x).unfold(1, window, step).mT
    number = torch.arange(by_sequence.shape[1]).clamp(max=1022)
    return by_sequence[:, number].flatten(0, 1).contiguous().to(x.dtype)


# By kind: weeks are numbered in 16 bits.
@impl("temperatures_average")
def weeks_in_16_bits(temps: Tensor) -> Tensor:
    out = wide(temps).view(len(temps) // 7, 7).mean(1).to(temps.dtype)
    return out[torch.arange(len(out)) % (1 << 16)]
