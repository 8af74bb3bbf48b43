"""The share of its machine's ceilings that a call reaches, and the best ceilings of each machine.

Ceilings are the best ever measured: a later measurement of the same machine can only raise them.
"""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from opbench.results.records import Ceilings
from opbench.results.records.machine_cache import CEILINGS

#: Above this share a row is an error: in the op's cost, in its timing, or the ceilings were taken
#: while the machine was slow.
SUSPICIOUS = 1.05
#: Dtypes that a contender may compute in float32 instead: a CPU's own half precision may be slower.
_UPCAST = ("float16", "bfloat16")
#: The ceiling that is the lowest for a call.
Bound = Literal["memory", "compute", "dispatch"]
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Share:
    """The share of its ceiling that a call reaches."""

    #: The shortest possible time over the measured one; 1 is at the ceiling.
    value: float
    bound: Bound


def share(
    time_s: float,
    *,
    flops: int,
    bytes: int,
    dtype: str,
    cache: str,
    ceilings: Ceilings | None,
) -> Share | None:
    """The share of the ceilings that a call of `time_s` reaches, for its compulsory work.

    cache: with "cold" the bytes come from main memory, however few they are. None where there are
    no ceilings, where the time is none, and where there is no ceiling for the work: then the cost
    of a dispatch says nothing.
    """
    if ceilings is None or not time_s > 0:
        return None
    floors: dict[Bound, float] = {
        "memory": _floor(bytes, _memory_rate(ceilings, bytes, cache)),
        "compute": _floor(flops, _compute_rate(ceilings, dtype)),
    }
    if not any(floors.values()):
        return None
    floors["dispatch"] = ceilings.dispatch_s
    bound = max(floors, key=floors.__getitem__)
    return Share(floors[bound] / time_s, bound)


def is_suspicious(share: Share) -> bool:
    """Whether it is faster than can be: see SUSPICIOUS."""
    return share.value > SUSPICIOUS


def rate_at(points: tuple[tuple[int, float], ...], size: float) -> float:
    """The rate at a size: linear in the size's logarithm between points, as at the ends beyond.

    points: (size, rate), at least one, by rising size.
    """
    sizes = [point[0] for point in points]
    after = bisect.bisect_left(sizes, size)
    if after == 0:
        return points[0][1]
    if after == len(points):
        return points[-1][1]
    (small, low), (large, high) = points[after - 1 : after + 1]
    part = math.log(size / small) / math.log(large / small)
    return low * (1 - part) + high * part


def better_of(one: Ceilings, other: Ceilings) -> Ceilings:
    """The best of two measurements of one machine, point by point: all sizes, all dtypes.

    Raises ValueError where they are of different machines, devices or numbers of threads.
    """
    if one.machine != other.machine:
        raise ValueError(f"not the same machine: {one.machine} and {other.machine}")
    return dataclasses.replace(
        one,
        memory=tuple(sorted(_best(dict(one.memory), dict(other.memory)).items())),
        matmul=tuple(sorted(_best(dict(one.matmul), dict(other.matmul)).items())),
        dispatch_s=min(one.dispatch_s, other.dispatch_s),
    )


def save(ceilings: Ceilings, *, root: str | Path | None = None, fresh: bool = False) -> Ceilings:
    """Cache the best of these ceilings and the cached ones, which `fresh` forgets; return it."""
    old = None if fresh else CEILINGS.find(ceilings.machine, root=root)
    best = better_of(ceilings, old) if old else ceilings
    CEILINGS.save(best, root=root)
    return best


def _floor(work: int, rate: float | None) -> float:
    """The seconds that work takes at least; 0 where that isn't known."""
    return work / rate if rate else 0.0


def _memory_rate(ceilings: Ceilings, size: int, cache: str) -> float | None:
    """Bytes per second at a size; cold, those of main memory. None where they aren't known."""
    if not ceilings.memory or size <= 0:
        return None
    return ceilings.memory[-1][1] if cache == "cold" else rate_at(ceilings.memory, size)


def _compute_rate(ceilings: Ceilings, dtype: str) -> float | None:
    """FLOP/s in a dtype, or in float32 where a contender may compute in that."""
    names = (dtype, "float32") if dtype in _UPCAST else (dtype,)
    return max((rate for name, rate in ceilings.matmul if name in names), default=None)


def _best(one: Mapping[Key, float], other: Mapping[Key, float]) -> dict[Key, float]:
    """All keys of both, each with the higher of its rates."""
    return {key: max(one.get(key, 0.0), other.get(key, 0.0)) for key in {*one, *other}}
