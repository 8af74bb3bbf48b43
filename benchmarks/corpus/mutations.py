"""Mutations by rule of right contenders, each a fault that a change of a line makes."""

from __future__ import annotations

from benchmarks.corpus import rules
from benchmarks.corpus.parts import Fn, columns_of, unfold, windows
from benchmarks.corpus.rules import on_argument, on_result, swapped
from opbench import impl
from opbench.impls import (
    boundary_upsample,
    columns,
    dot_products,
    expert_forward,
    flattening,
    heads,
    lookups,
    max_pool2d,
    moe_combine,
    pixels,
    pooled_channels,
    sliding_windows,
    softmax,
    temperatures,
    tiling,
    transposes,
)

KIND = "mutation"


def mutant(op: str, name: str, function: Fn, rule: Fn) -> Fn:
    """The contender that a rule makes of a right one."""
    # The name of the op is part of it, so that no right contender has the same.
    return impl(op, name=f"mutant_{name}")(rule(function))


CONTENDERS = (
    # An off-by-one at a border.
    mutant("boundary_upsample", "border", boundary_upsample.gather, on_result(rules.last_repeated)),
    mutant("collect_columns", "border", columns_of, on_result(rules.last_repeated)),
    mutant("im2col", "border", unfold, on_result(rules.last_column_lost)),
    mutant("split_heads", "border", heads.split_by_clone, on_result(rules.last_column_lost)),
    mutant(
        "global_average_pool",
        "twice",
        pooled_channels.mean,
        on_argument(0, rules.last_added_twice),
    ),
    mutant("moe_combine", "border", moe_combine.loop, on_argument(0, rules.last_column_lost)),
    mutant("temperatures_average", "border", temperatures.mean, on_result(rules.last_column_lost)),
    # Beyond a size alone.
    mutant(
        "flatten_leading",
        "beyond_1024",
        flattening.flatten_by_clone,
        on_result(rules.beyond(1024, rules.last_column_lost)),
    ),
    mutant(
        "batched_dot_product_nd",
        "beyond_65536",
        dot_products.mul_sum,
        on_argument(0, rules.beyond(65536, rules.last_column_lost)),
    ),
    mutant(
        "pixel_shuffle",
        "beyond_2048",
        pixels.shuffle_by_torch,
        on_result(rules.beyond(2048, rules.last_column_lost)),
    ),
    # One element of a thousand.
    mutant("batched_softmax", "rare", softmax.torch_softmax, on_result(rules.one_in_thousand)),
    mutant("max_pool2d", "rare", max_pool2d.library, on_result(rules.one_in_thousand)),
    # A dropped .float(), a truncated type.
    mutant(
        "global_average_pool", "bfloat16", pooled_channels.mean, on_argument(0, rules.in_bfloat16)
    ),
    mutant("expert_forward", "float32", expert_forward.bmm, on_argument(0, rules.in_float32)),
    mutant("temperatures_average", "float32", temperatures.mean, on_argument(0, rules.in_float32)),
    mutant("batched_softmax", "bfloat16", softmax.torch_softmax, on_result(rules.in_bfloat16)),
    mutant("sliding_windows", "bfloat16", windows, on_result(rules.in_bfloat16)),
    mutant("moe_combine", "wider", moe_combine.einsum, on_result(rules.wider)),
    # A swapped argument.
    mutant("stack_new_axis", "reversed", tiling.stack_by_stack, on_argument(0, lambda x: x[::-1])),
    mutant("window_attention_scores", "swapped", sliding_windows.unfold_einsum, swapped(0, 1)),
    mutant(
        "batched_dot_product_nd",
        "squared",
        lambda a, b: dot_products.mul_sum(a, a),
        swapped(0, 1),
    ),
    # A wrong stride.
    mutant(
        "swap_height_width",
        "square",
        transposes.swap_by_copy,
        on_argument(0, rules.as_it_lies),
    ),
    mutant(
        "batch_transpose",
        "square",
        transposes.batch_by_copy,
        on_argument(0, rules.as_it_lies),
    ),
    # A mask too many: NaN is hidden.
    mutant("gather_2d", "without_nan", lookups.gather, on_argument(0, rules.without_nan)),
    mutant("channel_max", "without_nan", pooled_channels.amax, on_argument(0, rules.without_nan)),
    mutant("col2im", "without_nan", columns.fold, on_argument(0, rules.without_nan)),
    # Indexes from one.
    mutant("collect_rows", "from_one", lookups.rows_by_index, on_argument(1, rules.shifted_by_one)),
    # A write in place.
    mutant("pixel_unshuffle", "in_place", pixels.unshuffle_by_torch, rules.in_place(0)),
    mutant("expert_forward", "in_place", expert_forward.einsum, rules.in_place(1)),
    # A stale cache.
    mutant("temperatures_differences", "stale", temperatures.subtract_broadcast, rules.stale),
    mutant("collect_columns", "stale", columns_of, rules.stale),
    mutant("im2col", "stale", unfold, rules.stale),
    # A lost gradient.
    mutant("expert_forward", "w_detached", expert_forward.bmm, on_argument(1, rules.detached)),
    mutant("gather_2d", "detached", lookups.gather, on_argument(0, rules.detached)),
)
