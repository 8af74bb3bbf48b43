"""Features along which two contenders cross, by what they probably take between measured shapes.

Near a crossing the difference of two times is nearly a plane in the logarithms of sizes. The plane
is fitted, and the powers of axes are the whole numbers that come closest to its direction.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from opbench.results.choosing.features import LARGEST, feature_of
from opbench.results.choosing.rules import Array

#: Both of a pair are the best on this share of the points at least.
_LEAST_SHARE = 0.01
#: Near is where two times differ by less, in the logarithm; of so many points at least.
_NEAR = 0.3
_LEAST_POINTS = 50
#: Larger powers have to come closer to the direction by so much, as the cosine of the angle.
_CLOSER = 0.002
#: The most pairs, those that are the best on the most points.
_MOST = 12


def crossings(points: Array, times: Array, axes: Sequence[str]) -> tuple[str, ...]:
    """The features of the crossings of contenders, each once.

    points: by the logarithms of the axes. times: the logarithms of seconds, a column for each
    contender.
    """
    found = (_feature(points, times, pair, axes) for pair in _pairs(times))
    return tuple(dict.fromkeys(feature for feature in found if feature))


def _pairs(times: Array) -> Iterator[tuple[int, int]]:
    """The contenders that may cross, those first that are the best on the most points."""
    shares = np.bincount(times.argmin(1), minlength=times.shape[1]) / len(times)
    usable = [int(place) for place in np.flatnonzero(shares >= _LEAST_SHARE)]
    pairs = itertools.combinations(usable, 2)
    return itertools.islice(sorted(pairs, key=lambda pair: -min(shares[[*pair]])), _MOST)


def _feature(points: Array, times: Array, pair: tuple[int, int], axes: Sequence[str]) -> str:
    """The feature along which a pair crosses; "" where it doesn't."""
    best = times.argmin(1)
    differences = times[:, pair[0]] - times[:, pair[1]]
    near = ((best == pair[0]) | (best == pair[1])) & (np.abs(differences) < _NEAR)
    if near.sum() < _LEAST_POINTS:
        return ""
    columns = np.column_stack([np.ones(near.sum()), points[near]])
    direction = np.linalg.lstsq(columns, differences[near], rcond=None)[0][1:]
    powers = _whole(direction)
    # A feature that shrinks has the same crossing where its inverse is as large.
    first = next((power for power in powers if power), 0)
    signed = [power if first > 0 else -power for power in powers]
    return feature_of(dict(zip(axes, signed, strict=True))) if first else ""


def _whole(direction: np.ndarray[Any, np.dtype[np.float64]]) -> list[int]:
    """The whole numbers that come closest to a direction, none of them too large."""
    largest = float(np.abs(direction).max())
    if largest < 1e-9:
        return [0] * len(direction)
    direction, best, closest = direction / largest, [0] * len(direction), -math.inf
    for scale in range(1, LARGEST + 1):
        powers = np.round(direction * scale)
        cosine = float(powers @ direction / np.linalg.norm(powers) / np.linalg.norm(direction))
        if cosine > closest + _CLOSER:
            best, closest = [int(power) for power in powers], cosine
    return best
