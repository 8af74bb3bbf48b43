"""The mixture-of-experts races: choosing experts, sending tokens there, taking results back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench import Cost, Op
from opbench.suites import expert_contracts as contracts
from opbench.suites import expert_inputs as given
from opbench.suites import long_sums

if TYPE_CHECKING:
    from torch import Tensor

# --- the work that cannot be avoided ---------------------------------------------------------


def _cost_batching(B: int, S: int, D: int, expert_ids: Tensor, e: int, direction: str) -> Cost:
    moved = Cost(0, 2 * e * B * S * D + expert_ids.nbytes)
    return Cost.of_pass(moved, moved, direction)


def _cost_ragged(
    B: int, S: int, D: int, E: int, expert_ids: Tensor, e: int, direction: str
) -> Cost:
    moved = 2 * e * B * S * D + expert_ids.nbytes
    return Cost.of_pass(Cost(0, moved + 8 * (E + 1)), Cost(0, moved), direction)


def _cost_combine(T: int, K: int, D: int, e: int, direction: str) -> Cost:
    rows = T * K
    return Cost.of_pass(
        Cost(2 * rows * D, e * (rows * D + rows + T * D)),
        Cost(3 * rows * D, e * (2 * rows * D + 2 * rows + T * D)),
        direction,
    )


def _cost_sorted(T: int, K: int, D: int, token_index: Tensor, e: int, direction: str) -> Cost:
    cost = _cost_combine(T, K, D, e, direction)
    passes = 2 if direction == "both" else 1
    return Cost(cost.flops, cost.bytes + passes * token_index.nbytes)


def _cost_forward(E: int, T: int, D: int, F: int, e: int, direction: str) -> Cost:
    flops, x, w, out = 2 * E * T * D * F, E * T * D, E * D * F, E * T * F
    return Cost.of_pass(
        Cost(flops, e * (x + w + out)), Cost(2 * flops, e * (out + 2 * x + 2 * w)), direction
    )


def _cost_gating(T: int, E: int, K: int, e: int, direction: str) -> Cost:
    return Cost.of_pass(
        Cost(T * E + 3 * T * K, e * T * (E + K) + 8 * T * K),
        Cost(4 * T * K, e * T * (2 * K + E) + 8 * T * K),
        direction,
    )


# --- the races -------------------------------------------------------------------------------

_SOURCE = "routing of sparsely gated mixtures of experts (Mixtral, Qwen-MoE)"
_FLOATS = ("float32", "float64", "float16", "bfloat16")
_BATCHING = {"B": "sequences", "S": "tokens of a sequence", "D": "width", "E": "experts"}
_COMBINE = {"T": "tokens", "K": "experts per token", "D": "width"}

expert_batching = Op(
    name="expert_batching",
    exact=True,
    oracle=contracts.batching,
    axes=_BATCHING,
    inputs={
        "normal": given.batching(given.equal_loads),
        "sorted": given.batching(given.sorted_loads),
        "int32": given.batching(given.typed(given.equal_loads, "int32")),
        "uint8": given.batching(given.typed(given.equal_loads, "uint8")),
        "nonfinite": given.batching(given.equal_loads, nonfinite=True),
    },
    quick={
        "tiny": {"B": 2, "S": 32, "D": 64, "E": 8},
        "base": {"B": 2, "S": 512, "D": 256, "E": 8},
        "large": {"B": 4, "S": 2048, "D": 1024, "E": 8},
    },
    full={
        "mixtral_64": {"B": 2, "S": 64, "D": 4096, "E": 8},
        "mixtral_8192": {"B": 2, "S": 8192, "D": 4096, "E": 8},
        "qwen": {"B": 4, "S": 4080, "D": 2048, "E": 60},
    },
    edge={
        "odd": {"B": 3, "S": 35, "D": 19, "E": 7},
        "one": {"B": 1, "S": 1, "D": 1, "E": 1},
        "no_sequence": {"B": 0, "S": 5, "D": 3, "E": 2},
        "no_token": {"B": 2, "S": 0, "D": 3, "E": 2},
        "no_width": {"B": 2, "S": 3, "D": 0, "E": 3},
    },
    dtypes=(*_FLOATS, "int64"),
    cost=_cost_batching,
    validate=contracts.validate_batching,
    grad=("x",),
    source=_SOURCE,
)

expert_batching_ragged = Op(
    name="expert_batching_ragged",
    exact=True,
    oracle=contracts.batching_ragged,
    axes=_BATCHING,
    inputs={
        "normal": given.batching(given.any_loads),
        "skewed": given.batching(given.skewed_loads),
        "one_expert": given.batching(given.one_expert),
        "empty_experts": given.batching(given.half_of_experts),
        "int32": given.batching(given.typed(given.any_loads, "int32")),
        "uint8": given.batching(given.typed(given.any_loads, "uint8")),
        "nonfinite": given.batching(given.any_loads, nonfinite=True),
    },
    timed=("normal", "skewed"),
    quick={
        "tiny": {"B": 2, "S": 32, "D": 64, "E": 8},
        "base": {"B": 2, "S": 512, "D": 256, "E": 8},
        "large": {"B": 4, "S": 2048, "D": 1024, "E": 8},
    },
    full={
        "mixtral_1": {"B": 1, "S": 2, "D": 4096, "E": 8},
        "mixtral_64": {"B": 2, "S": 64, "D": 4096, "E": 8},
        "mixtral_8192": {"B": 2, "S": 8192, "D": 4096, "E": 8},
        "qwen": {"B": 4, "S": 4096, "D": 2048, "E": 60},
    },
    edge={
        "odd": {"B": 3, "S": 37, "D": 19, "E": 7},
        "one": {"B": 1, "S": 1, "D": 1, "E": 1},
        "few_tokens": {"B": 1, "S": 2, "D": 3, "E": 60},
        "no_sequence": {"B": 0, "S": 5, "D": 3, "E": 2},
        "no_width": {"B": 2, "S": 3, "D": 0, "E": 3},
    },
    dtypes=(*_FLOATS, "int64"),
    cost=_cost_ragged,
    validate=contracts.validate_ragged,
    grad=("x",),
    source=_SOURCE,
)

moe_combine = Op(
    name="moe_combine",
    oracle=contracts.combine,
    axes=_COMBINE,
    inputs={
        "normal": given.combining(),
        "unnormalised": given.combining(normalised=False),
        "nonfinite": given.combining(nonfinite=True),
        **long_sums.COMBINE,
    },
    long_sums=tuple(long_sums.COMBINE),
    quick={
        "tiny": {"T": 64, "K": 2, "D": 64},
        "base": {"T": 512, "K": 2, "D": 256},
        "large": {"T": 4096, "K": 2, "D": 1024},
    },
    full={
        "mixtral_1": {"T": 1, "K": 2, "D": 4096},
        "mixtral_64": {"T": 64, "K": 2, "D": 4096},
        "mixtral_8192": {"T": 8192, "K": 2, "D": 4096},
        "qwen": {"T": 4096, "K": 4, "D": 2048},
    },
    edge={
        "odd": {"T": 37, "K": 3, "D": 19},
        "many_choices": {"T": 5, "K": 11, "D": 70},
        "one": {"T": 1, "K": 1, "D": 1},
        "no_token": {"T": 0, "K": 2, "D": 3},
        "no_choice": {"T": 3, "K": 0, "D": 2},
        "no_width": {"T": 3, "K": 2, "D": 0},
    },
    dtypes=_FLOATS,
    cost=_cost_combine,
    validate=contracts.validate_combine,
    grad=("y", "weights"),
    source=_SOURCE,
)

moe_combine_sorted = Op(
    name="moe_combine_sorted",
    oracle=contracts.combine_sorted,
    axes={**_COMBINE, "E": "experts that the rows are ordered by"},
    inputs={
        "normal": given.combining_sorted(),
        "skewed": given.combining_sorted(skewed=True),
        "uneven": given.combining_sorted(dropped=True),
        "int32": given.typed_index("int32"),
        "zero_weights": given.zero_weight_rows(nonfinite=False),
        "silenced": given.zero_weight_rows(nonfinite=True),
        "nonfinite": given.combining_sorted(nonfinite=True),
        **long_sums.COMBINE_SORTED,
    },
    long_sums=tuple(long_sums.COMBINE_SORTED),
    timed=("normal", "skewed"),
    quick={
        "tiny": {"T": 64, "K": 2, "D": 64, "E": 8},
        "base": {"T": 512, "K": 2, "D": 256, "E": 8},
        "large": {"T": 4096, "K": 2, "D": 1024, "E": 8},
    },
    full={
        "mixtral_1": {"T": 1, "K": 2, "D": 4096, "E": 8},
        "mixtral_64": {"T": 64, "K": 2, "D": 4096, "E": 8},
        "mixtral_8192": {"T": 8192, "K": 2, "D": 4096, "E": 8},
        "qwen": {"T": 4096, "K": 4, "D": 2048, "E": 60},
    },
    edge={
        "odd": {"T": 37, "K": 3, "D": 19, "E": 7},
        "many_choices": {"T": 5, "K": 11, "D": 70, "E": 12},
        "one": {"T": 1, "K": 1, "D": 1, "E": 1},
        "no_token": {"T": 0, "K": 2, "D": 3, "E": 4},
        "no_choice": {"T": 3, "K": 0, "D": 2, "E": 4},
        "no_width": {"T": 3, "K": 2, "D": 0, "E": 4},
    },
    dtypes=_FLOATS,
    cost=_cost_sorted,
    validate=contracts.validate_sorted,
    grad=("y", "weights"),
    source=_SOURCE,
)

expert_forward = Op(
    name="expert_forward",
    oracle=contracts.forward,
    axes={"E": "experts", "T": "tokens of an expert", "D": "width", "F": "width of the result"},
    inputs={"normal": given.forward(), "nan": given.forward(nan=True), **long_sums.FORWARD},
    long_sums=tuple(long_sums.FORWARD),
    quick={
        "tiny": {"E": 8, "T": 16, "D": 64, "F": 128},
        "base": {"E": 8, "T": 128, "D": 256, "F": 512},
        "decode": {"E": 8, "T": 2, "D": 512, "F": 1024},
    },
    full={
        "mixtral_1": {"E": 8, "T": 1, "D": 4096, "F": 14336},
        "mixtral_64": {"E": 8, "T": 16, "D": 4096, "F": 14336},
        "mixtral_8192": {"E": 8, "T": 2048, "D": 4096, "F": 14336},
        "qwen": {"E": 60, "T": 272, "D": 2048, "F": 1408},
    },
    edge={
        "odd": {"E": 3, "T": 11, "D": 19, "F": 13},
        "aligned": {"E": 3, "T": 11, "D": 16, "F": 24},
        "one": {"E": 1, "T": 1, "D": 1, "F": 1},
        "no_expert": {"E": 0, "T": 2, "D": 3, "F": 4},
        "no_token": {"E": 2, "T": 0, "D": 8, "F": 8},
        "no_width": {"E": 2, "T": 3, "D": 0, "F": 4},
        "no_result": {"E": 2, "T": 3, "D": 4, "F": 0},
    },
    dtypes=_FLOATS,
    cost=_cost_forward,
    validate=contracts.validate_forward,
    grad=("x", "w"),
    source=_SOURCE,
)

topk_gating = Op(
    name="topk_gating",
    oracle=contracts.gating,
    axes={"T": "tokens", "E": "experts", "K": "experts that are chosen"},
    inputs={
        "normal": given.gating(given.distinct_logits),
        "softmax_of_all": given.gating(given.distinct_logits, renormalise=False),
        "large": given.gating(given.large_logits),
        "large_of_all": given.gating(given.large_logits, renormalise=False),
        "masked": given.gating(given.masked_logits),
        "masked_of_all": given.gating(given.masked_logits, renormalise=False),
        "gaussian": given.gating(given.normal_logits),
        "ties": given.gating(given.tied_logits),
    },
    quick={
        "tiny": {"T": 64, "E": 8, "K": 2},
        "base": {"T": 512, "E": 8, "K": 2},
        "large": {"T": 4096, "E": 60, "K": 4},
    },
    full={
        "mixtral_1": {"T": 1, "E": 8, "K": 2},
        "mixtral_8192": {"T": 8192, "E": 8, "K": 2},
        "qwen": {"T": 8192, "E": 60, "K": 4},
        "deepseek": {"T": 8192, "E": 256, "K": 8},
    },
    edge={
        "odd": {"T": 37, "E": 19, "K": 3},
        "one": {"T": 1, "E": 1, "K": 1},
        "all_experts": {"T": 5, "E": 7, "K": 7},
        "many_chosen": {"T": 3, "E": 130, "K": 37},
        "no_token": {"T": 0, "E": 4, "K": 2},
    },
    timed=("normal", "softmax_of_all"),
    dtypes=_FLOATS,
    tolerance={"float64": 1e-13, "float32": 2e-6, "float16": 1e-3, "bfloat16": 8e-3},
    magnitude=contracts.gating_magnitude,
    cost=_cost_gating,
    validate=contracts.validate_gating,
    grad=("logits",),
    canonical=contracts.chosen,
    ungraded=("gaussian", "ties"),  # any of equal logits may be the one with a gradient
    source=_SOURCE,
)
