"""Profile two versions of contenders on the same cases, each version in a process of its own.

The two profiles of a case follow each other at once; what grew between them is derived when they
are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from opbench.harness.execution.messages import JobResult, ObservedStage
from opbench.harness.execution.observer import NullObserver, Observer
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.planning.selection import Race
from opbench.harness.regression.comparison import ComparisonPlan
from opbench.results.records import (
    SIDES,
    Failed,
    Gate,
    Measured,
    Outcome,
    Profile,
    SideName,
    Uncompared,
    Unpaired,
    Unsupported,
    Wrong,
)
from opbench.results.records.comparison import status_of
from opbench.results.records.run_folder import RunFolder


def profile_versions(
    comparison: ComparisonPlan, folder: RunFolder, *, observer: Observer | None = None
) -> tuple[Profile | Uncompared, ...]:
    """Profile both versions of every contender on every case; the traces go below the run's.

    Returns, and records, a Profile for each side that ran, and an Uncompared for each contender and
    case that did not run in both. Raises WorkerError if a version doesn't load.
    """
    observer = observer or NullObserver()
    lines: list[Profile | Uncompared] = []
    # A gate has recorded itself what it couldn't compare, and its report is made of that.
    is_of_gate = any(isinstance(line, Gate) for line in folder.lines())
    with ExitStack() as stack:
        workers = {side: stack.enter_context(_supervisor(comparison, side)) for side in SIDES}
        for race in comparison.races:
            observer.begin_case(race)
            for line in _profiled(race, workers, folder, observer):
                if isinstance(line, Profile) or not is_of_gate:
                    folder.append(line)
                lines.append(line)
            observer.end_case(race)
    return tuple(lines)


def _supervisor(comparison: ComparisonPlan, side: SideName) -> Supervisor:
    """A supervisor of the workers of one side."""
    config, limits = comparison.sides[side], comparison.limits
    versions, python = config.versions, config.python
    return Supervisor(config.modules, limits=limits, versions=versions, python=python)


def _profiled(
    race: Race, workers: Mapping[SideName, Supervisor], folder: RunFolder, observer: Observer
) -> Iterator[Profile | Uncompared]:
    """The profiles and refusals of a case, both sides in turn: little time lies between them."""
    collectors = {side: _Collector(observer) for side in workers}
    for side, worker in workers.items():
        # Each worker is in the folder of its version.
        worker.profile(race, folder.path.absolute(), collectors[side], side=side)
    for name in race.contenders:
        both = {side: collector.results[name] for side, collector in collectors.items()}
        yield from (outcome for outcome in both.values() if isinstance(outcome, Profile))
        refused = Unpaired(**{side: _refusal(outcome) for side, outcome in both.items()})
        if refused != Unpaired():
            yield Uncompared(name, race.case, status_of(refused), refused)


@dataclass(frozen=True, slots=True)
class _Collector(NullObserver):
    """Collects the results of the contenders of a case, and passes every notification on."""

    #: Draws the progress.
    observer: Observer
    #: By contender.
    results: dict[str, JobResult] = field(default_factory=dict)

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Pass on that a contender begins a stage."""
        self.observer.begin(name, stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Keep the result."""
        self.results[name] = result
        self.observer.done(name, result, output)


def _refusal(result: JobResult) -> Outcome | None:
    """The outcome that stands in the place of a profile; None where there is one."""
    if isinstance(result, Profile):
        return None
    assert isinstance(result, Measured | Wrong | Unsupported | Failed)
    return result
