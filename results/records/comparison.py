"""What was measured of two versions: the units of a gate, and how often it errs."""

from __future__ import annotations

from dataclasses import dataclass

from opbench.results.records.case import Case
from opbench.results.records.machine import Environment
from opbench.results.records.outcome import APART, Failed, Outcome, Unsupported, Wrong


def status_of(refused: Unpaired) -> str:
    """What it means that a contender doesn't run in one version or in both, or isn't comparable."""
    for outcome in (refused.head, refused.base):
        if isinstance(outcome, Failed) and outcome.cause in APART:
            return outcome.cause
    runs_in_base = refused.base is None
    if runs_in_base == (refused.head is None):
        return "both"
    other = refused.head if runs_in_base else refused.base
    if isinstance(other, Unsupported):
        return "vanished" if runs_in_base else "new"
    return "head" if runs_in_base else "base"


def is_idle(item: Uncompared) -> bool:
    """Whether it runs in neither version, and says itself that it doesn't run here."""
    outcomes = (item.outcome.base, item.outcome.head)
    return all(isinstance(outcome, Unsupported) for outcome in outcomes)


def is_wrong(item: Uncompared) -> bool:
    """Whether the head gives wrong results."""
    return isinstance(item.outcome.head, Wrong)


def is_broken(item: Uncompared) -> bool:
    """Whether the head fails where the base runs, or has no such contender."""
    failed = isinstance(item.outcome.head, Failed) and item.status not in APART
    return failed and not isinstance(item.outcome.base, Failed | Wrong)


@dataclass(frozen=True, slots=True)
class Paired:
    """Two versions of a contender, timed in turn: seconds per call of the blocks of each round."""

    base_s: tuple[float, ...]
    head_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Why two versions of a contender weren't timed: what became of each; None where it was fine.

    Of a contender that only one version has, the other's is `Unsupported`.
    """

    base: Outcome | None = None
    head: Outcome | None = None


#: How a contender's two versions are timed: in one process, or in two that stand still in turn.
METHODS = ("twins", "pairs")


#: What a unit is evidence of: of the change; of what flagged contenders do in fresh processes, and
#: in fresh pairs where these were twins.
ROLES = ("screen", "confirm", "verify")


#: Or of the base against itself, by whether it goes with screening or with confirming.
NULL_ROLES = ("null", "beside")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What one fresh process, or one fresh pair of them, tells of a contender: one observation.

    injected: share of its own time by which the head was slowed down on purpose.
    """

    contender: str
    case: Case
    method: str
    role: str
    number: int
    times: Paired
    injected: float = 0.0


@dataclass(frozen=True, slots=True)
class Uncompared:
    """A contender of which there is nothing to compare.

    status: "new", "vanished", "base" or "head" (which one did not run), "both"; or one of APART.
    """

    contender: str
    case: Case
    status: str
    outcome: Unpaired


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two versions that a gate compares.

    label: as people call it. commit: with "+" where the working tree was changed; "" where there
    is none. python: its interpreter.
    """

    label: str
    commit: str
    python: str
    environment: Environment


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a gate promises.

    alpha: the chance that it fails a change that made nothing slower, over all that it compares.
    min_slowdown: the smallest slowdown that matters, as a share. miss: the chance that a slowdown
    of that size passes as harmless, for each contender and case.
    """

    alpha: float = 0.01
    min_slowdown: float = 0.03
    miss: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a gate compared, and by which rules: the first line of its folder.

    method: one of METHODS, by which contenders are screened. note: why it isn't the other.
    warnings: in which way the versions may be unlike though nothing of it stands in git.
    """

    base: Side
    head: Side
    method: str
    rules: GateRules
    note: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Power:
    """In how many of so many sessions a gate found a slowdown of that share, of one contender."""

    slowdown: float
    found: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How often a gate errs on a machine, and what it finds: of sessions that were resampled.

    created: when its units were recorded. subjects: contenders and cases of a session. sessions:
    in which nothing differed, and how many of these failed, were void (the base differed from
    itself), or inconclusive. spreads: by method, the standard deviation between units, the median
    over subjects, as a share.
    """

    environment_key: str
    device: str
    threads: int
    created: str
    rules: GateRules
    subjects: int
    sessions: int
    failed: int
    void: int
    inconclusive: int
    powers: tuple[Power, ...]
    spreads: tuple[tuple[str, float], ...]
