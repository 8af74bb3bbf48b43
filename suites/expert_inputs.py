"""Inputs of the mixture-of-experts ops: routings, even and uneven, and the routed rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from opbench.suites import spans

if TYPE_CHECKING:
    from torch import Generator, Tensor

    MakeIds = Callable[[int, int, Generator], Tensor]
    MakeInputs = Callable[..., Mapping[str, Any]]

# --- which expert each of a number of rows goes to --------------------------------------------


def equal_loads(number: int, experts: int, rng: Generator) -> Tensor:
    """Equally many rows for each expert, in random order."""
    return sorted_loads(number, experts, rng)[torch.rand(number, generator=rng).argsort()]


def sorted_loads(number: int, experts: int, rng: Generator) -> Tensor:
    """Equally many rows for each expert, where nothing has to be moved.

    Raises ValueError where that can't be.
    """
    if number % experts:
        raise ValueError(f"{number} rows can't be shared equally by {experts} experts")
    return torch.arange(experts).repeat_interleave(number // experts)


def any_loads(number: int, experts: int, rng: Generator) -> Tensor:
    """An expert at random for each row."""
    return torch.randint(experts, (number,), generator=rng)


def skewed_loads(number: int, experts: int, rng: Generator) -> Tensor:
    """Zipf's law: the n-th busiest expert gets 1/n of the rows of the busiest."""
    share = 1 / (torch.randperm(experts, generator=rng) + 1.0)
    if number == 0:
        return any_loads(number, experts, rng)
    return share.multinomial(number, replacement=True, generator=rng)


def one_expert(number: int, experts: int, rng: Generator) -> Tensor:
    """One expert gets every row."""
    return torch.randint(experts, (1,), generator=rng).repeat(number)


def half_of_experts(number: int, experts: int, rng: Generator) -> Tensor:
    """Every second expert gets nothing."""
    return any_loads(number, experts, rng) // 2 * 2


def typed(make: MakeIds, name: str) -> MakeIds:
    """The same ids in another integer type."""

    def ids(number: int, experts: int, rng: Generator) -> Tensor:
        return make(number, experts, rng).to(getattr(torch, name))

    return ids


# --- tokens on their way to the experts -------------------------------------------------------


def batching(make: MakeIds, *, nonfinite: bool = False) -> MakeInputs:
    """Tokens x[B, S, D] and the expert of each; some NaN or infinite where asked."""

    def inputs(B: int, S: int, D: int, E: int, rng: Generator) -> Mapping[str, Any]:
        ids = make(B * S, E, rng).view(B, S)
        x = torch.randn(B, S, D, generator=rng)
        if nonfinite:
            x = spans.with_nonfinite(x, torch.arange(B * S).view(B, S), rng)
        return {"x": x, "expert_ids": ids, "num_experts": E}

    return inputs


# --- what comes back from the experts ---------------------------------------------------------


def combining(*, normalised: bool = True, nonfinite: bool = False) -> MakeInputs:
    """The results y[T, K, D] of each token's experts, and the weights of their sum."""

    def inputs(T: int, K: int, D: int, rng: Generator) -> Mapping[str, Any]:
        y = torch.randn(T, K, D, generator=rng)
        if nonfinite:
            y = spans.with_nonfinite(y, torch.arange(T * K).view(T, K) // 2, rng)
        return {"y": y, "weights": _weights(T, K, normalised, rng)}

    return inputs


def combining_sorted(
    *, skewed: bool = False, dropped: bool = False, nonfinite: bool = False
) -> MakeInputs:
    """Rows y[T*K, D] in the order of experts, and the token and the weight of each."""

    def inputs(T: int, K: int, D: int, E: int, rng: Generator) -> Mapping[str, Any]:
        tokens = _tokens_by_expert(T, K, E, skewed, rng)
        if dropped:  # over capacity: other tokens' rows stand there
            tokens = torch.where(torch.rand(T * K, generator=rng) < 0.5, tokens // 3, tokens)
        y = torch.randn(T * K, D, generator=rng)
        if nonfinite:
            y = spans.with_nonfinite(y, tokens, rng)
        weights = _weights(T, K, True, rng).flatten()
        return {"y": y, "token_index": tokens, "weights": weights, "tokens": T}

    return inputs


def typed_index(name: str) -> MakeInputs:
    """As combining_sorted, with the index in another integer type."""

    def inputs(T: int, K: int, D: int, E: int, rng: Generator) -> Mapping[str, Any]:
        made = combining_sorted()(T, K, D, E, rng)
        return {**made, "token_index": made["token_index"].to(getattr(torch, name))}

    return inputs


def zero_weight_rows(*, nonfinite: bool) -> MakeInputs:
    """As combining_sorted; every fourth row or so has weight 0, and perhaps holds NaN or inf."""

    def inputs(T: int, K: int, D: int, E: int, rng: Generator) -> Mapping[str, Any]:
        made = combining_sorted()(T, K, D, E, rng)
        dropped = torch.rand(T * K, generator=rng) < 0.25
        y = made["y"]
        if nonfinite:
            y = spans.with_nonfinite(y, torch.where(dropped, 1 + 2 * torch.arange(T * K), 0), rng)
        return {**made, "y": y, "weights": made["weights"].masked_fill(dropped, 0)}

    return inputs


def _weights(tokens: int, choices: int, normalised: bool, rng: Generator) -> Tensor:
    weights = torch.randn(tokens, choices, generator=rng)
    return weights.softmax(1) if normalised else weights


def _tokens_by_expert(T: int, K: int, E: int, skewed: bool, rng: Generator) -> Tensor:
    """The token [T*K] of each row: K experts for each token, the rows in the order of experts."""
    scores = torch.rand(T, E, generator=rng)
    if skewed:  # choosing in proportion to 1/n: the largest of u ** n
        scores = scores ** (torch.randperm(E, generator=rng) + 1)
    experts = scores.argsort(1, descending=True)[:, :K].flatten()
    return experts.argsort(stable=True) // max(K, 1)


# --- experts, and the choice of them ----------------------------------------------------------


def forward(*, nan: bool = False) -> MakeInputs:
    """Tokens x[E, T, D] of each expert, and its matrix; NaN in every third token where asked."""

    def inputs(E: int, T: int, D: int, F: int, rng: Generator) -> Mapping[str, Any]:
        x = torch.randn(E, T, D, generator=rng)
        w = _matrices(E, D, F, rng)
        if nan:
            # No infinities: oneDNN makes NaN of one that ends a row of odd width in bfloat16.
            hit = torch.rand(x.shape, generator=rng) < 0.5
            hit &= (torch.arange(E * T) % 3 == 1).view(E, T, 1)
            # The last expert stays finite, for others to leak into.
            hit[-1:] = False
            x = x.masked_fill(hit, torch.nan)
        return {"x": x, "w": w}

    return inputs


def gating(make: Callable[[int, int, Generator], Tensor], **options: bool) -> MakeInputs:
    """Logits [T, E] as `make` draws them."""

    def inputs(T: int, E: int, K: int, rng: Generator) -> Mapping[str, Any]:
        return {"logits": make(T, E, rng), "k": K, **options}

    return inputs


def distinct_logits(rows: int, experts: int, rng: Generator) -> Tensor:
    """No two of a row are equal, in bfloat16 neither (up to 256 of them)."""
    # Whole numbers from -128 to 127, in random order, scaled by a power of two for each row.
    ranks = torch.rand(rows, experts, generator=rng).argsort(1)
    room = max(256 - experts, 0)
    shift = torch.randint(room + 1, (rows, 1), generator=rng) - 128
    return (ranks + shift) * 2.0 ** -torch.randint(1, 6, (rows, 1), generator=rng)


def large_logits(rows: int, experts: int, rng: Generator) -> Tensor:
    """In the thousands: their exponentials overflow unless the largest is taken off."""
    return distinct_logits(rows, experts, rng) * 128


def normal_logits(rows: int, experts: int, rng: Generator) -> Tensor:
    """Normally distributed: in half precision some are equal."""
    return torch.randn(rows, experts, generator=rng)


def tied_logits(rows: int, experts: int, rng: Generator) -> Tensor:
    """Three values only."""
    return torch.randint(-1, 2, (rows, experts), generator=rng).float()


def masked_logits(rows: int, experts: int, rng: Generator) -> Tensor:
    """Some experts of each token are ruled out, in some rows all but one."""
    logits = distinct_logits(rows, experts, rng)
    chance = torch.tensor([0.3, 0.9])[torch.arange(rows) % 2, None]
    out = torch.rand(rows, experts, generator=rng) < chance
    out.scatter_(1, torch.randint(experts, (rows, 1), generator=rng), False)
    return logits.masked_fill(out, -torch.inf)


# --- experts with any number of tokens, and the whole way ------------------------------------


def grouped(make: MakeIds, *, nan: bool = False) -> MakeInputs:
    """Rows x[N, D] in the order of experts, as many each as `make` draws, and the matrices."""

    def inputs(N: int, D: int, F: int, E: int, rng: Generator) -> Mapping[str, Any]:
        loads = torch.bincount(make(N, E, rng), minlength=E)
        offsets = torch.cat([loads.new_zeros(1), loads.cumsum(0)])
        x = torch.randn(N, D, generator=rng)
        return {"x": _with_nan(x) if nan else x, "offsets": offsets, "w": _matrices(E, D, F, rng)}

    return inputs


def routed(
    make: Callable[[int, int, Generator], Tensor],
    *,
    nan: bool = False,
    twins: bool = False,
    **options: bool,
) -> MakeInputs:
    """Tokens x[T, D], the logits [T, E] of their experts as `make` draws them, and the matrices.

    twins: two experts each have one matrix, and equal logits: which is chosen doesn't matter.
    """

    def inputs(T: int, E: int, K: int, D: int, F: int, rng: Generator) -> Mapping[str, Any]:
        x, logits = torch.randn(T, D, generator=rng), make(T, E, rng)
        w = _matrices(E, D, F, rng)
        if twins:
            first = torch.arange(E) // 2 * 2
            logits, w = logits[:, first], w[first]
        return {"x": _with_nan(x) if nan else x, "logits": logits, "w": w, "k": K, **options}

    return inputs


def whole_logits(rows: int, experts: int, rng: Generator) -> Tensor:
    """Whole numbers, no two of a row equal: no rounding makes another of them the largest."""
    ranks = torch.rand(rows, experts, generator=rng).argsort(1).float()
    return ranks - torch.randint(max(experts, 1), (rows, 1), generator=rng)


def idle_logits(rows: int, experts: int, rng: Generator) -> Tensor:
    """The last experts, half of them, are chosen where nobody else is left."""
    logits = whole_logits(rows, experts, rng)
    return logits - 2 * experts * (torch.arange(experts) >= (experts + 1) // 2)


def crowded_logits(rows: int, experts: int, rng: Generator) -> Tensor:
    """The same experts for every token."""
    return whole_logits(1, experts, rng).repeat(rows, 1)


def ruled_out_logits(rows: int, experts: int, rng: Generator) -> Tensor:
    """As masked_logits, of whole numbers."""
    masked = masked_logits(rows, experts, rng)
    return whole_logits(rows, experts, rng).masked_fill(masked == -torch.inf, -torch.inf)


def _matrices(experts: int, width: int, results: int, rng: Generator) -> Tensor:
    """The matrix of each expert, which leaves the size of a token about as it is."""
    scale: float = max(width, 1) ** -0.5
    return scale * torch.randn(experts, width, results, generator=rng)


def _with_nan(x: Tensor) -> Tensor:
    """NaN in the first element of every fifth row."""
    hit = (torch.arange(len(x)) % 5 == 2)[:, None] & (torch.arange(x.shape[1]) == 0)
    return x.masked_fill(hit, torch.nan)
