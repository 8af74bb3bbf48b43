"""The error of a tensor relative to its tolerance. Pure functions of tensors.

The allowed error of an element is the op's tolerance for the dtype times the element's magnitude.
An error of 1 is as much as is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The exact values of a tensor. Both have its shape."""

    #: In float64, or the exact integers.
    value: Tensor
    #: Of each element: how large the numbers are that it was made of.
    magnitude: Tensor
    #: By dtype and tolerance, what they allow: many results are compared with one truth.
    _bounds: dict[tuple[torch.dtype, float], Bounds] = field(default_factory=dict, repr=False)

    def bounds(self, dtype: torch.dtype, tolerance: float) -> Bounds:
        """What results of a floating-point dtype may be."""
        key = (dtype, tolerance)
        if key not in self._bounds:
            self._bounds[key] = _bounds_of(self.value, self.magnitude, dtype, tolerance)
        return self._bounds[key]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What results in one dtype may be, by one tolerance."""

    #: The values, rounded to the dtype: what overflows there is infinite.
    expected: Tensor
    #: The values in float64.
    exact: Tensor
    #: By how much each element may be off.
    allowed: Tensor


def _bounds_of(value: Tensor, magnitude: Tensor, dtype: torch.dtype, tolerance: float) -> Bounds:
    """What results of a dtype may be."""
    # The tiny number lets a magnitude of 0 be rounded to what the dtype holds next to 0.
    allowed = tolerance * magnitude.double() + torch.finfo(dtype).tiny
    return Bounds(value.to(dtype), value.double(), allowed)


def scaled_errors(actual: Tensor, truth: Truth, tolerance: float) -> Tensor:
    """Elementwise |actual - truth| / (tolerance * magnitude); above 1 it is an error.

    Both are compared in the dtype of `actual`, so that values that overflow there are infinite in
    both. NaN must meet NaN and an infinity the same infinity, else the error is infinite. Integers
    must be equal. The shapes have to be equal.
    """
    if not actual.is_floating_point():
        expected = truth.value.to(actual.dtype)
        return torch.where(actual == expected, 0.0, torch.inf).to(torch.float64)
    bounds = truth.bounds(actual.dtype, tolerance)
    same = (actual == bounds.expected) | (actual.isnan() & bounds.expected.isnan())
    unlike = ~(actual.isfinite() & bounds.expected.isfinite())
    return torch.where(same, 0.0, torch.where(unlike, torch.inf, _errors(actual, bounds)))


def _errors(actual: Tensor, bounds: Bounds) -> Tensor:
    """How far each element is off, as a multiple of what is allowed."""
    return (actual.double() - bounds.exact).abs_().div_(bounds.allowed)


def error_of(actual: Tensor, truth: Truth, tolerance: float) -> float:
    """The largest of the scaled errors; 0 where there are none.

    It is found in fewer steps than all of them where nothing is off or not finite.
    """
    if not actual.is_floating_point():
        return largest_error(scaled_errors(actual, truth, tolerance))
    bounds = truth.bounds(actual.dtype, tolerance)
    if actual.numel() == 0 or torch.equal(actual, bounds.expected):
        return 0.0
    errors = _errors(actual, bounds).masked_fill_(actual == bounds.expected, 0.0)
    # Not so where it is NaN, as beside NaN and infinities.
    if (largest := float(errors.max())) <= 1:
        return largest
    return largest_error(scaled_errors(actual, truth, tolerance))


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
