"""Explain why one contender is slower than another: observe both, race them, rank causes.

Evidence comes from passes in the worker process, none of which runs during the race.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from opbench.harness.catalog import Catalog
from opbench.harness.execution.messages import JobResult, ObservedStage
from opbench.harness.execution.observer import NullObserver, Observer
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.explaining.observed import Observed
from opbench.harness.pipeline.run import run
from opbench.harness.planning.selection import Race
from opbench.harness.timing.stopping import Policy
from opbench.results.explaining.explanation import explain as explained
from opbench.results.ranking.ceilings import share
from opbench.results.ranking.leaderboard import samples_of
from opbench.results.ranking.verdicts import best_of, ratio_to
from opbench.results.records import (
    Case,
    Ceilings,
    Evidence,
    EvidencePass,
    Explanation,
    Measured,
    OperatorUse,
    OptionalSide,
    Outcome,
    Record,
    Rules,
)
from opbench.results.records.run_folder import RunFolder
from opbench.results.statistics.intervals import median

#: Those that every explanation has, in this order: what is likelier to end the process, or to leave
#: it other than it was, comes later.
PASSES: tuple[EvidencePass, ...] = (
    "compiled code",
    "machine code",
    "resources",
    "tensors",
    "operators",
    "page faults",
    "counters",
    "allocator",
)
#: Of the race: times within 2% are equal. A ratio to 5% will do for shares; most are there after a
#: second or two, and what is undecided then may take longer. Its peak memory is among the evidence
#: already.
POLICY = Policy(rules=Rules(tie=0.02, precision=0.05), budget_s=5.0, takes_peak=False)


@dataclass(slots=True)
class EvidenceCollector(NullObserver):
    """Collects what the passes of one contender observed, and passes every notification on."""

    #: Draws the progress.
    observer: Observer
    passes: list[Observed] = field(default_factory=list)
    #: The contender's outcome where it couldn't be observed at all.
    refusal: Outcome | None = None

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Pass on that a stage begins."""
        self.observer.begin(name, stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Keep the result."""
        if isinstance(result, Observed):
            self.passes.append(result)
        else:
            self.refusal = result  # type: ignore[assignment]

    def evidence(
        self, contender: str, measured: Measured, case: Case, ceilings: Ceilings | None
    ) -> Evidence:
        """All that was observed of a contender that was raced, with what its op declares.

        ceilings: those of the machine that are of the case, if they are known.
        """
        declared = (
            ("compulsory_bytes", float(measured.bytes)),
            ("declared_flops", float(measured.flops)),
        )
        time_s = median(measured.samples_s)
        place = share(
            time_s,
            flops=measured.flops,
            bytes=measured.bytes,
            dtype=case.dtype,
            cache=case.cache,
            ceilings=ceilings,
        )
        known = (("ceiling_s", place.value * time_s),) if place else ()
        observed = self.observed(contender, time_s)
        return replace(observed, figures=(*observed.figures, *declared, *known))

    def observed(self, contender: str, time_s: float, *, side: OptionalSide = "") -> Evidence:
        """All that was observed, as one value."""
        return Evidence(
            contender=contender,
            side=side,
            time_s=time_s,
            operators=merged(self.passes),
            figures=tuple(figure for one in self.passes for figure in one.figures),
            missing=tuple((one.part, one.missing) for one in self.passes if one.missing),
        )


def explain(
    catalog: Catalog,
    race: Race,
    folder: RunFolder,
    *,
    supervisor: Supervisor,
    observer: Observer | None = None,
    policy: Policy = POLICY,
    passes: tuple[EvidencePass, ...] = PASSES,
) -> Explanation | tuple[Record, ...]:
    """Why the slower of the two contenders of a race is slower, by how much, and how sure that is.

    Recorded, with the race's own records. Returns the records alone where one of the two couldn't
    be timed. policy: of the race.
    """
    observer = observer or NullObserver()
    start = time.monotonic()
    collectors = {name: EvidenceCollector(observer) for name in race.contenders}
    for name, collector in collectors.items():
        supervisor.explain(race.only([name]), passes, collector)
    records = run(
        catalog,
        [race],
        folder,
        policy=policy,
        supervisor=supervisor,
        observer=observer,
        anew=(race.case,),
        # It is about this case, on whose inputs both are checked.
        spot_check=False,
    )
    times = {r.contender: r.outcome for r in records if isinstance(r.outcome, Measured)}
    if len(times) < len(race.contenders):
        return records
    of_case = (race.case.device, race.case.threads)
    ceilings = next((c for c in folder.ceilings() if (c.device, c.threads) == of_case), None)
    explanation = _explained(race, times, collectors, policy.rules, start, ceilings)
    folder.append(explanation)
    return explanation


def _explained(
    race: Race,
    times: dict[str, Measured],
    collectors: dict[str, EvidenceCollector],
    rules: Rules,
    start: float,
    ceilings: Ceilings | None,
) -> Explanation:
    """The explanation of two contenders that were timed.

    The slower one is by the rounds that both share, as on a leaderboard. start: when evidence began
    to be gathered, in seconds of the monotonic clock.
    """
    samples = {name: samples_of(measured, name) for name, measured in times.items()}
    faster = best_of(samples)
    (slower,) = (name for name in race.contenders if name != faster)
    ratio = ratio_to(samples[slower], samples[faster], contenders=2, rules=rules)
    evidence = {
        name: collectors[name].evidence(name, measured, race.case, ceilings)
        for name, measured in times.items()
    }
    return explained(
        race.case,
        evidence[slower],
        evidence[faster],
        ratio,
        tie=rules.tie,
        seconds=time.monotonic() - start,
    )


def merged(passes: Iterable[Observed]) -> tuple[OperatorUse, ...]:
    """The operators of the pass that timed them, with the page faults that another counted.

    Uses of an operator are the same where they have path, name, sizes, strides and dtypes in
    common.
    """
    found: dict[tuple[object, ...], OperatorUse] = {}
    for one in passes:
        for use in one.operators:
            key = (use.path, use.name, use.sizes, use.strides, use.dtypes)
            if one.part == "operators":
                found[key] = use
            elif key in found:
                found[key] = replace(found[key], page_faults=use.page_faults)
    return tuple(found.values())
