"""The reduction races: means, maxima, dot products, and what is made of sums of exponentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench import Cost, Op
from opbench.suites import long_sums, torch_functions
from opbench.suites import reduction_contracts as contracts
from opbench.suites import reduction_inputs as made
from opbench.suites import reduction_limits as limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

# --- the work that cannot be avoided ---------------------------------------------------------


def _cost_average(B: int, C: int, H: int, W: int, e: int, direction: str) -> Cost:
    size = B * C * H * W
    moved = e * (size + B * C)
    return Cost.of_pass(Cost(size, moved), Cost(B * C, moved), direction)


def _cost_max(B: int, C: int, H: int, W: int, e: int, direction: str) -> Cost:
    places = B * H * W
    moved = e * (places * C + places)
    return Cost.of_pass(Cost(places * C, moved), Cost(0, moved), direction)


def _cost_dot(B: int, I: int, J: int, e: int, direction: str) -> Cost:  # noqa: E741
    size = B * I * J
    backward = Cost(2 * size, e * (4 * size + B))
    return Cost.of_pass(Cost(2 * size, e * (2 * size + B)), backward, direction)


def _cost_logsumexp(B: int, N: int, e: int, direction: str) -> Cost:
    # An exponential counts as one operation. Backward, the row is read again.
    size = B * N
    backward = Cost(3 * size, e * (2 * size + 2 * B))
    return Cost.of_pass(Cost(3 * size, e * (size + B)), backward, direction)


def _cost_rows(B: int, N: int, e: int, direction: str) -> Cost:
    size = B * N
    return Cost.of_pass(Cost(4 * size, 2 * e * size), Cost(4 * size, 3 * e * size), direction)


def _cost_loss(B: int, C: int, e: int, direction: str) -> Cost:
    size = B * C
    backward = Cost(3 * size, e * (2 * size + 2 * B) + 8 * B)
    return Cost.of_pass(Cost(3 * size, e * (size + B) + 8 * B), backward, direction)


def _cost_accuracy(B: int, C: int, e: int) -> Cost:
    return Cost(B * C, e * B * C + 8 * B + 4)


# --- the races -------------------------------------------------------------------------------

_DTYPES = ("float32", "float64", "float16", "bfloat16")
_VISION = "exercises with einops on feature maps"
_ARRAYS = "exercises with arrays: reductions and losses in a batch"
_MAP_AXES = {"B": "examples", "C": "channels", "H": "height", "W": "width"}
_MAP_QUICK = {
    "tiny": {"B": 1, "C": 16, "H": 7, "W": 7},
    "resnet_head": {"B": 32, "C": 2048, "H": 7, "W": 7},
    "resnet_early": {"B": 8, "C": 256, "H": 56, "W": 56},
}
_MAP_FULL = {
    "cuda_head": {"B": 256, "C": 2048, "H": 7, "W": 7},
    "cuda_early": {"B": 64, "C": 256, "H": 56, "W": 56},
}
_MAP_EDGE = {
    "odd": {"B": 3, "C": 19, "H": 5, "W": 7},
    "one": {"B": 1, "C": 1, "H": 1, "W": 1},
    "no_example": {"B": 0, "C": 3, "H": 2, "W": 2},
}
_ROW_AXES = {"B": "rows", "N": "values of a row"}
_ROW_QUICK = {
    "tiny": {"B": 8, "N": 10},
    "llama2": {"B": 64, "N": 32000},
    "gpt2": {"B": 64, "N": 50257},
}
_ROW_FULL = {
    "attention": {"B": 8192, "N": 1024},
    "llama3": {"B": 512, "N": 128256},
    "cuda_gpt2": {"B": 4096, "N": 50257},
    "cuda_llama2": {"B": 16384, "N": 32000},
}
_ROW_EDGE = {
    "odd": {"B": 11, "N": 133},
    "one": {"B": 1, "N": 1},
    "no_row": {"B": 0, "N": 5},
    "no_value": {"B": 3, "N": 0},
    "long": {"B": 2, "N": 5003},
}
_ROW_KINDS = {
    "normal": made.matrices(made.same),
    "large": made.matrices(made.far),
    "masked": made.matrices(made.masked),
}


def _labelled(shapes: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """The shapes of rows as those of classes, which there are for every row."""
    return {
        name: {"B": axes["B"], "C": axes["N"]} for name, axes in shapes.items() if axes["N"] > 0
    }


def _of_rows(
    name: str,
    oracle: Callable[[Tensor], Tensor],
    magnitude: Callable[[Tensor], Tensor],
    functions: torch_functions.Functions,
) -> Op:
    return Op(
        name=name,
        oracle=oracle,
        axes=_ROW_AXES,
        inputs={**_ROW_KINDS, "nonfinite": made.matrices(made.with_nan)},
        quick=_ROW_QUICK,
        full=_ROW_FULL,
        edge=_ROW_EDGE,
        dtypes=_DTYPES,
        magnitude=magnitude,
        cost=_cost_rows,
        validate=limits.floating_matrix(name),
        grad=("matrix",),
        torch_functions=functions,
        source=_ARRAYS,
    )


global_average_pool = Op(
    name="global_average_pool",
    oracle=contracts.global_average_pool,
    axes=_MAP_AXES,
    inputs={
        "normal": made.maps(made.same),
        "large": made.maps(made.near_the_top),
        "nonfinite": made.maps(made.holes),
        **long_sums.AVERAGE,
    },
    long_sums=tuple(long_sums.AVERAGE),
    quick=_MAP_QUICK,
    full=_MAP_FULL,
    edge={**_MAP_EDGE, "no_channel": {"B": 2, "C": 0, "H": 3, "W": 3}},
    dtypes=_DTYPES,
    cost=_cost_average,
    validate=limits.validate_average,
    grad=("x",),
    source=_VISION,
)

channel_max = Op(
    name="channel_max",
    oracle=contracts.channel_max,
    axes=_MAP_AXES,
    inputs={
        "normal": made.maps(made.with_winner),
        "ties": made.maps(made.rounded),
        "nonfinite": made.maps(made.holes),
    },
    quick=_MAP_QUICK,
    full=_MAP_FULL,
    edge={**_MAP_EDGE, "no_place": {"B": 2, "C": 3, "H": 0, "W": 3}},
    dtypes=(*_DTYPES, "int64"),
    cost=_cost_max,
    validate=limits.validate_max,
    grad=("x",),
    ungraded=("ties", "nonfinite"),
    source=_VISION,
)

batched_dot_product_nd = Op(
    name="batched_dot_product_nd",
    oracle=contracts.batched_dot_product_nd,
    axes={"B": "examples", "I": "elements of one axis", "J": "and of the other"},
    inputs={
        "normal": made.pairs(made.same),
        "large": made.cancelling_pairs,
        "nonfinite": made.pairs(made.holes),
        "rank2": made.pairs(made.same, rank=2),
        "rank5": made.pairs(made.same, rank=5),
        **long_sums.DOT_PRODUCT,
    },
    long_sums=tuple(long_sums.DOT_PRODUCT),
    quick={
        "tiny": {"B": 8, "I": 4, "J": 16},
        "heads": {"B": 4096, "I": 12, "J": 64},
        "images": {"B": 32, "I": 224, "J": 672},
    },
    full={"cuda_heads": {"B": 65536, "I": 32, "J": 128}},
    edge={
        "odd": {"B": 5, "I": 7, "J": 62},
        "one": {"B": 1, "I": 1, "J": 1},
        "no_example": {"B": 0, "I": 2, "J": 3},
        "no_element": {"B": 3, "I": 0, "J": 3},
    },
    dtypes=(*_DTYPES, "int64"),
    cost=_cost_dot,
    validate=limits.validate_dot,
    grad=("a", "b"),
    source=_ARRAYS,
)

batched_logsumexp = Op(
    name="batched_logsumexp",
    oracle=contracts.batched_logsumexp,
    axes=_ROW_AXES,
    inputs={**_ROW_KINDS, "nonfinite": made.matrices(made.with_nan_and_inf)},
    quick=_ROW_QUICK,
    full=_ROW_FULL,
    edge=_ROW_EDGE,
    dtypes=_DTYPES,
    magnitude=made.size_of_logsumexp,
    cost=_cost_logsumexp,
    validate=limits.floating_matrix("batched_logsumexp"),
    grad=("matrix",),
    ungraded=("nonfinite",),
    torch_functions=torch_functions.LOGSUMEXP,
    source=_ARRAYS,
)

batched_softmax = _of_rows(
    "batched_softmax",
    contracts.batched_softmax,
    made.size_of_softmax,
    torch_functions.SOFTMAX,
)

batched_logsoftmax = _of_rows(
    "batched_logsoftmax",
    contracts.batched_logsoftmax,
    made.size_of_logsoftmax,
    torch_functions.LOG_SOFTMAX,
)

batched_cross_entropy_loss = Op(
    name="batched_cross_entropy_loss",
    oracle=contracts.batched_cross_entropy_loss,
    axes={"B": "examples", "C": "classes"},
    inputs={
        "normal": made.labelled(made.same),
        "large": made.labelled(made.far),
        "masked": made.labelled(made.masked),
        "impossible": made.labelled(made.masked, impossible=True),
        "nonfinite": made.labelled(made.with_nan),
    },
    quick=_labelled(_ROW_QUICK),
    full=_labelled(_ROW_FULL),
    edge=_labelled(_ROW_EDGE),
    dtypes=_DTYPES,
    magnitude=made.size_of_cross_entropy,
    cost=_cost_loss,
    validate=limits.validate_loss,
    grad=("logits",),
    ungraded=("impossible",),
    torch_functions=torch_functions.CROSS_ENTROPY,
    source=_ARRAYS,
)

classifier_accuracy = Op(
    name="classifier_accuracy",
    oracle=contracts.classifier_accuracy,
    axes={"B": "examples", "C": "classes"},
    inputs={
        "normal": made.scored(made.with_winner),
        "nonfinite": made.scored(made.with_one_nan),
    },
    quick={
        "tiny": {"B": 8, "C": 10},
        "imagenet": {"B": 256, "C": 1000},
        "gpt2": {"B": 64, "C": 50257},
    },
    full={"cuda_imagenet": {"B": 65536, "C": 1000}, "cuda_gpt2": {"B": 4096, "C": 50257}},
    edge={
        "odd": {"B": 11, "C": 133},
        "one": {"B": 1, "C": 1},
        "no_example": {"B": 0, "C": 5},
    },
    dtypes=(*_DTYPES, "int64"),
    output_dtype="float32",
    cost=_cost_accuracy,
    validate=limits.validate_accuracy,
    source=_ARRAYS,
)
