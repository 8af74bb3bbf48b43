"""Pairs without a difference: two ways of writing one thing."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.planted.pairs import matrix, one, planted
from opbench import impl

add = planted("same_add", lambda x: x + 1, one, {"N": 1000000})


@impl("same_add", name="slow")
def add_slow(x: Tensor) -> Tensor:
    return x + 1


@impl("same_add", name="fast")
def add_fast(x: Tensor) -> Tensor:
    return torch.add(x, 1)


exp = planted("same_exp", lambda x: x.exp(), one, {"N": 500000})


@impl("same_exp", name="slow")
def exp_slow(x: Tensor) -> Tensor:
    return x.exp()


@impl("same_exp", name="fast")
def exp_fast(x: Tensor) -> Tensor:
    return torch.exp(x)


sum = planted("same_sum", lambda x: x.sum(-1), matrix, {"N": 1024, "M": 1024})


@impl("same_sum", name="slow")
def sum_slow(x: Tensor) -> Tensor:
    return x.sum(-1)


@impl("same_sum", name="fast")
def sum_fast(x: Tensor) -> Tensor:
    return torch.sum(x, dim=1)


softmax = planted("same_softmax", lambda x: x.softmax(-1), matrix, {"N": 512, "M": 1024})


@impl("same_softmax", name="slow")
def softmax_slow(x: Tensor) -> Tensor:
    return x.softmax(-1)


@impl("same_softmax", name="fast")
def softmax_fast(x: Tensor) -> Tensor:
    return torch.nn.functional.softmax(x, dim=-1)


matmul = planted("same_matmul", lambda x: x @ x.t(), matrix, {"N": 256, "M": 512})


@impl("same_matmul", name="slow")
def matmul_slow(x: Tensor) -> Tensor:
    return x @ x.t()


@impl("same_matmul", name="fast")
def matmul_fast(x: Tensor) -> Tensor:
    return torch.matmul(x, x.t())


copying = planted("same_copying", lambda x: x.clone(), one, {"N": 1000000})


@impl("same_copying", name="slow")
def copying_slow(x: Tensor) -> Tensor:
    return x.clone()


@impl("same_copying", name="fast")
def copying_fast(x: Tensor) -> Tensor:
    return torch.clone(x)


cumsum = planted("same_cumsum", lambda x: x.cumsum(-1), matrix, {"N": 512, "M": 1024})


@impl("same_cumsum", name="slow")
def cumsum_slow(x: Tensor) -> Tensor:
    return x.cumsum(-1)


@impl("same_cumsum", name="fast")
def cumsum_fast(x: Tensor) -> Tensor:
    return torch.cumsum(x, 1)


sort = planted("same_sort", lambda x: x.sort(-1).values, matrix, {"N": 64, "M": 1024})


@impl("same_sort", name="slow")
def sort_slow(x: Tensor) -> Tensor:
    return x.sort(-1).values


@impl("same_sort", name="fast")
def sort_fast(x: Tensor) -> Tensor:
    return torch.sort(x, dim=-1)[0]


tanh = planted("same_tanh", lambda x: x.tanh(), one, {"N": 500_000})


@impl("same_tanh", name="slow")
def tanh_slow(x: Tensor) -> Tensor:
    return x.tanh()


@impl("same_tanh", name="fast")
def tanh_fast(x: Tensor) -> Tensor:
    return torch.tanh(x)


small = planted("same_small", lambda x: x * 2, one, {"N": 1000})


@impl("same_small", name="slow")
def small_slow(x: Tensor) -> Tensor:
    return x * 2


@impl("same_small", name="fast")
def small_fast(x: Tensor) -> Tensor:
    return torch.mul(x, 2)


doubles = planted("same_doubles", lambda x: x * 2, one, {"N": 500000})


@impl("same_doubles", name="slow")
def doubles_slow(x: Tensor) -> Tensor:
    return (x.double() * 2).float()


@impl("same_doubles", name="fast")
def doubles_fast(x: Tensor) -> Tensor:
    return (x.to(torch.float64) * 2).to(torch.float32)


scaled = planted("same_scaled", lambda x: x.abs().sqrt() * 3, one, {"N": 500000})


@impl("same_scaled", name="slow")
def scaled_slow(x: Tensor) -> Tensor:
    return x.abs().sqrt() * 3


@impl("same_scaled", name="fast")
def scaled_fast(x: Tensor) -> Tensor:
    return torch.sqrt(torch.abs(x)) * 3
