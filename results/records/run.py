"""A run: by which rules, with which command, and the lines of its file."""

from __future__ import annotations

from dataclasses import dataclass

from opbench.results.records.comparison import Calibration, Gate, Uncompared, Unit
from opbench.results.records.machine import Ceilings, Environment
from opbench.results.records.outcome import Profile, Record, Started

#: Version of what is written to disk. History:
#: 1  first version.
#: 2  Ceilings; Failed.cause, Measured.units and device_s, Record.output, RunInfo.rules and
#:    warnings.
#: 3  Gate, Unit, Uncompared, Calibration; Profile.side.
SCHEMA = 3


@dataclass(frozen=True, slots=True)
class Rules:
    """By what a race is decided.

    tie: contenders closer than this are equal. precision: how narrow an interval must be (half its
    width over the ratio). error: the chance that any verdict of a race is wrong.
    """

    tie: float = 0.01
    precision: float = 0.03
    error: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The head of a run folder (`run.json`).

    warnings: what was wrong with the machine when the run began.
    """

    id: str
    created: str
    command: tuple[str, ...]
    environment: Environment
    schema: int = SCHEMA
    settings: tuple[tuple[str, str], ...] = ()
    rules: Rules = Rules()
    warnings: tuple[str, ...] = ()


Line = Started | Record | Profile | Ceilings | Gate | Unit | Uncompared | Calibration
