"""How near a time comes to the ceilings of its machine, and where ceilings are kept.

Ceilings are the best ever seen: a later measurement of the same machine can only raise them.
"""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from opbench.results.records import Ceilings, machine_cache
from opbench.results.records.validation import is_sound

#: Above this share a row is an error: in the op's cost, in its timing, or the ceilings were taken
#: while the machine was slow.
SUSPICIOUS = 1.05
#: Dtypes that a contender may compute in float32 instead: a CPU's own half precision may be slower.
_UPCAST = ("float16", "bfloat16")
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Share:
    """How much of its ceiling a time reaches.

    value: the shortest time that is possible over the measured one; 1 is at the ceiling. bound:
    which ceiling is the lowest here, "memory", "compute" or "dispatch".
    """

    value: float
    bound: str


def share(
    time_s: float,
    *,
    flops: int,
    bytes: int,
    dtype: str,
    cache: str,
    ceilings: Ceilings | None,
) -> Share | None:
    """How near a call of `time_s` comes to the ceilings, for its compulsory work.

    cache: with "cold" the bytes come from main memory, however few they are. None where there are
    no ceilings, where the time is none, and where there is no ceiling for the work: then the cost
    of a dispatch says nothing.
    """
    if ceilings is None or not time_s > 0:
        return None
    floors = {
        "memory": _floor(bytes, _memory_rate(ceilings, bytes, cache)),
        "compute": _floor(flops, _compute_rate(ceilings, dtype)),
    }
    if not any(floors.values()):
        return None
    floors["dispatch"] = ceilings.dispatch_s
    bound = max(floors, key=floors.__getitem__)
    return Share(floors[bound] / time_s, bound)


def suspicious(found: Share) -> bool:
    """Whether it is faster than can be: see SUSPICIOUS."""
    return found.value > SUSPICIOUS


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
    if _identity(one) != _identity(other):
        raise ValueError(f"not the same machine: {_identity(one)} and {_identity(other)}")
    return dataclasses.replace(
        one,
        memory=tuple(sorted(_best(dict(one.memory), dict(other.memory)).items())),
        matmul=tuple(sorted(_best(dict(one.matmul), dict(other.matmul)).items())),
        dispatch_s=min(one.dispatch_s, other.dispatch_s),
    )


def default_root() -> Path:
    """Where ceilings are kept unless told otherwise: below $XDG_CACHE_HOME or ~/.cache."""
    return machine_cache.folder("ceilings")


def path_of(
    environment_key: str, device: str, *, threads: int, root: str | Path | None = None
) -> Path:
    """The file of a machine's ceilings, whether it is there or not."""
    return machine_cache.path_of(
        Path(root or default_root()), environment_key, device, threads=threads
    )


def find(
    environment_key: str, device: str, *, threads: int, root: str | Path | None = None
) -> Ceilings | None:
    """The ceilings kept for a machine; None where there are none that can be read."""
    found = machine_cache.read(
        path_of(environment_key, device, threads=threads, root=root), _is_whole
    )
    if not isinstance(found, Ceilings):
        return None
    # Unlike names may make the same file name.
    return found if _identity(found) == (environment_key, device, threads) else None


def save(ceilings: Ceilings, *, root: str | Path | None = None, fresh: bool = False) -> Ceilings:
    """Keep ceilings and return what is kept: the best of them and of what was there.

    fresh: forget what was there. Raises OpbenchError where the folder cannot be written.
    """
    key, device, threads = _identity(ceilings)
    old = None if fresh else find(key, device, threads=threads, root=root)
    best = better_of(ceilings, old) if old else ceilings
    machine_cache.write(path_of(key, device, threads=threads, root=root), best, what="the ceilings")
    return best


def _floor(work: int, rate: float | None) -> float:
    """The seconds that work takes at least; 0 where that isn't known."""
    return work / rate if rate else 0.0


def _memory_rate(ceilings: Ceilings, size: int, cache: str) -> float | None:
    if not ceilings.memory or size <= 0:
        return None
    return ceilings.memory[-1][1] if cache == "cold" else rate_at(ceilings.memory, size)


def _compute_rate(ceilings: Ceilings, dtype: str) -> float | None:
    names = (dtype, "float32") if dtype in _UPCAST else (dtype,)
    return max((rate for name, rate in ceilings.matmul if name in names), default=None)


def _best(one: Mapping[Key, float], other: Mapping[Key, float]) -> dict[Key, float]:
    """All keys of both, each with the higher of its rates."""
    return {key: max(one.get(key, 0.0), other.get(key, 0.0)) for key in {*one, *other}}


def _identity(ceilings: Ceilings) -> tuple[str, str, int]:
    return ceilings.environment_key, ceilings.device, ceilings.threads


def _is_whole(ceilings: object) -> bool:
    """Whether a file of the right form holds rising sizes, and numbers that can be divided by."""
    return isinstance(ceilings, Ceilings) and is_sound(ceilings)
