"""The messages that a supervisor and its workers exchange.

A worker is sent its config and answers with a handshake. For each job it then sends the start and
the result of every contender, and an end; contenders whose blocks are timed are first ready, then
timed one block a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from opbench.harness.explaining.observed import Observed
from opbench.harness.planning.selection import Race
from opbench.harness.timing.stopping import Policy
from opbench.harness.versions.sources import Version
from opbench.results.records import (
    SIDES,
    Environment,
    EvidencePass,
    OptionalSide,
    Outcome,
    Paired,
    Profile,
    Right,
    SideName,
    Stage,
    Unpaired,
)

#: The result of a contender of a job: which of these it may be depends on the task.
JobResult = Outcome | Profile | Right | Paired | Unpaired | Observed
#: What is begun: a stage as it is recorded, or "compile", which is to prepare by a compiler.
ObservedStage = Stage | Literal["compile"]
#: The work on a case: a race, a profile or a check of its contenders; a check of them on the small
#: cases of its op ("spots"); a search for the smallest case that shows a failure ("reproduce"); a
#: race of two versions of each in one process ("twins"); single blocks of one version, as they are
#: requested; or evidence of why a contender takes as long as it does.
Task = Literal["race", "profile", "check", "spots", "reproduce", "twins", "blocks", "explain"]
#: How much of a contender's output is kept with its record, in characters.
OUTPUT = 500


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """How a worker process starts."""

    #: Modules to load besides the installed suites.
    modules: tuple[str, ...]
    #: Bytes that contenders may use; None for as many as there are.
    memory_limit: int | None
    #: Versions of a project, by the side that each stands for, to be loaded instead.
    versions: tuple[tuple[SideName, Version], ...] = ()
    #: The interpreter that it runs in; that of the supervisor where empty.
    python: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """How a contender is profiled."""

    #: Whether its trace has the Python functions, too.
    stacks: bool = False
    #: Calls before the trace.
    warmup: int = 1
    #: Calls in the trace, and for the table of operators; None for as many as suffice.
    calls: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A case to work on with its contenders."""

    #: What is done with them.
    task: Task
    #: The case, and those of its contenders that have no result yet.
    race: Race
    #: Of a race, and of the calibration of blocks.
    policy: Policy = field(default_factory=Policy)
    #: Traces of profiles go below it.
    folder: Path = Path()
    #: The sides whose versions are raced as twins.
    sides: tuple[SideName, SideName] = SIDES
    #: Whether twins, and contenders whose blocks are timed, are checked first.
    checked: bool = True
    #: By contender, the share of its own time by which the head is slowed down on purpose.
    injected: Mapping[str, float] = field(default_factory=dict)
    #: The side whose blocks are timed, or whose profiles are taken.
    side: OptionalSide = ""
    #: How traces are taken.
    tracing: Tracing = field(default_factory=Tracing)
    #: The passes that gather evidence, in order.
    passes: tuple[EvidencePass, ...] = ()


@dataclass(frozen=True, slots=True)
class Handshake:
    """The first message of a worker: its environment, or the error that keeps it from working."""

    #: None if the worker can't work.
    environment: Environment | None
    #: For people; "" if there is none.
    error: str = ""


@dataclass(frozen=True, slots=True)
class StageStart:
    """A contender begins to be prepared or profiled; the worker waits for an answer.

    With "" for the contender, the race of all of them begins, and no answer is expected.
    """

    #: Its name.
    contender: str
    #: Never one of a block, as the sides that are timed in turn.
    stage: ObservedStage


@dataclass(frozen=True, slots=True)
class ContenderResult:
    """The result of a contender, and the beginning of its output."""

    #: Its name.
    contender: str
    result: JobResult
    #: At most OUTPUT characters.
    output: str


@dataclass(frozen=True, slots=True)
class JobEnd:
    """The job is over."""

    #: Whether the process can't be put back to what it was: it ends, the rest needs a fresh one.
    tainted: bool = False
    #: Where an op itself is at fault, and why, as in OpFaultError; then no contender was judged.
    fault: tuple[str, str] | None = None
    #: Of a check: the largest difference of each two right contenders, in multiples of the
    #: tolerance.
    differences: tuple[tuple[tuple[str, str], float], ...] = ()
    #: Of a reproduction: the program, or a comment that says why there is none.
    program: str = ""


@dataclass(frozen=True, slots=True)
class BlocksReady:
    """These contenders can be timed; the worker waits for time requests until one ends it."""

    #: Their names.
    contenders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimeRequest:
    """Time a block of a contender and send its seconds per call; with "", end the job."""

    #: Its name, or "".
    contender: str


#: Everything that a worker sends while it works on a job.
Message = StageStart | ContenderResult | JobEnd | BlocksReady | float
