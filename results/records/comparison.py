"""Two versions compared: the units of a gate, and how often gates err."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from opbench.results.records.case import Case
from opbench.results.records.machine import Environment, Machine
from opbench.results.records.outcome import (
    INCOMPARABLE,
    Failed,
    Incomparable,
    Outcome,
    SideName,
    Unsupported,
    Wrong,
)

#: The two versions that are compared.
SIDES: tuple[SideName, SideName] = ("base", "head")
#: How two versions are timed: in one process, or in two that stand still in turn.
Method = Literal["twins", "pairs"]
#: The stage of a gate that a unit belongs to: of all contenders; of those suspected, in fresh
#: processes; of those confirmed as twins, in fresh pairs.
GateStage = Literal["screen", "confirm", "verify"]
#: The A/A controls, in which the base is timed against itself: beside "screen", and beside
#: "confirm".
NullRole = Literal["null", "beside"]
#: What a unit is evidence of.
Role = Literal[GateStage, NullRole]
#: Why a contender wasn't compared: only the head has it, or only the base; it doesn't run in the
#: base, in the head, or in both; or its versions can't be compared.
Status = Literal["new", "vanished", "base", "head", "both", Incomparable]
METHODS: tuple[Method, ...] = get_args(Method)
NULL_ROLES: tuple[NullRole, ...] = get_args(NullRole)


@dataclass(frozen=True, slots=True)
class Paired:
    """Two versions of a contender, timed in turn: seconds per call of the blocks of each round."""

    base_s: tuple[float, ...]
    head_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Why two versions of a contender weren't timed: the outcome of each, None where it ran.

    Where only one version has the contender, the other's outcome is `Unsupported`.
    """

    base: Outcome | None = None
    head: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A fresh process, or a fresh pair of them, in which a contender was timed: one observation.

    Both versions were timed in turn, round by round, so that what slowed down the process slowed
    down both.
    """

    contender: str
    case: Case
    method: Method
    role: Role
    #: Of the process, within its role.
    number: int
    times: Paired
    #: Share of its own time by which the head was slowed down on purpose.
    injected: float = 0.0


@dataclass(frozen=True, slots=True)
class Uncompared:
    """A contender that could not be compared."""

    contender: str
    case: Case
    status: Status
    outcome: Unpaired


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two versions that a gate compares."""

    #: As people call it.
    label: str
    #: With "+" where the working tree was changed; "" where there is none.
    commit: str
    #: Its interpreter.
    python: str
    environment: Environment


@dataclass(frozen=True, slots=True)
class GateRules:
    """The error rates of a gate, and the slowdown that matters."""

    #: The chance that a change which made nothing slower fails, over all that is compared.
    alpha: float = 0.01
    #: The smallest slowdown that matters, as a share.
    min_slowdown: float = 0.03
    #: The chance that a slowdown of that size passes, for each contender and case.
    miss: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The first line of a gate's folder: its versions and rules.

    Everything that a gate reports is derived from it and from the units that follow.
    """

    base: Side
    head: Side
    #: By which contenders are screened.
    method: Method
    rules: GateRules
    #: Why it isn't the other method.
    note: str = ""
    #: In which way the versions may differ though nothing of it stands in git.
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Power:
    """The power of a gate: sessions that found a slowdown of one contender."""

    #: As a share.
    slowdown: float
    #: The sessions that failed for it.
    found: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The error rates of gates on a machine, and their power: from resampled sessions.

    A session is simulated from recorded processes, and decided by the functions that decide real
    ones. Its counts are of sessions.
    """

    environment_key: str
    device: str
    threads: int
    #: When its units were measured.
    created: str
    rules: GateRules
    #: Contenders and cases of a session.
    subjects: int
    #: Sessions in which nothing differed.
    sessions: int
    #: Of these, those that failed.
    failed: int
    #: Those in which the base differed from itself.
    void: int
    inconclusive: int
    powers: tuple[Power, ...]
    #: By method, the standard deviation between units as a share: the median over subjects.
    spreads: tuple[tuple[Method, float], ...]

    @property
    def machine(self) -> Machine:
        """The machine that it is of."""
        return Machine(self.environment_key, self.device, self.threads)


def status_of(outcome: Unpaired) -> Status:
    """Why a contender wasn't compared, from the outcomes of its two versions.

    Where neither version failed, and still no times came of them, it is "both".
    """
    for side in (outcome.head, outcome.base):
        if isinstance(side, Failed) and (side.cause == "mixed" or side.cause == "registered"):
            return side.cause
    runs_in_base = outcome.base is None
    if runs_in_base == (outcome.head is None):
        return "both"
    other = outcome.head if runs_in_base else outcome.base
    if isinstance(other, Unsupported):
        return "vanished" if runs_in_base else "new"
    return "head" if runs_in_base else "base"


def is_idle(item: Uncompared) -> bool:
    """Whether neither version supports this machine or case.

    Nothing is known of its change then.
    """
    outcomes = (item.outcome.base, item.outcome.head)
    return all(isinstance(outcome, Unsupported) for outcome in outcomes)


def is_wrong(item: Uncompared) -> bool:
    """Whether the head gives wrong results."""
    return isinstance(item.outcome.head, Wrong)


def is_broken(item: Uncompared) -> bool:
    """Whether the head fails where the base runs, or has no such contender."""
    failed = isinstance(item.outcome.head, Failed) and item.status not in INCOMPARABLE
    return failed and not isinstance(item.outcome.base, Failed | Wrong)
