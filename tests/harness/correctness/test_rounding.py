"""What is taken for a sum of numbers of one sign, so that absolute values show its size."""

import pytest
import torch

from opbench.harness.correctness.rounding import NotASumError, OnlySums

X = torch.tensor([1.0, 2.0], dtype=torch.float64)
#: The first row is positive, and lies in one memory with the second.
SIGNS = torch.tensor([[1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
M = torch.ones(2, 2, dtype=torch.float64)


def parts_of_one_memory():
    return X * SIGNS[0] + X * SIGNS[1]


def filled_later():
    terms = torch.ones_like(X)
    total = X + terms
    terms[1:].fill_(-1)
    return total + terms


CANCELLING = {
    "a difference": lambda: X - X,
    "a term times -1": lambda: torch.add(X, X, alpha=-1),
    "a product times -1": lambda: torch.addmm(M, M, M, alpha=-1),
    "a matrix times -1": lambda: torch.addmm(M, M, M, beta=-1),
    "a negative number": lambda: X * -1,
    "a negative constant": lambda: X * torch.full_like(X, -1),
    "a part of a memory": parts_of_one_memory,
    "memory that is filled later": filled_later,
}
SUMS = {
    "a sum of a part": lambda: X.sum(-1) + SIGNS[0] * X,
    "a product": lambda: M @ X + 2 * X / 3,
    "a sum of copies": lambda: torch.stack([X, X]).mean(-1).cumsum(-1),
    "a loop": lambda: sum(M[i] * X[i] for i in range(2)),
}


@pytest.mark.parametrize("name", CANCELLING)
def test_what_may_cancel_is_no_sum(name):
    with OnlySums() as sums, pytest.raises(NotASumError):
        CANCELLING[name]()
    assert sums.refused


@pytest.mark.parametrize("name", SUMS)
def test_sums_of_one_sign_are_sums(name):
    with OnlySums() as sums:
        SUMS[name]()
    assert not sums.refused
