"""Contracts of the mixture-of-experts ops: oracles, validation, and how answers are compared."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

# --- the contracts ---------------------------------------------------------------------------


def batching(x: Tensor, expert_ids: Tensor, num_experts: int) -> Tensor:
    """The tokens of each expert, side by side.

    x[B, S, D], expert_ids[B, S] in 0..E-1, E = num_experts -> [E, B*S/E, D]. An expert's tokens
    keep the order of the flattened x. Loads that differ are a ValueError. What isn't finite stays
    in its row.
    """
    rows, _ = batching_ragged(x, expert_ids, num_experts)
    return rows.view(num_experts, len(rows) // num_experts, x.shape[2])


def batching_ragged(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """The tokens of each expert one after the other, whatever their number.

    x[B, S, D], expert_ids[B, S] in 0..E-1, E = num_experts -> (rows[B*S, D], offsets[E+1] int64).
    Rows offsets[e] to offsets[e+1]-1 are those of expert e, in the order of the flattened x; an
    expert may have none. What isn't finite stays in its row.
    """
    rows: list[list[int]] = [[] for _ in range(num_experts)]
    for row, expert in enumerate(expert_ids.flatten().tolist()):
        rows[expert].append(row)
    order = torch.tensor(list(chain(*rows)), dtype=torch.int64, device=x.device)
    loads = torch.tensor([0, *map(len, rows)], device=x.device)
    return x.flatten(0, 1)[order], loads.cumsum(0)


def combine(y: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum of the results of each token's experts.

    y[T, K, D], weights[T, K] -> [T, D]. K may be 0; the sum is 0 then. Half-precision types are
    summed in float32. What isn't finite stays with its token.
    """
    total = y[:, :0].sum(1)
    for row, weight in zip(y.unbind(1), weights.unbind(1), strict=True):
        total = total + row * weight[:, None]
    return total


def combine_sorted(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> Tensor:
    """The same sums, of rows in the order of experts.

    y[T*K, D], token_index[T*K] in 0..T-1, weights[T*K], T = tokens -> [T, D]: row n belongs to
    token token_index[n]. Tokens may have any number of rows; without one they are 0. A row of
    weight 0 is left out as if it weren't there: whatever it holds, NaN too, it adds nothing, and
    its gradients are 0. Half-precision types are summed in float32.
    """
    kept = weights.nonzero()[:, 0]
    kept = kept[token_index[kept].argsort(stable=True)]
    counts = torch.bincount(token_index[kept], minlength=tokens).tolist()
    parts = (y[kept] * weights[kept, None]).split_with_sizes(counts)
    return torch.cat([y[:0], *(part.sum(0, keepdim=True) for part in parts)])


def forward(x: Tensor, w: Tensor) -> Tensor:
    """Each expert's matrix applied to its tokens.

    x[E, T, D], w[E, D, F] -> [E, T, F]. Any size may be 0. Half-precision types are summed in
    float32. A NaN stays in its row, and in the gradients of its expert.
    """
    nothing = x.new_zeros(0, x.shape[1], w.shape[2])
    return torch.cat([nothing, *((xe @ we)[None] for xe, we in zip(x, w, strict=True))])


def grouped(x: Tensor, offsets: Tensor, w: Tensor) -> Tensor:
    """Each expert's matrix applied to its rows, whatever their number.

    x[N, D], offsets[E+1] int64 from 0 to N, w[E, D, F] -> [N, F]: rows offsets[e] to
    offsets[e+1]-1 times w[e]; an expert may have none. Any size may be 0, but there is an expert.
    Half-precision types are summed in float32. A NaN stays in its row, and in the gradients of its
    expert.
    """
    parts = x.split_with_sizes(offsets.diff().tolist())
    return torch.cat([rows @ matrix for rows, matrix in zip(parts, w, strict=True)])


def moe(x: Tensor, logits: Tensor, w: Tensor, k: int, *, renormalise: bool = True) -> Tensor:
    """Tokens through the k experts of the largest logits each, and the weighted sums of results.

    x[T, D], logits[T, E], w[E, D, F], 1 <= k <= E -> [T, F]: token t times w[e], weighed as
    topk_gating does in that `renormalise`. An expert may have no token. Logits are as there; they
    are no product of x, so that no rounding changes who is chosen. Where logits are equal, any of
    them may be chosen. Half-precision types are summed in float32. A NaN of x stays with its
    token, and in the gradients of its experts.
    """
    weights, experts = gating(logits, k, renormalise=renormalise)
    total = x.new_zeros(len(x), w.shape[2])
    for number, matrix in enumerate(w):
        tokens, places = (experts == number).nonzero(as_tuple=True)
        rows = (x[tokens] @ matrix) * weights[tokens, places, None]
        total = total.index_add(0, tokens, rows)
    return total


def gating(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest logits of each token, as weights, in descending order.

    logits[T, E], 1 <= k <= E -> (weights[T, k], indices[T, k] int64). The weights are the softmax
    of the k chosen logits; with renormalise=False, the softmax of all E at the chosen. Logits may
    be -inf, which weighs 0, but not all of a row, and neither NaN nor +inf. Where logits are
    equal, any of them may be chosen, in any order; the indices of a row differ.
    """
    values, order = logits.sort(dim=1, descending=True, stable=True)
    pool = values[:, :k] if renormalise else values
    return pool.softmax(1)[:, :k], order[:, :k]


# --- what is outside the contracts -----------------------------------------------------------


def validate_batching(x: Tensor, expert_ids: Tensor, num_experts: int) -> None:
    op = "expert_batching"
    _validate_tokens(op, x, expert_ids, num_experts)
    loads = torch.bincount(expert_ids.flatten(), minlength=num_experts).tolist()
    if len(set(loads)) > 1:
        raise ValueError(
            f"{op}: expert_ids: the experts' loads are {loads}, only equal loads are allowed "
            "(expert_batching_ragged takes any)"
        )


def validate_ragged(x: Tensor, expert_ids: Tensor, num_experts: int) -> None:
    _validate_tokens("expert_batching_ragged", x, expert_ids, num_experts)


def _validate_tokens(op: str, x: Tensor, expert_ids: Tensor, num_experts: int) -> None:
    _validate_rank(op, "x", x, "B, S, D")
    _validate_shape(op, "expert_ids", expert_ids, x.shape[:2])
    if num_experts < 1:
        raise ValueError(f"{op}: num_experts: {num_experts}, 1 and more is allowed")
    _validate_index(op, "expert_ids", expert_ids, num_experts)


def validate_combine(y: Tensor, weights: Tensor) -> None:
    op = "moe_combine"
    _validate_rank(op, "y", y, "T, K, D")
    _validate_shape(op, "weights", weights, y.shape[:2])
    _validate_types(op, y=y, weights=weights)


def validate_sorted(y: Tensor, token_index: Tensor, weights: Tensor, tokens: int) -> None:
    op = "moe_combine_sorted"
    _validate_rank(op, "y", y, "T*K, D")
    _validate_shape(op, "token_index", token_index, y.shape[:1])
    _validate_shape(op, "weights", weights, y.shape[:1])
    if tokens < 0:
        raise ValueError(f"{op}: tokens: {tokens}, 0 and more is allowed")
    _validate_index(op, "token_index", token_index, tokens)
    _validate_types(op, y=y, weights=weights)


def validate_forward(x: Tensor, w: Tensor) -> None:
    op = "expert_forward"
    _validate_rank(op, "x", x, "E, T, D")
    _validate_rank(op, "w", w, "E, D, F")
    if w.shape[:2] != (x.shape[0], x.shape[2]):
        raise ValueError(
            f"{op}: w: shape {list(w.shape)}, only [{x.shape[0]}, {x.shape[2]}, F] is allowed"
        )
    _validate_types(op, x=x, w=w)


def validate_grouped(x: Tensor, offsets: Tensor, w: Tensor) -> None:
    op = "grouped_matmul"
    _validate_rank(op, "x", x, "N, D")
    _validate_rank(op, "w", w, "E, D, F")
    if not len(w) or w.shape[1] != x.shape[1]:
        raise ValueError(
            f"{op}: w: shape {list(w.shape)}, only [E, {x.shape[1]}, F] with an expert is allowed"
        )
    _validate_shape(op, "offsets", offsets, torch.Size([len(w) + 1]))
    _validate_index(op, "offsets", offsets, len(x) + 1)
    ends = (int(offsets[0]), int(offsets[-1]))
    if ends != (0, len(x)) or bool((offsets.diff() < 0).any()):
        raise ValueError(
            f"{op}: offsets: {offsets.tolist()}, only ascending from 0 to {len(x)} is allowed"
        )
    _validate_types(op, x=x, w=w)


def validate_moe(x: Tensor, logits: Tensor, w: Tensor, k: int) -> None:
    op = "moe_forward"
    _validate_rank(op, "x", x, "T, D")
    _validate_rank(op, "w", w, "E, D, F")
    _validate_shape(op, "logits", logits, torch.Size([len(x), len(w)]))
    if w.shape[1] != x.shape[1]:
        raise ValueError(f"{op}: w: shape {list(w.shape)}, only [E, {x.shape[1]}, F] is allowed")
    _validate_types(op, x=x, logits=logits, w=w)
    _validate_logits(op, logits, k)


def validate_gating(logits: Tensor, k: int) -> None:
    op = "topk_gating"
    _validate_rank(op, "logits", logits, "T, E")
    _validate_types(op, logits=logits)
    _validate_logits(op, logits, k)


def _validate_logits(op: str, logits: Tensor, k: int) -> None:
    """Each row has a softmax, and k to choose from."""
    if not 1 <= k <= logits.shape[1]:
        raise ValueError(f"{op}: k: {k}, 1 to {logits.shape[1]} (the experts) is allowed")
    if not bool((logits < torch.inf).all()):
        raise ValueError(
            f"{op}: logits: NaN or +inf found, only finite values and -inf are allowed"
        )
    lost = (logits == -torch.inf).all(1).nonzero()
    if len(lost):
        raise ValueError(
            f"{op}: logits: all of row {lost[0].item()} are -inf, at least one finite logit "
            "per row is needed"
        )


def _validate_rank(op: str, name: str, tensor: Tensor, axes: str) -> None:
    if tensor.ndim != axes.count(",") + 1:
        raise ValueError(f"{op}: {name}: shape {list(tensor.shape)}, only [{axes}] is allowed")


def _validate_shape(op: str, name: str, tensor: Tensor, expected: torch.Size) -> None:
    if tensor.shape != expected:
        raise ValueError(
            f"{op}: {name}: shape {list(tensor.shape)}, only {list(expected)} is allowed"
        )


def _validate_index(op: str, name: str, index: Tensor, number: int) -> None:
    if index.is_floating_point() or index.is_complex() or index.dtype == torch.bool:
        raise TypeError(f"{op}: {name}: {index.dtype}, only integers are allowed")
    wrong = index[(index < 0) | (index >= number)]
    if len(wrong):
        raise ValueError(
            f"{op}: {name}: {wrong[0].item()} among {len(wrong)} such values, only 0 to "
            f"{number - 1} is allowed"
        )


def _validate_types(op: str, **tensors: Tensor) -> None:
    """One floating-point type for all."""
    first = next(iter(tensors.values()))
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise TypeError(f"{op}: {name}: {tensor.dtype}, only floating-point types are allowed")
        if tensor.dtype != first.dtype:
            raise TypeError(f"{op}: {name}: {tensor.dtype}, only {first.dtype} is allowed")


# --- what is compared ------------------------------------------------------------------------


def chosen(output: tuple[Tensor, Tensor], logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The weights, the logits at the indices, and in which rows these are different experts."""
    weights, indices = output
    inside = ((indices >= 0) & (indices < logits.shape[1])).all(1)
    differ = (indices.sort(1).values.diff(dim=1) > 0).all(1)
    picked = logits.gather(1, indices.clamp(0, logits.shape[1] - 1))
    return weights, picked, (inside & differ).long()


def gating_magnitude(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """1 for every weight, and, for its gradients, for every logit of the row."""
    # Which logits are the largest is lost in absolute values: all of them count.
    one = 1 + (logits - logits.detach()).sum(1, keepdim=True)
    return one.expand(-1, k), torch.zeros(len(logits), k, dtype=torch.int64, device=logits.device)
