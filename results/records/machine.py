"""The machine and the software of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Machine:
    """One device of a machine in an environment, used with a number of threads.

    Ceilings and calibrations are of one, and are found by it.
    """

    #: The key of the environment.
    environment_key: str
    device: str
    threads: int


@dataclass(frozen=True, slots=True)
class Environment:
    """The processor, software and settings of a run.

    Facts of software decide as well: times of two versions of torch aren't compared.
    """

    #: Hash of `stable`: runs are compared within one key only.
    key: str
    #: Facts that decide whether two runs may be compared, by name.
    stable: tuple[tuple[str, str], ...]
    #: Facts that only explain, as load and frequency.
    volatile: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The measured limits of a machine: no op on it can be faster.

    They are the best of many measurements, over days. A rate between two sizes is interpolated.
    """

    environment_key: str
    device: str
    threads: int
    #: Bytes moved by a call and bytes per second, by rising size: the best of copying, reading and
    #: writing.
    memory: tuple[tuple[int, float], ...]
    #: Dtype and FLOP/s of a square matrix product.
    matmul: tuple[tuple[str, float], ...]
    #: Seconds per call of an op that does nothing.
    dispatch_s: float

    @property
    def machine(self) -> Machine:
        """The machine that they were measured on."""
        return Machine(self.environment_key, self.device, self.threads)
