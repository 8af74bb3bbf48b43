"""Run the contenders of one case in one process: prepare, check, race.

Each outcome is reported at once, as this process may not live to see the last of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from opbench.harness import profiling
from opbench.harness.catalog import Catalog
from opbench.harness.correctness.costs import cost_of
from opbench.harness.correctness.reference import Reference
from opbench.harness.declare import Cost
from opbench.harness.execution.monitor import CaseMonitor
from opbench.harness.execution.observer import Observer
from opbench.harness.execution.ready import (
    Ready,
    clock_of,
    ensure_untainted,
    make_ready,
    settings,
    try_reference,
)
from opbench.harness.outcomes import catch
from opbench.harness.planning.selection import Race
from opbench.harness.timing import interleaving
from opbench.harness.timing.cache_flush import cache_flush
from opbench.harness.timing.stopping import Policy
from opbench.results.records import (
    Case,
    Measured,
    Outcome,
)


def run_case(catalog: Catalog, race: Race, *, policy: Policy, observer: Observer) -> None:
    """Prepare, check and race the contenders of one case, reporting each outcome.

    Raises TaintedError after a contender whose leaks can't be undone.
    """
    case = race.case
    with settings(case):
        reference = try_reference(catalog, race, observer)
        if reference is None:
            return
        cost = cost_of(reference.op, reference.case, reference.first)
        ready: dict[str, Ready] = {}
        for name in race.contenders:
            observer.begin(name, "prepare")
            outcome = make_ready(reference, catalog.impl(case.op, name))
            if isinstance(outcome, Ready):
                ready[name] = outcome
            else:
                observer.done(name, outcome)
                ensure_untainted(outcome)
        observer.begin("", "race")
        for name, timing in _race(reference, ready, policy, observer).items():
            observer.begin(name, "race")
            outcome = _measured(timing, ready[name], case, cost, takes_peak=policy.takes_peak)
            observer.done(name, outcome)
            ensure_untainted(outcome)


def _race(
    reference: Reference, ready: Mapping[str, Ready], policy: Policy, observer: Observer
) -> dict[str, interleaving.Timing | interleaving.Excluded]:
    """Time the contenders that are ready, in rounds, under the eyes of a monitor."""
    case = reference.case
    monitor = CaseMonitor(
        reference,
        {name: entry.function for name, entry in ready.items()},
        {name: entry.timed for name, entry in ready.items()},
        announce=lambda name: observer.begin(name, "race"),
    )
    return interleaving.measure(
        {name: entry.call for name, entry in ready.items()},
        clock=clock_of(case),
        policy=policy,
        seed=f"{case.seed}/{policy.order}",
        flush=cache_flush(case.device) if case.cache == "cold" else None,
        monitor=monitor,
    )


def _measured(
    timing: interleaving.Timing | interleaving.Excluded,
    ready: Ready,
    case: Case,
    cost: Cost,
    *,
    takes_peak: bool,
) -> Outcome:
    """The outcome of a timed contender, with its peak memory and the work of a call."""
    if not isinstance(timing, interleaving.Timing):
        return timing
    peak = (
        catch("memory", partial(profiling.peak_bytes, ready.call, device=case.device))
        if takes_peak
        else None
    )
    return Measured(
        samples_s=timing.samples_s,
        rounds=timing.rounds,
        calls=timing.calls,
        preparation_s=ready.preparation_s,
        error=ready.error,
        flops=int(cost.flops),
        bytes=int(cost.bytes),
        stopped=timing.stopped,
        peak_bytes=peak if isinstance(peak, int) else None,
        device_s=timing.device_s,
    )
