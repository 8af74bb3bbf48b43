"""The error of a tensor relative to its tolerance. Pure functions of tensors.

The allowed error of an element is the op's tolerance for the dtype times the element's magnitude.
An error of 1 is as much as is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Truth:
    """The exact values of a tensor. Both have its shape."""

    #: In float64, or the exact integers.
    value: Tensor
    #: Of each element: how large the numbers are that it was made of.
    magnitude: Tensor


def scaled_errors(actual: Tensor, truth: Truth, tolerance: float) -> Tensor:
    """Elementwise |actual - truth| / (tolerance * magnitude); above 1 it is an error.

    Both are compared in the dtype of `actual`, so that values that overflow there are infinite in
    both. NaN must meet NaN and an infinity the same infinity, else the error is infinite. Integers
    must be equal. The shapes have to be equal.
    """
    expected = truth.value.to(actual.dtype)
    if not actual.is_floating_point():
        return torch.where(actual == expected, 0.0, torch.inf).to(torch.float64)
    same = (actual == expected) | (actual.isnan() & expected.isnan())
    difference = (actual.double() - truth.value.double()).abs()
    # The tiny number lets a magnitude of 0 be rounded to what the dtype holds next to 0.
    allowed = tolerance * truth.magnitude.double() + torch.finfo(actual.dtype).tiny
    errors = difference / allowed
    unlike = ~(actual.isfinite() & expected.isfinite())
    return torch.where(same, 0.0, torch.where(unlike, torch.inf, errors))


def largest_error(errors: Tensor) -> float:
    """The largest of some errors; 0 where there are none."""
    return float(errors.max()) if errors.numel() else 0.0


def describe_worst(errors: Tensor, actual: Tensor, truth: Truth) -> str:
    """The place of the largest error and the values there, in words."""
    place = tuple(int(i) for i in torch.unravel_index(errors.argmax(), errors.shape))
    one, other = distinct_texts(actual[place].item(), truth.value[place].item())
    return (
        f"{int((errors > 1).sum())} of {errors.numel()} elements are off, most at {list(place)}: "
        f"{one} instead of {other}"
    )


def distinct_texts(one: float, other: float) -> tuple[str, str]:
    """Two numbers in at least six digits, and in as many as it takes to see that they differ.

    Whole numbers have all of theirs.
    """
    if isinstance(one, int) and isinstance(other, int):
        return str(one), str(other)
    for digits in range(6, 18):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts


def equal_values(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors of one shape and dtype hold the same values, NaN being equal to NaN."""
    return torch.equal(one, other) or bool(
        ((one == other) | ((one != one) & (other != other))).all()
    )


def shares_storage(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors lie in the same memory."""
    if one.numel() == 0 or other.numel() == 0:
        return False
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
