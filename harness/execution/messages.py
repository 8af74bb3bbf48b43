"""The messages that a supervisor and its workers exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from opbench.harness.planning.selection import Race
from opbench.harness.timing.stopping import Policy
from opbench.harness.versions.sources import Version
from opbench.results.records import Environment, Outcome, Paired, Profile, Right, Unpaired

#: What can be told of a contender.
JobResult = Outcome | Profile | Right | Paired | Unpaired


#: How much of what a contender prints is kept with its record, in characters.
OUTPUT = 500


@dataclass(frozen=True, slots=True)
class Brief:
    """What a worker is told when it starts: modules to load, and the bytes it may use.

    versions: of a project, by the name of the arm that each is raced in, to be loaded instead.
    """

    modules: tuple[str, ...]
    memory_limit: int | None
    versions: tuple[tuple[str, Version], ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A case to do with its contenders: to "race" by a policy, to "profile" below a folder, to
    "check", to race as "twins" of two arms, or to call in "bursts" of one when it is asked to.

    checked: whether twins, and who is called in bursts, are checked first. injected: of contenders,
    the share of its own time by which the head is slowed down on purpose. side: whose bursts they
    are, or whose profiles.
    """

    task: str
    race: Race
    policy: Policy = field(default_factory=Policy)
    folder: Path = Path()
    arms: tuple[str, str] = ("base", "head")
    checked: bool = True
    injected: Mapping[str, float] = field(default_factory=dict)
    side: str = ""


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker is ready; or it is not, and `error` says why."""

    environment: Environment | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Began:
    """A contender begins to be prepared or profiled. The worker waits for an answer.

    Of the race, which begins for all of them ("") at once, it only tells.
    """

    contender: str
    stage: str


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a contender, and what it printed."""

    contender: str
    outcome: JobResult
    output: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is over.

    spoiled: this process is going to end; the rest needs another. apart: of a check, how far each
    two right contenders are from each other. fault: of the op itself, where and why, as of an
    OpFaultError: then none of the contenders was judged.
    """

    spoiled: bool = False
    fault: tuple[str, str] | None = None
    apart: tuple[tuple[tuple[str, str], float], ...] = ()


@dataclass(frozen=True, slots=True)
class Poised:
    """Those contenders are ready to be called in bursts. The worker waits for bursts or an end."""

    contenders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Burst:
    """Call a contender, and tell the seconds per call; or make an end, where it is ""."""

    contender: str


#: What a worker sends while it does a job.
Message = Began | Done | Finished | Poised | float
