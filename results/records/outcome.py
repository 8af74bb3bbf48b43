"""The outcome of a contender on a case, and the records that hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from opbench.results.records.case import Case

#: The versions that are compared; "again" is the base once more, in an A/A control.
SideName = Literal["base", "head", "again"]
#: A side, or "" where no versions are compared.
OptionalSide = Literal["", SideName]
#: The step of a job in which a contender failed. Of a process that died it is the step that stood
#: in the heartbeat; a side is the version that a gate times in its turn.
Stage = Literal[
    "start",
    "inputs",
    "prepare",
    "bind",
    "check",
    "warm-up",
    "measure",
    "race",
    "memory",
    "profile",
    "idle",
    SideName,
]
#: The check that a contender did not pass; older runs have "check" and "race" as well.
FailedCheck = Literal[
    "value",
    "gradient",
    "shape",
    "dtype",
    "device",
    "aliasing",
    "contiguity",
    "inputs",
    "results",
    "cache",
    "state",
    "leftovers",
    "caveat",
    "check",
    "race",
]
#: Why two versions can't be compared though each may run: one has code of the other's ("mixed"), or
#: both register an op with torch under one name, which one process can't have ("registered").
Incomparable = Literal["mixed", "registered"]
#: How a contender failed.
Cause = Literal["raised", "crashed", "exited", "hung", "memory", "recompiled", Incomparable]
INCOMPARABLE: tuple[Incomparable, ...] = get_args(Incomparable)
CAUSES: tuple[Cause, ...] = get_args(Cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A contender that passed the check and was timed.

    All samples are kept; medians, ratios and verdicts are derived when a run is read.
    """

    #: Seconds per call, one per block.
    samples_s: tuple[float, ...]
    #: The round of each block, by which contenders of a case are paired. Empty where a contender
    #: was timed by itself, as other programs do.
    rounds: tuple[int, ...]
    #: Calls per block.
    calls: int
    #: Seconds of compiling and of the first call.
    preparation_s: float
    #: The largest error that the check found, as a multiple of the tolerance.
    error: float
    #: Compulsory arithmetic operations of a call.
    flops: int
    #: Compulsory bytes of a call: inputs read and outputs written.
    bytes: int
    #: Why no more samples were taken.
    stopped: str
    #: The most memory that a call held at once; None where it was not measured.
    peak_bytes: int | None = None
    #: The fresh process of each block; empty where there was one process.
    units: tuple[int, ...] = ()
    #: Seconds per call of each block by the device's own events; empty on the CPU.
    device_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Wrong:
    """A contender that did not pass the check; it is not timed."""

    #: The check that it did not pass.
    stage: FailedCheck
    reason: str
    #: As a multiple of the tolerance; None where the fault has no size.
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A contender that does not run here, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A contender that raised, crashed, hung or ran out of memory.

    The process may have died of it: the outcome then comes from its supervisor, and the traceback
    is the end of what was printed.
    """

    stage: Stage
    reason: str
    traceback: str = ""
    cause: Cause = "raised"


@dataclass(frozen=True, slots=True)
class Right:
    """A contender that passed every check."""

    #: The largest, as a multiple of the tolerance.
    error: float


#: Of a contender that was to be timed.
Outcome = Measured | Wrong | Unsupported | Failed
#: Of a contender that was checked.
Verdict = Right | Wrong | Unsupported | Failed


@dataclass(frozen=True, slots=True)
class Started:
    """A job that is about to begin: it is on disk before, should the machine die of it."""

    contender: str
    case: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A finished job: a contender on a case, and its outcome."""

    contender: str
    case: Case
    outcome: Outcome
    #: Hash of the contender's source.
    fingerprint: str
    #: The key of the environment that it ran in.
    environment_key: str
    #: The declared weaknesses that hold on this case: each an input kind or layout, and its text.
    caveats: tuple[tuple[str, str], ...] = ()
    #: The beginning of its printed output, while it was prepared and checked.
    output: str = ""
    #: Whether it takes a compiler on the machine (torch.compile, Triton, C++); None where nobody
    #: knows, as of other programs and of older runs.
    compiled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRow:
    """An operator in a profile; its numbers are per call of the contender."""

    name: str
    calls: float
    #: Without the operators that it calls.
    self_time_s: float
    #: With them.
    total_time_s: float
    #: Memory that it allocated, less what it freed.
    self_bytes: float
    #: Floating-point operations, of those operators that torch counts them of; 0 of all others.
    flops: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The work of a call as its operators show it, beside what its op declares."""

    #: Floating-point operations of the operators that torch counts them of.
    flops: float
    #: Bytes that its operators read and write; None where they can't be seen.
    bytes: float | None
    #: The share of a call outside of all operators, in the profiler; None where it isn't known.
    outside: float | None
    #: Operations that have to be done, by the op's cost.
    declared_flops: int
    #: Bytes that have to be read and written, by the op's cost.
    declared_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profiled job.

    Two versions leave two of them, with the same contender and case.
    """

    contender: str
    case: Case
    #: The file of its trace, relative to the run.
    trace: str
    operators: tuple[OperatorRow, ...]
    #: The most memory that a call held at once; None where it was not measured.
    peak_bytes: int | None
    #: The version that was profiled; "" where there was only one.
    side: OptionalSide = ""
    #: None in runs of before it was counted.
    work: Work | None = None
    #: Files beside the trace with the code that was compiled for it, relative to the run.
    code: tuple[str, ...] = ()
