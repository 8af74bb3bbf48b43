"""Inputs of the reductions, what is outside their contracts, and how exact an answer can be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Generator, Tensor

    MakeMap = Callable[[int, int, int, int, Generator], Mapping[str, Tensor]]
    MakePair = Callable[[int, int, int, Generator], Mapping[str, Tensor]]
    MakeMatrix = Callable[[int, int, Generator], Mapping[str, Tensor]]
    MakeLabelled = Callable[[int, int, Generator], Mapping[str, Tensor]]
    Change = Callable[[Tensor, Generator], Tensor]

NAN, INF = math.nan, math.inf

# --- values ----------------------------------------------------------------------------------


def same(values: Tensor, rng: Generator) -> Tensor:
    """The values as they are."""
    return values


def far(rows: Tensor, rng: Generator) -> Tensor:
    """Rows around 1000, around -1000, and of values around both."""
    signs = torch.where(torch.rand(rows.shape, generator=rng) < 0.5, -1.0, 1.0)
    place = torch.arange(len(rows))[:, None] % 3
    return rows + 1000 * torch.where(place == 0, 1.0, torch.where(place == 1, -1.0, signs))


def masked(rows: Tensor, rng: Generator) -> Tensor:
    """Half of the values are -inf, in every third row all but the last; a row always keeps one."""
    hidden = torch.rand(rows.shape, generator=rng) < 0.5
    kept = ~hidden | one_per_row(rows, rng)
    is_last = torch.arange(rows.shape[1]) == rows.shape[1] - 1
    is_third = torch.arange(len(rows))[:, None] % 3 == 1
    return torch.where(torch.where(is_third, is_last, kept), rows, -INF)


def with_nan(rows: Tensor, rng: Generator) -> Tensor:
    """Rows with one NaN, rows of nothing but -inf, and masked rows between them."""
    place = torch.arange(len(rows))[:, None] % 4
    marked = torch.where(one_per_row(rows, rng), NAN, rows)
    hidden = torch.where(place == 2, -INF, masked(rows, rng))
    return torch.where(place == 0, marked, hidden)


def with_nan_and_inf(rows: Tensor, rng: Generator) -> Tensor:
    """As with_nan, and every fifth row has +inf."""
    fifth = torch.arange(len(rows))[:, None] % 5 == 1
    return torch.where(fifth & one_per_row(rows, rng), INF, with_nan(rows, rng))


def one_per_row(rows: Tensor, rng: Generator) -> Tensor:
    """A mask that is true at one random place of each row."""
    if rows.shape[1] == 0:
        return torch.zeros(rows.shape, dtype=torch.bool)
    place = torch.randint(rows.shape[1], (len(rows), 1), generator=rng)
    return torch.arange(rows.shape[1]) == place


def holes(maps: Tensor, rng: Generator) -> Tensor:
    """One in fifty is NaN, one in fifty +inf, one in fifty -inf."""
    chance = torch.rand(maps.shape, generator=rng)
    for number, bad in enumerate((NAN, INF, -INF)):
        maps = torch.where((chance * 50).floor() == number, bad, maps)
    return maps


def near_the_top(maps: Tensor, rng: Generator) -> Tensor:
    """Values between 30000 and 60000: float16 holds each, and the sum of no three."""
    return 45000 + 15000 * torch.tanh(maps)


def rounded(maps: Tensor, rng: Generator) -> Tensor:
    """Small whole numbers: the largest of many channels is there more than once."""
    return maps.round().clamp(-1, 1)


def with_winner(values: Tensor, rng: Generator) -> Tensor:
    """The largest value along axis 1 raised by 1: no type is so coarse that another equals it."""
    largest = values == values.amax(1, keepdim=True)
    return torch.where(largest, values + 1, values)


def with_one_nan(rows: Tensor, rng: Generator) -> Tensor:
    """Every second row has one NaN; the others have one largest value."""
    second = torch.arange(len(rows))[:, None] % 2 == 0
    return torch.where(second & one_per_row(rows, rng), NAN, with_winner(rows, rng))


# --- inputs ----------------------------------------------------------------------------------


def maps(change: Change) -> MakeMap:
    """Feature maps x[B, C, H, W]."""

    def inputs(B: int, C: int, H: int, W: int, rng: Generator) -> Mapping[str, Tensor]:
        return {"x": change(torch.randn(B, C, H, W, generator=rng), rng)}

    return inputs


def pairs(change: Change, *, rank: int = 3) -> MakePair:
    """a and b [B, I, J], or the same with another number of axes: 2 or 5."""

    def inputs(B: int, I: int, J: int, rng: Generator) -> Mapping[str, Tensor]:  # noqa: E741
        shape = {2: (B, I * J), 3: (B, I, J), 5: (B, I, 1, J, 1)}[rank]
        return {name: change(torch.randn(shape, generator=rng), rng) for name in ("a", "b")}

    return inputs


def cancelling_pairs(B: int, I: int, J: int, rng: Generator) -> Mapping[str, Tensor]:  # noqa: E741
    """Products around 90000, past the end of float16, of alternating sign: their sum is not."""
    size = I * J
    signs = 1 - 2 * (torch.arange(size) % 2).view(I, J)
    a, b = (300 + torch.randn(B, I, J, generator=rng) for _ in range(2))
    return {"a": a, "b": b * signs}


def matrices(change: Change) -> MakeMatrix:
    """A matrix[B, N]."""

    def inputs(B: int, N: int, rng: Generator) -> Mapping[str, Tensor]:
        return {"matrix": change(torch.randn(B, N, generator=rng), rng)}

    return inputs


def labelled(change: Change, *, impossible: bool = False) -> MakeLabelled:
    """logits[B, C] and labels[B]. A label's logit is finite or NaN, or else in every row -inf."""

    def inputs(B: int, C: int, rng: Generator) -> Mapping[str, Tensor]:
        plain = torch.randn(B, C, generator=rng)
        logits = change(plain, rng)
        labels = torch.randint(max(C, 1), (B,), generator=rng)
        at_label = torch.arange(C) == labels[:, None]
        if impossible:
            everywhere = torch.arange(B)[:, None] % 3 == 0
            return {
                "logits": torch.where(at_label | everywhere, -INF, logits),
                "true_labels": labels,
            }
        return {
            "logits": torch.where(at_label & logits.isinf(), plain, logits),
            "true_labels": labels,
        }

    return inputs


def scored(change: Change) -> MakeLabelled:
    """scores[B, C] and classes[B], half of which are where the score is largest."""

    def inputs(B: int, C: int, rng: Generator) -> Mapping[str, Tensor]:
        scores = change(torch.randn(B, C, generator=rng), rng)
        classes = torch.randint(C, (B,), generator=rng)
        right = torch.rand(B, generator=rng) < 0.5
        return {"scores": scores, "true_classes": torch.where(right, scores.argmax(1), classes)}

    return inputs


# --- how exact an answer can be --------------------------------------------------------------
# Of the absolute values of the inputs, as `Op.magnitude` gets them. Each returns how large the
# numbers are that the value is the sum of, tied to its input by derivatives that say the same of
# the gradient.


def size_of_logsumexp(matrix: Tensor) -> Tensor:
    """[B]: the same of the absolute values."""
    moved = _loss_of_shares(matrix) * _shares(matrix) * _moved(matrix)
    return _lse(matrix).detach() + moved.sum(1)


def size_of_softmax(matrix: Tensor) -> Tensor:
    """[B, N]: a share, times what its logarithm may be off by in units of rounding."""
    shares, moved = _loss_of_shares(matrix) * _shares(matrix), _moved(matrix)
    return shares + shares * (moved + (_shares(matrix) * moved).sum(1, keepdim=True))


def size_of_logsoftmax(matrix: Tensor) -> Tensor:
    """[B, N]: the value and the logarithm of the sum that it is the difference of."""
    value = matrix.detach() + _lse(matrix).detach()[:, None]
    moved = _moved(matrix)
    off = (_loss_of_shares(matrix) * _shares(matrix) * moved).sum(1, keepdim=True)
    return value + moved + off


def size_of_cross_entropy(logits: Tensor, true_labels: Tensor) -> Tensor:
    """[B]: the logarithm of the sum and the label's logit, whose difference the loss is."""
    if logits.shape[1] == 0:
        return logits.sum(1)
    at_label = logits.gather(1, true_labels[:, None])[:, 0]
    return size_of_logsumexp(logits) + at_label


def _lse(matrix: Tensor) -> Tensor:
    """[B]: the logarithm of the sum of exponentials; 0 of no values."""
    return torch.logsumexp(matrix, 1) if matrix.shape[1] else matrix.sum(1)


def _shares(matrix: Tensor) -> Tensor:
    """[B, N]: the largest softmax that any signs of the values could give."""
    shrunk = torch.exp(-matrix.detach())
    # What was -inf arrives as 0, and takes no share.
    counted = torch.where(matrix == 0, 0, shrunk)
    others = (counted.sum(1, keepdim=True) - counted).clamp(min=0)
    return 1 / (1 + others * shrunk)


def _loss_of_shares(matrix: Tensor) -> Tensor:
    """[B, 1]: how many units of rounding a share may be off by: its exponent's size."""
    return 1 + _lse(matrix).detach()[:, None]


def _moved(matrix: Tensor) -> Tensor:
    """Zeros that carry the derivative of the matrix."""
    return matrix - matrix.detach()
