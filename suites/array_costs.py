"""The compulsory work of the array exercises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench import Cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def weekly(*, output: int, forward: int, backward: int) -> Callable[..., Cost]:
    """Of 7 days in and `output` numbers out per week, and so many flops in each direction."""

    def cost(W: int, e: int, direction: str) -> Cost:
        moved = e * W * (7 + output)
        # The deviation's gradient needs the days again; the others are linear.
        again = e * W * 7 if backward > 14 else 0
        return Cost.of_pass(Cost(W * forward, moved), Cost(W * backward, moved + again), direction)

    return cost


def price(K: int, N: int, e: int, direction: str) -> Cost:
    # Backward, one number goes to every price that was paid.
    return Cost.of_pass(Cost(N, e * (min(K, N) + 1) + 8 * N), Cost(N, e * K + 8 * N), direction)


def _cost_pick(picked: int, elements: int, indexes: int, e: int, direction: str) -> Cost:
    """`picked` of `elements`; of what isn't picked, nothing need be read, but all gets a slope."""
    read = e * min(picked, elements)
    forward = Cost(0, read + e * picked + 8 * indexes)
    backward = Cost(picked, e * (picked + elements) + 8 * indexes)
    return Cost.of_pass(forward, backward, direction)


def gather(M: int, N: int, K: int, e: int, direction: str) -> Cost:
    return _cost_pick(M * K, M * N, M * K, e, direction)


def rows(M: int, N: int, K: int, e: int, direction: str) -> Cost:
    return _cost_pick(K * N, M * N, K, e, direction)


def columns(M: int, N: int, K: int, e: int, direction: str) -> Cost:
    return _cost_pick(M * K, M * N, K, e, direction)


def coords(R: int, B: int, matrix: Tensor, e: int, direction: str) -> Cost:
    return _cost_pick(B, matrix.numel(), B * R, e, direction)
