"""Limits of the contracts of the window races, and their compulsory work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench import Cost

if TYPE_CHECKING:
    from torch import Tensor


#: Row and column of the four tokens of a patch, in the order in which their channels follow.
PLACES = {"row": ((0, 0), (0, 1), (1, 0), (1, 1)), "swin": ((0, 0), (1, 0), (0, 1), (1, 1))}


def number_of_windows(size: int, window: int, step: int) -> int:
    """How many windows a sequence of `size` tokens holds."""
    return (size - window) // step + 1


# --- what is outside the contracts -----------------------------------------------------------


def validate_merging(x: Tensor, order: str) -> None:
    _validate_patches("patch_merging", x, order)


def validate_merging_linear(x: Tensor, weight: Tensor, order: str) -> None:
    op = "patch_merging_linear"
    _validate_patches(op, x, order)
    expected = [2 * x.shape[3], 4 * x.shape[3]]
    if list(weight.shape) != expected:
        raise ValueError(f"{op}: weight: shape {list(weight.shape)}, only {expected} is allowed")
    _validate_floating(op, "x", x, "weight", weight)


def _validate_patches(op: str, x: Tensor, order: str) -> None:
    if x.ndim != 4:
        raise ValueError(f"{op}: x: shape {list(x.shape)}, only [B, H, W, C] is allowed")
    if x.shape[1] % 2 or x.shape[2] % 2:
        raise ValueError(
            f"{op}: x: shape {list(x.shape)}, only an even height and width are allowed"
        )
    if order not in PLACES:
        allowed = " or ".join(repr(name) for name in PLACES)
        raise ValueError(f"{op}: order: {order!r}, only {allowed} is allowed")


def validate_windows(x: Tensor, window: int, step: int) -> None:
    _validate_sequence("sliding_windows", "x", x, window, step)


def validate_scores(q: Tensor, k: Tensor, window: int, step: int) -> None:
    op = "window_attention_scores"
    _validate_sequence(op, "q", q, window, step)
    if k.shape != q.shape:
        raise ValueError(
            f"{op}: k: shape {list(k.shape)}, only that of q, {list(q.shape)}, is allowed"
        )
    _validate_floating(op, "q", q, "k", k)


def _validate_sequence(op: str, name: str, x: Tensor, window: int, step: int) -> None:
    if x.ndim != 3:
        raise ValueError(f"{op}: {name}: shape {list(x.shape)}, only [B, N, D] is allowed")
    for argument, value in (("window", window), ("step", step)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{op}: {argument}: {value!r}, an int is allowed")
        if value < 1:
            raise ValueError(f"{op}: {argument}: {value}, 1 and more is allowed")
    if x.shape[1] < window:
        raise ValueError(
            f"{op}: window: {window}, at most the {x.shape[1]} tokens of a sequence are allowed"
        )


def _validate_floating(op: str, first: str, one: Tensor, second: str, other: Tensor) -> None:
    if not one.is_floating_point():
        raise TypeError(f"{op}: {first}: {one.dtype}, only floating-point types are allowed")
    if other.dtype != one.dtype:
        raise TypeError(f"{op}: {second}: {other.dtype}, only {one.dtype} is allowed")


# --- the work that cannot be avoided ---------------------------------------------------------


def cost_merging(x: Tensor, e: int, direction: str) -> Cost:
    moved = 2 * e * x.numel()
    return Cost(0, 2 * moved if direction == "both" else moved)


def cost_merging_linear(x: Tensor, weight: Tensor, e: int, direction: str) -> Cost:
    # Half as many elements come out as go in: a quarter of the tokens, of twice the width.
    moved = e * (x.numel() + weight.numel() + x.numel() // 2)
    # Backward, two products of that size, and what was read comes out as gradients too.
    backward = moved + e * (x.numel() + weight.numel())
    return _products(x.numel() * weight.shape[0], moved, backward, direction)


def cost_windows(x: Tensor, window: int, step: int, e: int, direction: str) -> Cost:
    tokens, copies = _tokens(x, window, step)
    forward = Cost(0, e * (tokens + copies))
    backward = Cost(copies, e * (copies + x.numel()))
    return {
        "forward": forward,
        "backward": backward,
        "both": Cost(copies, forward.bytes + backward.bytes),
    }[direction]


def cost_scores(q: Tensor, window: int, step: int, e: int, direction: str) -> Cost:
    tokens, copies = _tokens(q, window, step)
    scores = len(q) * number_of_windows(q.shape[1], window, step) * window * window
    forward = e * (2 * tokens + scores)
    return _products(copies * window, forward, forward + 2 * e * q.numel(), direction)


def _products(additions: int, forward: int, backward: int, direction: str) -> Cost:
    """One product of so many multiplications and additions forward, two of them backward."""
    return Cost.of_pass(Cost(2 * additions, forward), Cost(4 * additions, backward), direction)


def _tokens(x: Tensor, window: int, step: int) -> tuple[int, int]:
    """The elements of the tokens that are in any window, and of all windows."""
    batch, size, width = x.shape
    number = number_of_windows(size, window, step)
    covered = window + (number - 1) * min(step, window)
    return batch * covered * width, batch * number * window * width
