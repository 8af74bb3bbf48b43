"""Features: what a rule splits by: an axis, or a product of powers of axes, "B*S" or "B^2*S/D".

Two contenders take as long where a product of powers of sizes has some value, as their times are
nearly such products: to split by that takes one threshold, where products of plain axes take many.
Powers are whole numbers, so that a call multiplies a few sizes and compares them exactly.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence

#: The largest power of an axis.
LARGEST = 4
_FACTOR = re.compile(rf"(\w+)(?:\^([2-{LARGEST}]))?")


@functools.cache
def exponents_of(feature: str) -> Mapping[str, int]:
    """The power of each axis in a feature, below 0 where it is divided by.

    Raises ValueError for what is no feature.
    """
    found: dict[str, int] = {}
    sign = 1
    for part in re.split(r"([*/])", feature):
        if part in ("*", "/"):
            sign = 1 if part == "*" else -1
            continue
        match = _FACTOR.fullmatch(part)
        if match is None or not match[1].isidentifier() or match[1] in found:
            raise ValueError(f"{feature!r} is no product of powers of axes")
        found[match[1]] = sign * int(match[2] or 1)
    return found


def feature_of(exponents: Mapping[str, int]) -> str:
    """The feature of some powers, of which one is above 0: what is divided by comes last."""
    parts = []
    for sign, before in ((1, "*"), (-1, "/")):
        for axis, exponent in exponents.items():
            if exponent * sign > 0:
                power = f"^{abs(exponent)}" if abs(exponent) > 1 else ""
                parts.append(f"{before}{axis}{power}")
    return "".join(parts)[1:]


def sides(feature: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The axes that are multiplied, and those that are divided by, each as often as its power."""
    powers = exponents_of(feature).items()
    over = (axis for axis, exponent in powers for _ in range(exponent))
    under = (axis for axis, exponent in powers for _ in range(-exponent))
    return tuple(over), tuple(under)


def value_of(feature: str, axes: Mapping[str, float]) -> float:
    """The value of a feature; infinite where it is divided by nothing."""
    over, under = (math.prod(axes[axis] for axis in side) for side in sides(feature))
    if under:
        return over / under
    return math.inf if over else 0.0


def is_at_most(feature: str, at: float, axes: Mapping[str, float]) -> bool:
    """Whether the value of a feature is at most that, without dividing: as a call compares it."""
    over, under = (math.prod(axes[axis] for axis in side) for side in sides(feature))
    # Nothing times infinity would be no number.
    return over <= at * under if math.isfinite(at) else at > 0


def products(axes: Sequence[str]) -> tuple[str, ...]:
    """The features of plain axes: axes, products of two, of more neighbours, and of all."""
    return tuple("*".join(some) for some in _groups(axes))


def _groups(axes: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The axes of each product."""
    bounds = itertools.combinations(range(len(axes) + 1), 2)
    runs = [tuple(axes[start:end]) for start, end in bounds if end - start > 2]
    yield from ((axis,) for axis in axes)
    yield from itertools.combinations(axes, 2)
    yield from sorted(runs, key=len)
