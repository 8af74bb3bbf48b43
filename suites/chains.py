"""The race of the longest chain: tokens to their experts, through them, and back.

The other chains are declared in `windows`, with what they are made of: whatever has `parts` is
in the suite `chains`.
"""

from __future__ import annotations

from opbench import Cost, Op, Shape
from opbench.suites import expert_contracts as contracts
from opbench.suites import expert_inputs as given
from opbench.suites import long_sums


def _cost(T: int, E: int, K: int, D: int, F: int, e: int, direction: str) -> Cost:
    read, products = e * (T * D + T * E + min(E, T * K) * D * F), T * K * D * F
    forward = Cost(2 * products + T * E + 2 * T * K * F, read + e * T * F)
    backward = Cost(4 * products + 3 * T * K * F, 2 * read + e * T * F)
    return Cost.of_pass(forward, backward, direction)


def _gating(T: int, E: int, K: int) -> Shape:
    return {"T": T, "E": E, "K": K}


def _batching(T: int, E: int, K: int, D: int) -> Shape:
    return {"B": T, "S": K, "D": D, "E": E}


def _experts(T: int, E: int, K: int, D: int, F: int) -> Shape:
    return {"N": T * K, "D": D, "F": F, "E": E}


def _combining(T: int, E: int, K: int, F: int) -> Shape:
    return {"T": T, "K": K, "D": F, "E": E}


moe_forward = Op(
    name="moe_forward",
    oracle=contracts.moe,
    axes={
        "T": "tokens",
        "E": "experts",
        "K": "experts of a token",
        "D": "width",
        "F": "width of the result",
    },
    inputs={
        "normal": given.routed(given.whole_logits),
        "softmax_of_all": given.routed(given.whole_logits, renormalise=False),
        "idle_experts": given.routed(given.idle_logits),
        "crowded": given.routed(given.crowded_logits),
        "masked": given.routed(given.ruled_out_logits),
        "masked_of_all": given.routed(given.ruled_out_logits, renormalise=False),
        "ties": given.routed(given.whole_logits, twins=True),
        "nan": given.routed(given.whole_logits, nan=True),
        **long_sums.ROUTED,
    },
    long_sums=tuple(long_sums.ROUTED),
    quick={
        "tiny": {"T": 64, "E": 8, "K": 2, "D": 64, "F": 64},
        "base": {"T": 512, "E": 8, "K": 2, "D": 256, "F": 256},
        "decode": {"T": 4, "E": 8, "K": 2, "D": 512, "F": 512},
    },
    full={
        "large": {"T": 4096, "E": 8, "K": 2, "D": 1024, "F": 1024},
        "qwen": {"T": 4096, "E": 60, "K": 4, "D": 2048, "F": 1408},
    },
    edge={
        "odd": {"T": 37, "E": 7, "K": 3, "D": 19, "F": 13},
        "aligned": {"T": 37, "E": 7, "K": 3, "D": 16, "F": 24},
        "all_experts": {"T": 11, "E": 5, "K": 5, "D": 8, "F": 16},
        "one_expert": {"T": 9, "E": 1, "K": 1, "D": 8, "F": 8},
        "few_tokens": {"T": 2, "E": 30, "K": 2, "D": 8, "F": 8},
        "one": {"T": 1, "E": 1, "K": 1, "D": 1, "F": 1},
        "no_token": {"T": 0, "E": 4, "K": 2, "D": 8, "F": 8},
        "no_width": {"T": 5, "E": 3, "K": 2, "D": 0, "F": 4},
        "no_result": {"T": 5, "E": 3, "K": 2, "D": 4, "F": 0},
    },
    dtypes=("float32", "float64", "float16", "bfloat16"),
    cost=_cost,
    validate=contracts.validate_moe,
    grad=("x", "logits", "w"),
    ungraded=("ties",),  # either twin may be the one with a gradient
    parts={
        "topk_gating": _gating,
        "expert_batching_ragged": _batching,
        "grouped_matmul": _experts,
        "moe_combine_sorted": _combining,
    },
    source="sparsely gated mixtures of experts (Mixtral, Qwen-MoE)",
)
