"""The races of matrix products as layers make them: parts of the chains, beside what moves data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from opbench import Cost, Op
from opbench.suites import expert_contracts as contracts
from opbench.suites import expert_inputs as given
from opbench.suites import long_sums

if TYPE_CHECKING:
    from torch import Generator, Tensor

# --- the contracts ---------------------------------------------------------------------------


def _linear(x: Tensor, weight: Tensor) -> Tensor:
    """A linear layer without bias: x[N, C], weight[F, C] -> [N, F]: x times the transposed weight.

    Any size may be 0. Half-precision types are summed in float32. A NaN stays in its row.
    """
    return x @ weight.T


def _scores(q: Tensor, k: Tensor) -> Tensor:
    """The product of every query with every key of its window, not scaled.

    q[N, W, D], k[N, W, D] -> [N, W, W]: element [n, r, c] is the dot product of query r with key
    c. Any size may be 0. Half-precision types are summed in float32.
    """
    return q @ k.mT


def _validate_linear(x: Tensor, weight: Tensor) -> None:
    _validate_same("linear", ("x", x), ("weight", weight), ranks=2)
    if weight.shape[1] != x.shape[1]:
        raise ValueError(
            f"linear: weight: shape {list(weight.shape)}, only [F, {x.shape[1]}] is allowed"
        )


def _validate_scores(q: Tensor, k: Tensor) -> None:
    _validate_same("attention_scores", ("q", q), ("k", k), ranks=3)
    if k.shape != q.shape:
        raise ValueError(
            f"attention_scores: k: shape {list(k.shape)}, only that of q, {list(q.shape)}, "
            "is allowed"
        )


def _validate_same(op: str, *named: tuple[str, Tensor], ranks: int) -> None:
    """Floating-point tensors of one type and so many axes."""
    for name, tensor in named:
        if tensor.ndim != ranks:
            raise ValueError(f"{op}: {name}: {tensor.ndim} axes, only {ranks} are allowed")
        if not tensor.is_floating_point() or tensor.dtype != named[0][1].dtype:
            raise TypeError(
                f"{op}: {name}: {tensor.dtype}, only one floating-point type for all is allowed"
            )


# --- inputs ----------------------------------------------------------------------------------


def _for_linear(N: int, C: int, F: int, rng: Generator) -> Mapping[str, Any]:
    """Normally distributed rows, and weights as those of a trained layer."""
    scale = max(C, 1) ** -0.5
    return {
        "x": torch.randn(N, C, generator=rng),
        "weight": scale * torch.randn(F, C, generator=rng),
    }


def _with_nan(N: int, C: int, F: int, rng: Generator) -> Mapping[str, Any]:
    """The same, one element of fifty NaN."""
    made = _for_linear(N, C, F, rng)
    return {**made, "x": _spoilt(made["x"], rng)}


def _for_scores(N: int, W: int, D: int, rng: Generator) -> Mapping[str, Any]:
    """Normally distributed queries and keys."""
    return {name: torch.randn(N, W, D, generator=rng) for name in ("q", "k")}


def _scores_with_nan(N: int, W: int, D: int, rng: Generator) -> Mapping[str, Any]:
    """The same, one element of fifty NaN."""
    return {name: _spoilt(x, rng) for name, x in _for_scores(N, W, D, rng).items()}


def _spoilt(x: Tensor, rng: Generator) -> Tensor:
    """NaN in one element of fifty."""
    return x.masked_fill(torch.rand(x.shape, generator=rng) < 0.02, torch.nan)


# --- the work that cannot be avoided ---------------------------------------------------------


def _cost_linear(N: int, C: int, F: int, e: int, direction: str) -> Cost:
    return _product(N * C * F, e * (N * C + F * C), e * N * F, direction)


def _cost_scores(N: int, W: int, D: int, e: int, direction: str) -> Cost:
    return _product(N * W * W * D, e * 2 * N * W * D, e * N * W * W, direction)


def _cost_grouped(N: int, D: int, F: int, E: int, e: int, direction: str) -> Cost:
    return _product(N * D * F, e * (N * D + E * D * F) + 8 * (E + 1), e * N * F, direction)


def _product(additions: int, read: int, written: int, direction: str) -> Cost:
    """A product of two operands: backward there are two, and both gradients are written."""
    forward = Cost(2 * additions, read + written)
    return Cost.of_pass(forward, Cost(4 * additions, 2 * read + written), direction)


# --- the races -------------------------------------------------------------------------------

_DTYPES = ("float32", "float64", "float16", "bfloat16")

linear = Op(
    name="linear",
    oracle=_linear,
    axes={"N": "rows", "C": "width of a row", "F": "width of the result"},
    inputs={"normal": _for_linear, "nan": _with_nan, **long_sums.LINEAR},
    long_sums=tuple(long_sums.LINEAR),
    quick={
        "tiny": {"N": 32, "C": 64, "F": 32},
        "swin_56": {"N": 6272, "C": 384, "F": 192},
        "row_28": {"N": 1568, "C": 768, "F": 384},
    },
    full={"cuda_56": {"N": 200704, "C": 384, "F": 192}},
    edge={
        "odd": {"N": 37, "C": 19, "F": 13},
        "one": {"N": 1, "C": 1, "F": 1},
        "no_row": {"N": 0, "C": 3, "F": 4},
        "no_width": {"N": 3, "C": 0, "F": 4},
    },
    dtypes=_DTYPES,
    cost=_cost_linear,
    validate=_validate_linear,
    grad=("x", "weight"),
    source="layers of every network",
)

attention_scores = Op(
    name="attention_scores",
    oracle=_scores,
    axes={"N": "windows", "W": "tokens of a window", "D": "width"},
    inputs={"normal": _for_scores, "nan": _scores_with_nan, **long_sums.BATCH_SCORES},
    long_sums=tuple(long_sums.BATCH_SCORES),
    quick={
        "tiny": {"N": 7, "W": 16, "D": 16},
        "base": {"N": 30, "W": 128, "D": 256},
        "long": {"N": 63, "W": 128, "D": 64},
    },
    full={"cuda": {"N": 60, "W": 512, "D": 768}},
    edge={
        "odd": {"N": 3, "W": 7, "D": 5},
        "one": {"N": 1, "W": 1, "D": 1},
        "no_window": {"N": 0, "W": 3, "D": 4},
        "no_width": {"N": 2, "W": 3, "D": 0},
    },
    dtypes=_DTYPES,
    cost=_cost_scores,
    validate=_validate_scores,
    grad=("q", "k"),
    source="attention",
)

grouped_matmul = Op(
    name="grouped_matmul",
    oracle=contracts.grouped,
    axes={"N": "rows", "D": "width", "F": "width of the result", "E": "experts"},
    inputs={
        "normal": given.grouped(given.any_loads),
        "skewed": given.grouped(given.skewed_loads),
        "one_expert": given.grouped(given.one_expert),
        "empty_experts": given.grouped(given.half_of_experts),
        "nan": given.grouped(given.any_loads, nan=True),
        **long_sums.GROUPED,
    },
    long_sums=tuple(long_sums.GROUPED),
    quick={
        "tiny": {"N": 128, "D": 64, "F": 64, "E": 8},
        "base": {"N": 1024, "D": 256, "F": 256, "E": 8},
        "decode": {"N": 8, "D": 512, "F": 512, "E": 8},
    },
    full={"qwen": {"N": 16384, "D": 2048, "F": 1408, "E": 60}},
    edge={
        "odd": {"N": 37, "D": 19, "F": 13, "E": 3},
        "aligned": {"N": 37, "D": 16, "F": 24, "E": 3},
        "few_rows": {"N": 2, "D": 8, "F": 8, "E": 11},
        "one": {"N": 1, "D": 1, "F": 1, "E": 1},
        "no_row": {"N": 0, "D": 8, "F": 8, "E": 2},
        "no_width": {"N": 5, "D": 0, "F": 4, "E": 2},
        "no_result": {"N": 5, "D": 3, "F": 0, "E": 2},
    },
    dtypes=_DTYPES,
    cost=_cost_grouped,
    validate=contracts.validate_grouped,
    grad=("x", "w"),
    source="experts of sparsely gated mixtures (Mixtral, Qwen-MoE)",
)
