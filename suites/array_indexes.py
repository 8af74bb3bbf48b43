"""Indexes of the array exercises, and awkward ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Generator, Tensor

    MakeIndexes = Callable[[tuple[int, ...], int, Generator], Tensor]
    Made = Mapping[str, Any]


def anywhere(shape: tuple[int, ...], limit: int, rng: Generator) -> Tensor:
    """Random indexes below `limit`."""
    return torch.randint(max(limit, 1), shape, generator=rng)


def the_same(shape: tuple[int, ...], limit: int, rng: Generator) -> Tensor:
    """One index, everywhere."""
    return torch.full(shape, limit // 2)


def in_order(shape: tuple[int, ...], limit: int, rng: Generator) -> Tensor:
    """Ascending along the last axis, and from the start where there are more than `limit`."""
    return (torch.arange(shape[-1]) % max(limit, 1)).expand(shape)


def second_half(shape: tuple[int, ...], limit: int, rng: Generator) -> Tensor:
    """Random indexes that leave the first half out."""
    return limit - 1 - anywhere(shape, (limit + 1) // 2, rng)


def _for_prices(
    choose: MakeIndexes, *, refunds: bool = False, unsold: bool = False
) -> Callable[[int, int, Generator], Made]:
    """unsold: half of the items, that nobody buys, have no finite price."""

    def inputs(K: int, N: int, rng: Generator) -> Made:
        spread = torch.randn if refunds else torch.rand
        prices = spread(K, generator=rng) * 10
        if unsold:
            prices[: K // 2] = torch.tensor([torch.nan, torch.inf]).repeat(K)[: K // 2]
        return {"prices": prices, "items": choose((N,), K, rng)}

    return inputs


PURCHASES = {
    "normal": _for_prices(anywhere),
    "refunds": _for_prices(anywhere, refunds=True),
    "one_item": _for_prices(the_same),
    "nonfinite": _for_prices(second_half, unsold=True),
}


def _for_matrix(
    choose: MakeIndexes, *, axis: int = 0, per_row: bool = False, nonfinite: bool = False
) -> Callable[[int, int, int, Generator], Made]:
    """Indexes along `axis`; per_row: K for each row."""

    def inputs(M: int, N: int, K: int, rng: Generator) -> Made:
        matrix = torch.randn(M, N, generator=rng)
        if nonfinite:
            matrix = _with_nonfinite(matrix, rng)
        shape = (M, K) if per_row else (K,)
        return {"matrix": matrix, "indexes": choose(shape, (M, N)[axis], rng)}

    return inputs


def _kinds_of_matrix(**how: Any) -> dict[str, Callable[[int, int, int, Generator], Made]]:
    return {
        "normal": _for_matrix(anywhere, **how),
        "the_same": _for_matrix(the_same, **how),
        "in_order": _for_matrix(in_order, **how),
        "nonfinite": _for_matrix(anywhere, nonfinite=True, **how),
    }


PICKS_PER_ROW = _kinds_of_matrix(axis=1, per_row=True)
ROWS = _kinds_of_matrix(axis=0)
COLUMNS = _kinds_of_matrix(axis=1)


def _for_coords(
    choose: MakeIndexes, *, nonfinite: bool = False
) -> Callable[[int, int, int, Generator], Made]:
    def inputs(R: int, D: int, B: int, rng: Generator) -> Made:
        # No two axes are equal, so that mixing them up shows.
        sizes = [D + axis for axis in range(R)]
        matrix = torch.randn(sizes, generator=rng)
        if nonfinite:
            matrix = _with_nonfinite(matrix, rng)
        return {
            "matrix": matrix,
            "coords": torch.stack([choose((B,), size, rng) for size in sizes], 1),
        }

    return inputs


COORDS = {
    "normal": _for_coords(anywhere),
    "the_same": _for_coords(the_same),
    "in_order": _for_coords(in_order),
    "nonfinite": _for_coords(anywhere, nonfinite=True),
}


def _with_nonfinite(values: Tensor, rng: Generator) -> Tensor:
    chance = torch.rand(values.shape, generator=rng)
    for value, limit in ((torch.nan, 0.15), (-torch.inf, 0.1), (torch.inf, 0.05)):
        values = values.masked_fill(chance < limit, value)
    return values
