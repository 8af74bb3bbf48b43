"""An op with contenders that differ by one thing each, and one that dies when it is watched."""

import os

import torch
import torch.utils._python_dispatch

from opbench import Cost, Op, impl

doubled = Op(
    name="doubled",
    oracle=lambda x: x * 2,
    axes={"N": "elements"},
    inputs={"normal": lambda N, rng: {"x": torch.randn(N, generator=rng)}},
    quick={"planted": {"N": 300_000}, "other": {"N": 1000}},
    cost=lambda N, e: Cost(N, 2 * N * e),
)


@impl("doubled")
def plain(x):
    return x * 2


@impl("doubled")
def again(x):
    return torch.mul(x, 2)


@impl("doubled")
def copying(x):
    return x.clone().clone() * 2


@impl("doubled")
def dies_when_watched(x):
    if torch.utils._python_dispatch._get_current_dispatch_mode() is not None:
        os._exit(7)
    return x.clone().clone() * 2


@impl("doubled")
def wrong(x):
    return x * 3
