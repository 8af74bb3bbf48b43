"""A chain of a stranger's ops, contenders that are composed of theirs, and one that is fused."""

import torch

from opbench import Cost, Op, chain, floating, impl


def moved(N, M, e):
    return Cost(flops=N * M, bytes=2 * e * N * M)


def normal(N, M, rng):
    return {"x": torch.randn(N, M, generator=rng)}


def oracle(x, *, turned=False):
    """The sum of each row, or of each column: x[N, M] -> [N], or [M]."""
    return (x.T if turned else x).sum(1)


AXES = {"N": "rows", "M": "columns"}
SHAPES = {"small": {"N": 8, "M": 4}, "tall": {"N": 64, "M": 2}}

doubled = Op(
    name="doubled",
    oracle=lambda x: x + x,
    axes=AXES,
    inputs={"normal": normal},
    quick=SHAPES,
    cost=moved,
    grad=("x",),
)
summed = Op(
    name="summed",
    oracle=oracle,
    axes=AXES,
    inputs={"normal": normal, "turned": lambda N, M, rng: {**normal(N, M, rng), "turned": True}},
    quick=SHAPES,
    cost=moved,
    grad=("x",),
)
double_sum = Op(
    name="double_sum",
    oracle=lambda x, *, turned=False: 2 * oracle(x, turned=turned),
    axes=AXES,
    inputs={"normal": normal, "turned": lambda N, M, rng: {**normal(N, M, rng), "turned": True}},
    quick=SHAPES,
    cost=moved,
    grad=("x",),
    parts={
        "doubled": lambda N, M: {"N": N, "M": M},
        "summed": lambda N, M: {"N": N, "M": M},
    },
)


@impl("doubled", supports=floating)
def times_two(x):
    return 2 * x


@impl("doubled", name="wrong_tripled")
def tripled(x):
    return 3 * x


@impl("summed", name="sum")
def by_sum(x, *, turned=False):
    return x.sum(0 if turned else 1)


@impl("summed", name="wrong_rows_alone")
def rows_alone(x, *, turned=False):
    return x.sum(1)


@chain(
    "double_sum",
    {"doubled": ("times_two", "wrong_tripled"), "summed": ("sum", "wrong_rows_alone")},
)
def doubled_then_summed(doubled, summed, x, *, turned=False):
    return summed(doubled(x), turned=turned)


@impl("double_sum", name="fused")
def at_once(x, *, turned=False):
    return x.sum(0 if turned else 1).mul(2)
