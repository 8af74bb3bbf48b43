"""The patch pooling races: means of consecutive spans of tokens, by lengths and by ids."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch

from opbench import Cost, Op
from opbench.suites import long_sums, spans
from opbench.suites.text import text_lengths

if TYPE_CHECKING:
    from torch import Generator, Tensor

    MakeLengths = Callable[[int, int, int, Generator], Tensor]
    Spoil = Callable[[Tensor, Tensor, Generator], Tensor]
    MakeInputs = Callable[[int, int, int, int, Generator], Mapping[str, Any]]

# --- the contracts ---------------------------------------------------------------------------


def _pool_lengths(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """The mean of consecutive spans: tokens[B, S, D], lengths[B, P] -> [B, P, D].

    An empty patch, anywhere, is `fill`, and later patches keep their place. Tokens past the sum
    of a row's lengths are ignored. What is not finite stays in its own patch.
    """
    means = [tokens[:0].flatten(0, 1)]
    empty = tokens.new_full((1, tokens.shape[2]), fill)
    for row, sizes in zip(tokens.unbind(), lengths.tolist(), strict=True):
        for span in row.split_with_sizes([*sizes, len(row) - sum(sizes)])[:-1]:
            means.append(span.mean(0, keepdim=True) if len(span) else empty)
    return torch.cat(means).view(*lengths.shape, tokens.shape[2])


def _pool_ids(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    """The mean of the tokens of each patch: tokens[B, S, D], ids[B, S] -> [B, num_patches, D].

    Ids may come in any order; a token whose id is outside 0..num_patches-1 is dropped. A patch
    without tokens is `fill`. What is not finite stays in its own patch.
    """
    means = [tokens[:0].flatten(0, 1)]
    empty = tokens.new_full((1, tokens.shape[2]), fill)
    for row, row_ids in zip(tokens.unbind(), ids.tolist(), strict=True):
        members: list[list[int]] = [[] for _ in range(num_patches)]
        outside: list[int] = []
        for token, patch in enumerate(row_ids):
            (members[patch] if 0 <= patch < num_patches else outside).append(token)
        order = torch.tensor([*outside, *chain(*members)], dtype=torch.int64)
        sizes = [len(outside), *(len(member) for member in members)]
        for span in row[order.to(row.device)].split_with_sizes(sizes)[1:]:
            means.append(span.mean(0, keepdim=True) if len(span) else empty)
    return torch.cat(means).view(len(tokens), num_patches, tokens.shape[2])


def _with_row(means: Tensor) -> Tensor:
    """Each magnitude, averaged with that of its whole row.

    Errors are judged in part against the vector that they are in: an element that happens to lie
    near zero would otherwise ask for more digits of a running sum than its dtype has.
    """
    return (means + means.mean(-1, keepdim=True)) / 2


def _magnitude_lengths(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    return _with_row(_pool_lengths(tokens, lengths, fill=abs(fill)))


def _magnitude_ids(tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0) -> Tensor:
    return _with_row(_pool_ids(tokens, ids, num_patches, fill=abs(fill)))


# --- what is outside the contracts -----------------------------------------------------------


def _validate_lengths(tokens: Tensor, lengths: Tensor) -> None:
    _validate_tensors("patch_pooling", tokens, lengths, "lengths")
    if lengths.numel() == 0:
        return
    if int(lengths.min()) < 0:
        row = int((lengths < 0).any(1).nonzero()[0])
        raise ValueError(
            f"patch_pooling: lengths: row {row} holds {int(lengths[row].min())}, only lengths "
            "of 0 and more are allowed"
        )
    sums, size = lengths.sum(1).tolist(), tokens.shape[1]
    for row, total in enumerate(sums):
        if total > size:
            raise ValueError(
                f"patch_pooling: lengths: row {row} sums to {total}, at most the {size} tokens "
                f"of a sequence are allowed (the rows sum to {sums})"
            )


def _validate_ids(tokens: Tensor, ids: Tensor, num_patches: int) -> None:
    _validate_tensors("patch_pooling_ids", tokens, ids, "ids")
    if ids.shape != tokens.shape[:2]:
        raise ValueError(
            f"patch_pooling_ids: ids: shape {list(ids.shape)}, only one id per token, "
            f"{list(tokens.shape[:2])}, is allowed"
        )
    if not isinstance(num_patches, int) or isinstance(num_patches, bool):
        raise TypeError(f"patch_pooling_ids: num_patches: {num_patches!r}, an int is allowed")
    if num_patches < 0:
        raise ValueError(f"patch_pooling_ids: num_patches: {num_patches}, 0 and more is allowed")


def _validate_tensors(op: str, tokens: Tensor, other: Tensor, name: str) -> None:
    for argument, tensor, rank in (("tokens", tokens, 3), (name, other, 2)):
        if tensor.ndim != rank:
            raise ValueError(
                f"{op}: {argument}: shape {list(tensor.shape)}, only {rank} axes are allowed"
            )
    if not tokens.is_floating_point():
        raise TypeError(f"{op}: tokens: {tokens.dtype}, only floating-point types are allowed")
    if other.is_floating_point() or other.is_complex() or other.dtype == torch.bool:
        raise TypeError(f"{op}: {name}: {other.dtype}, only integer types are allowed")
    if len(tokens) != len(other):
        raise ValueError(
            f"{op}: {name}: {len(other)} rows, only as many as tokens has, {len(tokens)}, "
            "are allowed"
        )


# --- the work that cannot be avoided ---------------------------------------------------------


def _pooling_cost(
    used: int, out: int, whole: int, index_bytes: int, e: int, direction: str
) -> Cost:
    """used, out, whole: elements of the pooled tokens, the means and all tokens."""
    forward = Cost(used, e * (used + out) + index_bytes)
    backward = Cost(out, e * (out + whole) + index_bytes)
    return Cost.of_pass(forward, backward, direction)


def _cost_lengths(B: int, S: int, D: int, P: int, lengths: Tensor, e: int, direction: str) -> Cost:
    index_bytes = lengths.numel() * lengths.element_size()
    return _pooling_cost(int(lengths.sum()) * D, B * P * D, B * S * D, index_bytes, e, direction)


def _cost_ids(B: int, S: int, D: int, P: int, ids: Tensor, e: int, direction: str) -> Cost:
    used = int(((ids >= 0) & (ids < P)).sum())
    index_bytes = ids.numel() * ids.element_size()
    return _pooling_cost(used * D, B * P * D, B * S * D, index_bytes, e, direction)


# --- inputs ----------------------------------------------------------------------------------


def _unspoilt(tokens: Tensor, ids: Tensor, rng: Generator) -> Tensor:
    return tokens


def _cancelling(tokens: Tensor, ids: Tensor, rng: Generator) -> Tensor:
    return spans.cancelling(tokens, ids)


#: Kind of input: what makes the lengths, and what is then done to the tokens.
_KINDS: Mapping[str, tuple[MakeLengths, Spoil]] = {
    "normal": (spans.cuts, _unspoilt),
    "text": (text_lengths, _unspoilt),
    "skewed": (spans.skewed, _unspoilt),
    "giant": (spans.giant, _unspoilt),
    "empty": (spans.half_empty, _unspoilt),
    "short": (spans.short, _unspoilt),
    "equal": (spans.equal, _unspoilt),
    "int32": (spans.int32, _unspoilt),
    "nonfinite": (spans.most, spans.with_nonfinite),
    "cancelling": (spans.cuts, _cancelling),
}


def _by_lengths(make: MakeLengths, spoil: Spoil) -> MakeInputs:
    def inputs(B: int, S: int, D: int, P: int, rng: Generator) -> Mapping[str, Any]:
        lengths = make(B, S, P, rng)
        tokens = torch.randn(B, S, D, generator=rng)
        return {"tokens": spoil(tokens, spans.ids_of(lengths, S), rng), "lengths": lengths}

    return inputs


def _by_ids(make: MakeLengths, spoil: Spoil) -> MakeInputs:
    def inputs(B: int, S: int, D: int, P: int, rng: Generator) -> Mapping[str, Any]:
        lengths = make(B, S, P, rng)
        ids = spans.ids_of(lengths, S).to(lengths.dtype)
        tokens = spoil(torch.randn(B, S, D, generator=rng), ids, rng)
        return {"tokens": tokens, "ids": ids, "num_patches": P}

    return inputs


def _filled(make: MakeInputs, fill: float) -> MakeInputs:
    """Another value for the patches without tokens."""

    def inputs(B: int, S: int, D: int, P: int, rng: Generator) -> Mapping[str, Any]:
        return {**make(B, S, D, P, rng), "fill": fill}

    return inputs


#: What patches without tokens hold, where it isn't the default.
_FILLS = {"filled": 0.25, "filled_nan": math.nan}


def _unsorted(B: int, S: int, D: int, P: int, rng: Generator) -> Mapping[str, Any]:
    ids = torch.randint(max(P, 1), (B, S), generator=rng)
    return {"tokens": torch.randn(B, S, D, generator=rng), "ids": ids, "num_patches": P}


def _outside(B: int, S: int, D: int, P: int, rng: Generator) -> Mapping[str, Any]:
    """Ids on both sides of those that are kept."""
    ids = torch.randint(-3, P + 3, (B, S), generator=rng)
    tokens = torch.randn(B, S, D, generator=rng)
    return {"tokens": tokens, "ids": ids, "num_patches": P}


# --- the races -------------------------------------------------------------------------------

_AXES = {"B": "sequences", "S": "tokens of a sequence", "D": "width", "P": "patches at most"}
_QUICK = {
    "tiny": {"B": 2, "S": 64, "D": 32, "P": 16},
    "blt": {"B": 2, "S": 1024, "D": 256, "P": 256},
    "wide": {"B": 8, "S": 1024, "D": 512, "P": 256},
    "per_token": {"B": 2, "S": 1024, "D": 256, "P": 1024},
}
_FULL = {
    "blt_tight": {"B": 2, "S": 1024, "D": 256, "P": 228},
    "long": {"B": 8, "S": 4096, "D": 512, "P": 910},
    "per_token_long": {"B": 2, "S": 4096, "D": 512, "P": 4096},
    "cuda_8k": {"B": 8, "S": 8192, "D": 1024, "P": 1820},
    "cuda_12k": {"B": 4, "S": 12288, "D": 1024, "P": 2730},
}
_EDGE = {
    "odd": {"B": 3, "S": 301, "D": 19, "P": 29},
    "one": {"B": 1, "S": 1, "D": 1, "P": 1},
    "no_sequence": {"B": 0, "S": 5, "D": 3, "P": 2},
    "no_token": {"B": 2, "S": 0, "D": 3, "P": 4},
    "no_patch": {"B": 2, "S": 5, "D": 3, "P": 0},
    "no_width": {"B": 2, "S": 5, "D": 0, "P": 3},
}
_DTYPES = ("float32", "float64", "float16", "bfloat16")

patch_pooling = Op(
    name="patch_pooling",
    oracle=_pool_lengths,
    axes=_AXES,
    inputs={
        **{kind: _by_lengths(*make) for kind, make in _KINDS.items()},
        **{kind: _filled(_by_lengths(*_KINDS["empty"]), fill) for kind, fill in _FILLS.items()},
        **long_sums.POOLED,
    },
    long_sums=tuple(long_sums.POOLED),
    quick=_QUICK,
    full=_FULL,
    edge=_EDGE,
    timed=("text",),
    dtypes=_DTYPES,
    magnitude=_magnitude_lengths,
    cost=_cost_lengths,
    validate=_validate_lengths,
    grad=("tokens",),
    source="the patch pooling exercise: token embeddings to patches of byte-level models",
)

patch_pooling_ids = Op(
    name="patch_pooling_ids",
    oracle=_pool_ids,
    axes=_AXES,
    inputs={
        **{kind: _by_ids(*make) for kind, make in _KINDS.items()},
        **{kind: _filled(_by_ids(*_KINDS["empty"]), fill) for kind, fill in _FILLS.items()},
        "unsorted": _unsorted,
        "outside": _outside,
        **long_sums.POOLED_IDS,
    },
    long_sums=tuple(long_sums.POOLED_IDS),
    quick=_QUICK,
    full=_FULL,
    edge=_EDGE,
    timed=("text",),
    dtypes=_DTYPES,
    magnitude=_magnitude_ids,
    cost=_cost_ids,
    validate=_validate_ids,
    grad=("tokens",),
    source="the patch pooling exercise, with the patch of each token known beforehand",
)
