"""What became of a contender on a case."""

from __future__ import annotations

from dataclasses import dataclass

from opbench.results.records.case import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A contender that was right and was timed.

    samples_s: seconds per call, one per block; rounds: the round each block belongs to, so that
    contenders of one case can be paired, and empty where it was timed by itself, as what another
    program measured; calls: calls per block.
    preparation_s: compiling and the first call. error: largest error found by the check, in units
    of the tolerance. flops, bytes: compulsory work of a call. peak_bytes: most memory that a call
    held at once, None where it was not measured. stopped: why no more samples were taken.
    units: the fresh process that each block was timed in; empty where there was one process.
    device_s: seconds per call of each block by the device's own events; empty on the CPU.
    """

    samples_s: tuple[float, ...]
    rounds: tuple[int, ...]
    calls: int
    preparation_s: float
    error: float
    flops: int
    bytes: int
    stopped: str
    peak_bytes: int | None = None
    units: tuple[int, ...] = ()
    device_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Wrong:
    """A contender that gave a wrong result; it is not timed."""

    stage: str
    reason: str
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A contender that does not run here, and why."""

    reason: str


#: Why two versions of a contender can't be compared though each may run: one has code of the
#: other's; or both register an op with torch under one name, which one process can't have.
APART = ("mixed", "registered")


#: What can become of a contender that fails.
CAUSES = ("raised", "crashed", "exited", "hung", "memory", "recompiled", *APART)


@dataclass(frozen=True, slots=True)
class Failed:
    """A contender that raised, crashed, hung or ran out of memory, and at which stage.

    cause: one of CAUSES.
    """

    stage: str
    reason: str
    traceback: str = ""
    cause: str = "raised"


@dataclass(frozen=True, slots=True)
class Right:
    """A contender that passed every check; error is the largest, in units of the tolerance."""

    error: float


Outcome = Measured | Wrong | Unsupported | Failed


Verdict = Right | Wrong | Unsupported | Failed


@dataclass(frozen=True, slots=True)
class Started:
    """Written before a job starts, so that what ran when a machine died is known."""

    contender: str
    case: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One finished job: what a contender did on a case.

    output: the beginning of what it printed while it was prepared and checked.
    """

    contender: str
    case: Case
    outcome: Outcome
    fingerprint: str
    environment_key: str
    caveats: tuple[tuple[str, str], ...] = ()
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRow:
    """One line of a profile's operator table, per call of the contender."""

    name: str
    calls: float
    self_time_s: float
    total_time_s: float
    self_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profiled job: where its trace lies (relative to the run) and its operators.

    side: "base" or "head" where two versions were profiled.
    """

    contender: str
    case: Case
    trace: str
    operators: tuple[OperatorRow, ...]
    peak_bytes: int | None
    side: str = ""
