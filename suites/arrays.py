"""The array exercises: reshaping, weeks of temperatures, sampling, and picking by index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opbench import Cost, Op
from opbench.suites import array_contracts, array_inputs, array_limits, draws, long_sums
from opbench.suites import array_costs as costs
from opbench.suites import array_indexes as indexes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

FLOATS = ("float32", "float64", "float16", "bfloat16")
#: For what only moves data, or adds exactly.
MOVED = (*FLOATS, "int64")
SOURCE = "the array exercises of the ARENA course"

# --- constants -------------------------------------------------------------------------------


def _rearrangement(name: str, oracle: Callable[[], Tensor]) -> Op:
    """An op without arguments: six numbers in a shape."""
    return Op(
        name=name,
        oracle=oracle,
        axes={},
        inputs={"normal": array_inputs.nothing},
        quick={"only": {}},
        dtypes=("int64",),
        cost=lambda: Cost(0, 6 * 8),
        source=SOURCE,
    )


rearrange_1 = _rearrangement("rearrange_1", array_contracts.rearrange_1)
rearrange_2 = _rearrangement("rearrange_2", array_contracts.rearrange_2)
rearrange_3 = _rearrangement("rearrange_3", array_contracts.rearrange_3)

identity_matrix = Op(
    name="identity_matrix",
    oracle=array_contracts.identity_matrix,
    axes={"N": "rows, and columns"},
    inputs={"normal": lambda N: {"n": N}},
    quick={"tiny": {"N": 8}, "base": {"N": 2048}},
    full={"cuda": {"N": 16384}},
    edge={"odd": {"N": 37}, "one": {"N": 1}, "none": {"N": 0}},
    cost=lambda N: Cost(0, 4 * N * N),
    validate=array_limits.size("identity_matrix"),
    source=SOURCE,
)

# --- temperatures ----------------------------------------------------------------------------

_WEEKS: Mapping[str, Any] = {
    "axes": {"W": "weeks"},
    "inputs": array_inputs.TEMPERATURES,
    "quick": {"tiny": {"W": 3}, "century": {"W": 5218}, "stations": {"W": 262_144}},
    "full": {"cuda": {"W": 8_388_608}},
    "edge": {"odd": {"W": 37}, "one": {"W": 1}, "none": {"W": 0}},
    "dtypes": FLOATS,
    "grad": ("temps",),
    "source": SOURCE,
}

temperatures_average = Op(
    name="temperatures_average",
    oracle=array_contracts.temperatures_average,
    cost=costs.weekly(output=1, forward=7, backward=1),
    validate=array_limits.whole_weeks("temperatures_average"),
    **_WEEKS,
)

temperatures_differences = Op(
    name="temperatures_differences",
    oracle=array_contracts.temperatures_differences,
    magnitude=array_contracts.difference_magnitude,
    cost=costs.weekly(output=7, forward=14, backward=14),
    validate=array_limits.whole_weeks("temperatures_differences"),
    **_WEEKS,
)

temperatures_normalized = Op(
    name="temperatures_normalized",
    oracle=array_contracts.temperatures_normalized,
    magnitude=array_contracts.normalized_magnitude,
    cost=costs.weekly(output=7, forward=35, backward=42),
    validate=array_limits.whole_weeks("temperatures_normalized"),
    # Days that are repeated, or rounded to one number, make constant weeks.
    ungraded=("constant", "kelvin", "expanded"),
    **_WEEKS,
)

# --- sampling --------------------------------------------------------------------------------

_DRAWS: Mapping[str, Any] = {
    "axes": {"K": "events", "N": "draws"},
    "quick": {
        "tiny": {"K": 6, "N": 100},
        "die": {"K": 6, "N": 1_000_000},
        "vocabulary": {"K": 50257, "N": 1_000_000},
    },
    "full": {"die_10m": {"K": 6, "N": 10_000_000}, "cuda": {"K": 50257, "N": 100_000_000}},
    "edge": {
        "odd": {"K": 301, "N": 1001},
        "one": {"K": 1, "N": 1},
        "few_events": {"K": 5, "N": 33},
        "many_events": {"K": 3001, "N": 5},
        "no_draw": {"K": 5, "N": 0},
    },
    # Rounded to half precision, probabilities needn't sum to 1.
    "dtypes": ("float32", "float64"),
    "source": SOURCE,
}

sample_distribution = Op(
    name="sample_distribution",
    oracle=array_contracts.sample_distribution,
    inputs=array_inputs.SAMPLES,
    canonical=array_contracts.sample_faults,
    draws=draws.faults_of_draws,
    cost=lambda K, N, e: Cost(K, e * K + 8 * N),
    validate=array_limits.draws("sample_distribution"),
    **_DRAWS,
)

inverse_cdf = Op(
    name="inverse_cdf",
    oracle=array_contracts.inverse_cdf,
    inputs=array_inputs.QUANTILES,
    cost=lambda K, N, e: Cost(K, e * (K + N) + 8 * N),
    validate=array_limits.quantiles("inverse_cdf"),
    **_DRAWS,
)

# --- lookups ---------------------------------------------------------------------------------

_PURCHASES: Mapping[str, Any] = {
    "oracle": array_contracts.total_price,
    "axes": {"K": "kinds of item", "N": "items bought"},
    "inputs": {**indexes.PURCHASES, **long_sums.PRICES},
    "long_sums": tuple(long_sums.PRICES),
    "quick": {
        "tiny": {"K": 5, "N": 7},
        "shop": {"K": 1000, "N": 65536},
        "catalogue": {"K": 50257, "N": 1_000_000},
    },
    "full": {"cuda": {"K": 1_000_000, "N": 20_000_000}},
    "edge": {
        "odd": {"K": 37, "N": 101},
        "one": {"K": 1, "N": 1},
        "nothing_bought": {"K": 5, "N": 0},
        "no_price": {"K": 0, "N": 0},
    },
    "dtypes": MOVED,
    "cost": costs.price,
    "grad": ("prices",),
    "source": SOURCE,
}

total_price_indexing = Op(
    name="total_price_indexing",
    validate=array_limits.purchase("total_price_indexing"),
    **_PURCHASES,
)

total_price_gather = Op(
    name="total_price_gather",
    validate=array_limits.purchase("total_price_gather"),
    **_PURCHASES,
)

_MATRIX: Mapping[str, Any] = {
    "axes": {"M": "rows", "N": "columns", "K": "indexes"},
    "edge": {
        "odd": {"M": 13, "N": 29, "K": 17},
        "one": {"M": 1, "N": 1, "K": 1},
        "no_index": {"M": 3, "N": 5, "K": 0},
        "no_row": {"M": 0, "N": 5, "K": 0},
        "no_column": {"M": 3, "N": 0, "K": 0},
    },
    "dtypes": MOVED,
    "grad": ("matrix",),
    "long_sums": ("long_sum",),
    "boards": ("materialise",),
    "source": SOURCE,
}

gather_2d = Op(
    name="gather_2d",
    exact=True,
    oracle=array_contracts.gather_2d,
    inputs={**indexes.PICKS_PER_ROW, **long_sums.PICKS_PER_ROW},
    quick={
        "tiny": {"M": 3, "N": 5, "K": 2},
        "labels": {"M": 512, "N": 32000, "K": 1},
        "top": {"M": 4096, "N": 1024, "K": 64},
    },
    full={
        "cuda_labels": {"M": 8192, "N": 128_256, "K": 1},
        "cuda_top": {"M": 65536, "N": 4096, "K": 64},
    },
    cost=costs.gather,
    validate=array_limits.columns_of_rows("gather_2d"),
    **_MATRIX,
)

collect_rows = Op(
    name="collect_rows",
    exact=True,
    oracle=array_contracts.collect_rows,
    inputs={**indexes.ROWS, **long_sums.LINES},
    quick={
        "tiny": {"M": 5, "N": 3, "K": 4},
        "shuffle": {"M": 8192, "N": 256, "K": 8192},
        "vocabulary": {"M": 32000, "N": 512, "K": 4096},
    },
    full={
        "cuda_shuffle": {"M": 262_144, "N": 1024, "K": 262_144},
        "cuda_vocabulary": {"M": 128_256, "N": 4096, "K": 16384},
    },
    cost=costs.rows,
    validate=array_limits.lines("collect_rows", axis=0),
    **_MATRIX,
)

collect_columns = Op(
    name="collect_columns",
    exact=True,
    oracle=array_contracts.collect_columns,
    inputs={**indexes.COLUMNS, **long_sums.LINES},
    quick={
        "tiny": {"M": 5, "N": 3, "K": 4},
        "shuffle": {"M": 2048, "N": 1024, "K": 1024},
        "features": {"M": 65536, "N": 128, "K": 16},
    },
    full={
        "cuda_shuffle": {"M": 65536, "N": 4096, "K": 4096},
        "cuda_features": {"M": 4_194_304, "N": 128, "K": 16},
    },
    cost=costs.columns,
    validate=array_limits.lines("collect_columns", axis=1),
    **_MATRIX,
)

integer_array_indexing = Op(
    name="integer_array_indexing",
    exact=True,
    oracle=array_contracts.integer_array_indexing,
    axes={"R": "axes", "D": "size of the first axis, one more each next", "B": "coordinates"},
    inputs={**indexes.COORDS, **long_sums.COORDS},
    long_sums=tuple(long_sums.COORDS),
    quick={
        "tiny": {"R": 3, "D": 2, "B": 5},
        "pixels": {"R": 2, "D": 2048, "B": 262_144},
        "voxels": {"R": 4, "D": 32, "B": 65536},
    },
    full={
        "cuda_pixels": {"R": 2, "D": 16384, "B": 16_777_216},
        "cuda_voxels": {"R": 3, "D": 512, "B": 4_194_304},
    },
    edge={
        "odd": {"R": 3, "D": 5, "B": 301},
        "vector": {"R": 1, "D": 17, "B": 29},
        "one": {"R": 2, "D": 1, "B": 1},
        "no_coordinate": {"R": 2, "D": 3, "B": 0},
        "no_element": {"R": 2, "D": 0, "B": 0},
    },
    dtypes=MOVED,
    cost=costs.coords,
    validate=array_limits.places("integer_array_indexing"),
    grad=("matrix",),
    boards=("materialise",),
    source=SOURCE,
)
