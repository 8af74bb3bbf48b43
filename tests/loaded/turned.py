"""Ops with several boards, with several right answers, without tensors; some contenders wrong."""

import torch

from opbench import Cost, Op, impl


def turned_oracle(x):
    """The transpose of a matrix: x[N, M] -> [M, N]."""
    return torch.stack([x[:, column] for column in range(x.shape[1])]) if x.shape[1] else x.T


turned = Op(
    name="turned",
    oracle=turned_oracle,
    axes={"N": "rows", "M": "columns"},
    inputs={"normal": lambda N, M, rng: {"x": torch.randn(N, M, generator=rng)}},
    quick={"small": {"N": 30, "M": 20}},
    edge={"odd": {"N": 3, "M": 7}, "empty": {"N": 0, "M": 3}},
    dtypes=("float32", "int64"),
    cost=lambda N, M, e, board: Cost(0, 2 * e * N * M if board == "materialise" else e * N * M),
    grad=("x",),
    boards=("view", "materialise", "consume"),
    consumer=lambda output: output @ output.mT,
)


@impl("turned", board="view")
def transpose(x):
    return x.T


@impl("turned")
def stack(x):
    return torch.stack(x.unbind(1)) if x.shape[1] else x.new_empty(0, len(x))


@impl("turned", board="view", name="copy_on_the_view_board")
def copying(x):
    return x.T.clone()


@impl("turned", name="view_on_the_materialise_board")
def viewing(x):
    return x.T


@impl("turned", name="gaps_on_the_materialise_board")
def gaps(x):
    return x.clone().T


def top_oracle(x, k):
    """The largest k of each row, and where: x[N, M] -> [N, k], [N, k]."""
    values, places = x.sort(dim=1, descending=True, stable=True)
    return values[:, :k], places[:, :k]


def same_values(output, x):
    """Whichever of the tied elements are taken."""
    values, places = output
    return values, x.gather(1, places)


top = Op(
    name="top",
    oracle=top_oracle,
    axes={"N": "rows", "M": "columns", "k": "taken"},
    inputs={
        "normal": lambda N, M, k, rng: {"x": torch.randn(N, M, generator=rng), "k": k},
        "ties": lambda N, M, k, rng: {
            "x": torch.randint(3, (N, M), generator=rng).float(),
            "k": k,
        },
    },
    quick={"small": {"N": 30, "M": 20, "k": 3}},
    edge={"odd": {"N": 5, "M": 9, "k": 4}},
    cost=lambda N, M, e: Cost(0, e * N * M),
    grad=("x",),
    canonical=same_values,
    ungraded=("ties",),
)


@impl("top")
def topk(x, k):
    return torch.topk(x, k)


@impl("top")
def last_of_the_tied(x, k):
    values, places = x.flip(1).sort(dim=1, descending=True, stable=True)
    return values[:, :k], x.shape[1] - 1 - places[:, :k]


@impl("top")
def wrong_places(x, k):
    values, places = torch.topk(x, k)
    return values, places.flip(1)


def ramp_oracle(n):
    """The first n numbers: float32 [n]."""
    return torch.tensor([float(i) for i in range(n)], dtype=torch.float64)


ramp = Op(
    name="ramp",
    oracle=ramp_oracle,
    axes={"n": "numbers"},
    inputs={"normal": lambda n: {"n": n}},
    quick={"small": {"n": 100}},
    edge={"odd": {"n": 7}, "none": {"n": 0}},
    cost=lambda n, e: Cost(0, e * n),
    boards=("materialise",),
)


@impl("ramp")
def arange(n):
    return torch.arange(n, dtype=torch.float32)


@impl("ramp")
def one_more(n):
    return torch.arange(1, n + 1, dtype=torch.float32)


def parity_oracle(x):
    """Whether each sum of a row is positive, as float32: x[N, M] -> [N]."""
    return (x.sum(1) > 0).double()


signs = Op(
    name="signs",
    oracle=parity_oracle,
    axes={"N": "rows", "M": "columns"},
    inputs={"normal": lambda N, M, rng: {"x": torch.randn(N, M, generator=rng) + 1}},
    quick={"small": {"N": 30, "M": 20}},
    dtypes=("float64", "float16"),
    cost=lambda N, M, e: Cost(0, e * N * M),
    output_dtype="float32",
)


@impl("signs")
def compare(x):
    return (x.sum(1) > 0).float()


@impl("signs")
def in_the_inputs_dtype(x):
    return (x.sum(1) > 0).to(x.dtype)
