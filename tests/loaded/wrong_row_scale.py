"""An op of rows and weights, and contenders that are wrong in ways that a small case shows."""

import time

import torch

from opbench import Cost, Op, impl

row_scale = Op(
    name="row_scale",
    oracle=lambda x, w, *, shift=0.0: x * w + shift,
    axes={"R": "rows", "N": "columns"},
    inputs={
        "normal": lambda R, N, rng: {
            "x": torch.randn(R, N, generator=rng),
            "w": torch.randn(R, 1, generator=rng),
        },
        "shifted": lambda R, N, rng: {
            "x": torch.randn(R, N, generator=rng),
            "w": torch.randn(R, 1, generator=rng),
            "shift": 2.0,
        },
    },
    quick={"small": {"R": 8, "N": 16}},
    edge={"odd": {"R": 7, "N": 13}},
    cost=lambda R, N, e: Cost(R * N, 2 * R * N * e),
    grad=("x", "w"),
)


@impl("row_scale")
def right(x, w, *, shift=0.0):
    return x * w + shift


@impl("row_scale")
def wrong_five_columns(x, w, *, shift=0.0):
    scaled = x * w + shift
    return torch.cat([scaled[:, :5], scaled[:, 5:] * 1.01], 1)


@impl("row_scale")
def wrong_without_shift(x, w, *, shift=0.0):
    return x * w


@impl("row_scale")
def wrong_as_if_packed(x, w, *, shift=0.0):
    return torch.as_strided(x, x.shape, (x.shape[1], 1)) * w + shift


@impl("row_scale")
def wrong_between_gaps(x, w, *, shift=0.0):
    is_dense = x.is_contiguous() or x.t().is_contiguous()
    seen = x if is_dense else torch.as_strided(x, x.shape, (x.shape[1], 1))
    return seen * w + shift


@impl("row_scale", name="wrong:four_rows")
def more_than_three_rows(x, w, *, shift=0.0):
    if x.shape[0] > 3:
        raise RuntimeError("no more than 3 rows")
    return x * w + shift


@impl("row_scale")
def wrong_weight_detached(x, w, *, shift=0.0):
    return x * w.detach() + shift


KEPT = {}


@impl("row_scale")
def wrong_remembers(x, w, *, shift=0.0):
    key = (x.shape, float(x.sum()), float(w.sum()), shift)
    if key not in KEPT:
        KEPT[key] = x * w + shift
    return KEPT[key]


@impl("row_scale")
def wrong_then_hangs(x, w, *, shift=0.0):
    if len(x) < 7:
        time.sleep(600)
    return x * w + shift + 1


row_twice = Op(
    name="row_twice",
    oracle=lambda x: x.t(),
    axes={"R": "rows", "N": "columns"},
    inputs={"normal": lambda R, N, rng: {"x": torch.randn(R, N, generator=rng)}},
    quick={"small": {"R": 8, "N": 16}},
    cost=lambda R, N, e: Cost(0, 2 * R * N * e),
    boards=("view", "materialise"),
)


@impl("row_twice", board="view")
def wrong_view(x):
    return x.flip(0).t()
