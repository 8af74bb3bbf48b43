"""Explain why a contender is slower in one of two versions.

Each version is observed in a process of its own; the two are then raced as a gate would race them,
in one process where they can share it, and else in two that take turns.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from opbench.harness.execution.messages import JobResult
from opbench.harness.execution.observer import NullObserver, Observer
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.pipeline.explain import EvidenceCollector
from opbench.harness.planning.selection import Race
from opbench.harness.regression.comparison import ComparisonPlan
from opbench.harness.regression.process_pair import ProcessPair, SideDiedError, refusal_of
from opbench.harness.regression.setup import Setup
from opbench.harness.timing.stopping import Policy
from opbench.results.explaining.explanation import explain
from opbench.results.ranking.verdicts import ratio_to
from opbench.results.records import (
    SIDES,
    EvidencePass,
    Explanation,
    Failed,
    Paired,
    Rules,
    SideName,
    Uncompared,
    Unpaired,
)
from opbench.results.records.comparison import status_of
from opbench.results.records.run_folder import RunFolder
from opbench.results.statistics.interval import Interval
from opbench.results.statistics.intervals import median


def explain_versions(
    setup: Setup,
    race: Race,
    folder: RunFolder,
    *,
    policy: Policy,
    passes: tuple[EvidencePass, ...],
    observer: Observer | None = None,
) -> Explanation | Uncompared:
    """Why the one contender of a race is slower in one version than in the other; recorded.

    An Uncompared where it doesn't run in both. Raises WorkerError if a version doesn't load.
    """
    observer = observer or NullObserver()
    start = time.monotonic()
    collectors = {side: EvidenceCollector(observer) for side in SIDES}
    for side in SIDES:
        with _supervisor(setup.plan, (side,)) as supervisor:
            supervisor.explain(race, passes, collectors[side])
    times = _times(setup, race, policy, observer)
    (name,) = race.contenders
    if isinstance(times, Unpaired):
        # Not recorded: in the folder of a gate it would be a finding of that.
        return Uncompared(name, race.case, status_of(times), times)
    explanation = _explained(race, times, collectors, policy.rules, start)
    folder.append(explanation)
    return explanation


def _supervisor(plan: ComparisonPlan, sides: tuple[SideName, ...]) -> Supervisor:
    """A supervisor of workers that load these versions."""
    config = plan.sides[sides[0]]
    versions = tuple(version for side in sides for version in plan.sides[side].versions)
    return Supervisor(config.modules, limits=plan.limits, versions=versions, python=config.python)


def _times(setup: Setup, race: Race, policy: Policy, observer: Observer) -> Paired | Unpaired:
    """The times of both versions, or why there are none.

    In one process as long as they can share it: that is by far the sharpest. One process, or one
    pair of them, is enough for causes; whether there is a regression is for a gate to say.
    """
    (name,) = race.contenders
    if setup.method == "twins":
        collector = _PairCollector(observer)
        with _supervisor(setup.plan, SIDES) as supervisor:
            supervisor.race_twins(race, policy, collector, sides=SIDES, checked=True)
        if not collector.in_pairs:
            return collector.results[name]
    try:
        with ProcessPair(dict(setup.plan.sides), setup.plan.limits) as processes:
            seconds = policy.budget_s
            return processes.times(race, seconds=seconds, order=0, checked=True)[name]
    except SideDiedError as error:
        return refusal_of(error)


@dataclass(slots=True)
class _PairCollector(NullObserver):
    """Collects the times of contenders whose versions share a process."""

    observer: Observer
    results: dict[str, Paired | Unpaired] = field(default_factory=dict)

    @property
    def in_pairs(self) -> bool:
        """Whether the versions turned out not to fit into one process."""
        refusals = (r for r in self.results.values() if isinstance(r, Unpaired))
        sides = (side for refusal in refusals for side in (refusal.base, refusal.head))
        return any(isinstance(o, Failed) and o.cause in ("mixed", "registered") for o in sides)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Keep the times; the stage of a crash names the side."""
        if isinstance(result, Failed):
            result = Unpaired(result) if result.stage == "base" else Unpaired(None, result)
        assert isinstance(result, Paired | Unpaired)
        self.results[name] = result


def _explained(
    race: Race,
    times: Paired,
    collectors: Mapping[SideName, EvidenceCollector],
    rules: Rules,
    start: float,
) -> Explanation:
    """The explanation of two versions that were timed in turn; the slower may be either."""
    (name,) = race.contenders
    ratio = _interval(times, rules)
    sides: tuple[SideName, SideName] = ("head", "base")
    if ratio.value < 1:
        sides, ratio = ("base", "head"), Interval(1 / ratio.value, 1 / ratio.high, _inverse(ratio))
    seconds = {"base": median(times.base_s), "head": median(times.head_s)}
    slower, faster = (collectors[s].observed(name, seconds[s], side=s) for s in sides)
    taken = time.monotonic() - start
    return explain(race.case, slower, faster, ratio, tie=rules.tie, seconds=taken)


def _interval(times: Paired, rules: Rules) -> Interval:
    """The time of the head over that of the base, by the rules by which they were timed."""
    head, base = (dict(enumerate(some)) for some in (times.head_s, times.base_s))
    return ratio_to(head, base, contenders=2, rules=rules)


def _inverse(ratio: Interval) -> float:
    """The upper end of the inverse of a ratio."""
    return 1 / ratio.low if ratio.low else float("inf")
