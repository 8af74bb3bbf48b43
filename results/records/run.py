"""A run: its head, its rules, and the lines of its file."""

from __future__ import annotations

from dataclasses import dataclass

from opbench.results.records.comparison import Calibration, Gate, Uncompared, Unit
from opbench.results.records.explanation import Explanation
from opbench.results.records.machine import Ceilings, Environment
from opbench.results.records.outcome import Profile, Record, Started

#: Version of what is written to disk. History:
#: 1  first version.
#: 2  Ceilings; Failed.cause, Measured.units and device_s, Record.output, RunInfo.rules and
#:    warnings.
#: 3  Gate, Unit, Uncompared, Calibration; Profile.side.
#: 4  Explanation; Record.compiled.
SCHEMA = 4


@dataclass(frozen=True, slots=True)
class Rules:
    """The decision rules of a race.

        Rules(tie=0.02, precision=0.01)

    All three are fractions.
    """

    #: Contenders closer than this are equal.
    tie: float = 0.01
    #: How narrow an interval must be: half its width over the ratio.
    precision: float = 0.03
    #: The chance that any verdict of the race is wrong.
    error: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The head of a run folder (`run.json`)."""

    id: str
    #: When the run began, as ISO text; "" where that isn't known.
    created: str
    #: The command line.
    command: tuple[str, ...]
    environment: Environment
    schema: int = SCHEMA
    #: The options of the command, by name, as JSON.
    settings: tuple[tuple[str, str], ...] = ()
    rules: Rules = Rules()
    #: Noise checks of the machine that failed when the run began.
    warnings: tuple[str, ...] = ()


Line = Started | Record | Profile | Ceilings | Gate | Unit | Uncompared | Calibration | Explanation
