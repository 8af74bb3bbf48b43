"""The machine and the software of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a run was made. `stable` decides whether two runs may be compared; `volatile` (load,
    frequency) only explains.
    """

    key: str
    stable: tuple[tuple[str, str], ...]
    volatile: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The speed of light of a machine, measured: what no op on it can beat.

    memory: (bytes moved by a call, bytes per second) by rising size, the best of copying, reading
    and writing. matmul: (dtype, FLOP/s) of a square matrix product. dispatch_s: seconds per call
    of an op that does nothing. All with so many threads, on that device.
    """

    environment_key: str
    device: str
    threads: int
    memory: tuple[tuple[int, float], ...]
    matmul: tuple[tuple[str, float], ...]
    dispatch_s: float
