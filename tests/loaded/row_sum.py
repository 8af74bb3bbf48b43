"""Someone else's op and contenders, as a third party would write them."""

import torch

from opbench import Cost, Op, forward_only, impl, supported

few_rows = supported("takes at most 100 rows")(lambda x: x.shape[0] <= 100)


def oracle(x, *, scale=1.0):
    """The scaled sum of each row: x[N, M] -> [N]."""
    return torch.stack([scale * row.sum() for row in x]) if len(x) else x.sum(1)


def validate(x):
    if x.ndim != 2:
        raise ValueError(f"row_sum: x: has {x.ndim} axes, takes 2")


row_sum = Op(
    name="row_sum",
    oracle=oracle,
    axes={"N": "rows", "M": "columns"},
    inputs={
        "normal": lambda N, M, rng: {"x": torch.randn(N, M, generator=rng)},
        "ones": lambda N, M: {"x": torch.ones(N, M)},
    },
    quick={"small": {"N": 64, "M": 64}, "tall": {"N": 512, "M": 16}},
    full={"big": {"N": 4096, "M": 4096}},
    edge={"odd": {"N": 3, "M": 7}, "empty": {"N": 0, "M": 3}},
    dtypes=("float32", "float64"),
    cost=lambda N, M, e: Cost(N * M, e * (N * M + N)),
    validate=validate,
    grad=("x",),
)


@impl("row_sum")
def summed(x, *, scale=1.0):
    return x.sum(1) * scale


@impl("row_sum", supports=few_rows)
def loop(x, *, scale=1.0):
    return torch.stack([row.sum() for row in x]) * scale if len(x) else x.sum(1)


@impl("row_sum", supports=forward_only)
def without_gradient(x):
    return x.detach().sum(1)


@impl("row_sum", requires="a_module_that_nobody_has")
def elsewhere(x):
    return x.sum(1)
