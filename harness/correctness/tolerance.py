"""How far a tensor is from the truth, in units of the tolerance. Pure functions of tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Truth:
    """What a tensor should be: its value in float64 (or the exact integers), and the magnitude
    that was summed over to get each element.
    """

    value: Tensor
    magnitude: Tensor


def error_units(found: Tensor, truth: Truth, tolerance: float) -> Tensor:
    """Elementwise |found - truth| / (tolerance * magnitude).

    Both are compared in the dtype of `found`, so that what overflows there is infinite in both.
    NaN must meet NaN and an infinity the same infinity, else the error is infinite. Integers must
    be equal. The shapes are equal.
    """
    want = truth.value.to(found.dtype)
    if not found.is_floating_point():
        return torch.where(found == want, 0.0, torch.inf).to(torch.float64)
    same = (found == want) | (found.isnan() & want.isnan())
    gap = (found.double() - truth.value.double()).abs()
    allowed = tolerance * truth.magnitude.double() + torch.finfo(found.dtype).tiny
    units = gap / allowed
    unlike = ~(found.isfinite() & want.isfinite())
    return torch.where(same, 0.0, torch.where(unlike, torch.inf, units))


def largest(units: Tensor) -> float:
    """The largest error; 0 of an empty tensor."""
    return float(units.max()) if units.numel() else 0.0


def worst_place(units: Tensor, found: Tensor, truth: Truth) -> str:
    """Where the error is largest, and what stands there, for people."""
    place = tuple(int(i) for i in torch.unravel_index(units.argmax(), units.shape))
    wrong = int((units > 1).sum())
    return (
        f"{wrong} of {units.numel()} elements are off, most at {list(place)}: "
        f"{found[place].item():.6g} instead of {truth.value[place].item():.6g}"
    )


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors of one shape and dtype hold the same values, NaN being equal to NaN."""
    return torch.equal(one, other) or bool(
        ((one == other) | ((one != one) & (other != other))).all()
    )


def shares_storage(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors lie in the same memory."""
    if one.numel() == 0 or other.numel() == 0:
        return False
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
