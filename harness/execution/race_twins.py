"""Race contenders against themselves in another version, both in this process.

Both versions of a contender work on the very same inputs, in blocks that take turns; the version
whose modules imports find is switched with each block.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from opbench.harness.execution.messages import Job
from opbench.harness.execution.monitor import recompiled
from opbench.harness.execution.observer import Observer
from opbench.harness.execution.ready import clock_of, settings
from opbench.harness.execution.version_calls import (
    BoundCall,
    Workload,
    bind,
    mixed_refusal,
    workload_of,
)
from opbench.harness.outcomes import catch
from opbench.harness.preparation.compiler import compilations
from opbench.harness.timing import injected_slowdown, interleaving
from opbench.harness.timing.blocks import Call
from opbench.harness.timing.cache_flush import cache_flush
from opbench.harness.timing.stopping import Policy
from opbench.harness.versions.loaded import LoadedVersion, LoadedVersions
from opbench.harness.versions.registrations import Registered, by_versions
from opbench.results.records import (
    SIDES,
    Case,
    Failed,
    Outcome,
    Paired,
    SideName,
    Unpaired,
    Unsupported,
)


def race_twins(
    loaded: LoadedVersions, pair: Mapping[SideName, LoadedVersion], job: Job, observer: Observer
) -> None:
    """Race the two versions of each contender of a case; results are their times or refusals.

    pair: the version of each side. The contract and the inputs are those of the head.
    """
    case = job.race.case
    with settings(case):
        loaded.activate(pair["head"])
        workload = catch("inputs", partial(workload_of, pair["head"], case, job.checked))
        for name in job.race.contenders:
            observer.begin(name, "prepare")
            if isinstance(workload, Failed | Unsupported):
                observer.done(name, Unpaired(workload, workload))
                continue
            observer.done(name, _times_of(name, workload, loaded, pair, job, observer))


def _times_of(
    name: str,
    workload: Workload,
    loaded: LoadedVersions,
    pair: Mapping[SideName, LoadedVersion],
    job: Job,
    observer: Observer,
) -> Paired | Unpaired:
    """The times of a contender's two versions, or why there are none."""
    case, known = job.race.case, Registered.now()
    ready: dict[str, BoundCall] = {}
    refused: dict[str, Outcome] = {}
    for side, version in pair.items():
        observer.begin(name, side)
        loaded.activate(version)
        bound = bind(workload, version.catalog.impl(case.op, name), case)
        if isinstance(bound, BoundCall):
            ready[side] = bound
        else:
            refused[side] = bound
    refused = _mixed_sides(loaded, pair) or refused or _registered(known, loaded)
    if refused:
        return Unpaired(refused.get("base"), refused.get("head"))
    calls = {side: bound.call for side, bound in ready.items()}
    if name in job.injected:
        loaded.activate(pair["head"])
        calls = injected_slowdown.slowed(calls, job.injected[name], clock_of(case))
    monitor = _SideMonitor(name, loaded, pair, observer, ready)
    times = _race(calls, monitor, case, job.policy)
    mixed = _mixed_sides(loaded, pair)
    return Unpaired(mixed.get("base"), mixed.get("head")) if mixed else times


class _SideMonitor:
    """The monitor of a race of twins: activates the version whose block begins."""

    def __init__(
        self,
        contender: str,
        loaded: LoadedVersions,
        pair: Mapping[SideName, LoadedVersion],
        observer: Observer,
        ready: Mapping[str, BoundCall],
    ) -> None:
        """contender: the name of the one whose versions are raced.

        loaded, pair: all loaded versions, and those of the two sides by name.
        """
        self._contender, self._loaded, self._pair = contender, loaded, pair
        self._observer, self._ready = observer, ready
        self._sides = {str(side): side for side in pair}
        self._compilations = 0

    def begin(self, name: str) -> None:
        """Activate the version of the side whose block begins."""
        side = self._sides[name]
        self._observer.begin(self._contender, side)
        self._loaded.activate(self._pair[side])
        self._compilations = compilations()

    def fault(self, name: str) -> Failed | None:
        """The outcome of a side that compiled while it was timed; None if it didn't."""
        return None if compilations() == self._compilations else recompiled()

    def recheck(self, name: str) -> interleaving.Excluded | None:
        """The outcome of a side whose answers are wrong by now; None if they aren't."""
        return self._ready[name].recheck()


def _race(
    calls: Mapping[str, Call], monitor: _SideMonitor, case: Case, policy: Policy
) -> Paired | Unpaired:
    """Race the calls of both sides; keep the rounds in which both were timed."""
    timings = interleaving.measure(
        calls,
        clock=clock_of(case),
        policy=policy,
        seed=f"{case.seed}/{policy.order}",
        flush=cache_flush(case.device) if case.cache == "cold" else None,
        monitor=monitor,
    )
    base, head = (timings[side] for side in SIDES)
    if not isinstance(base, interleaving.Timing) or not isinstance(head, interleaving.Timing):
        return Unpaired(
            None if isinstance(base, interleaving.Timing) else base,
            None if isinstance(head, interleaving.Timing) else head,
        )
    base_s = dict(zip(base.rounds, base.samples_s, strict=True))
    head_s = dict(zip(head.rounds, head.samples_s, strict=True))
    shared = [number for number in base_s if number in head_s]
    return Paired(tuple(base_s[n] for n in shared), tuple(head_s[n] for n in shared))


def _mixed_sides(
    loaded: LoadedVersions, pair: Mapping[SideName, LoadedVersion]
) -> dict[str, Outcome]:
    """The refusals of those sides that have by now imported modules of another version."""
    refusals = {side: mixed_refusal(loaded, version) for side, version in pair.items()}
    return {side: refusal for side, refusal in refusals.items() if refusal is not None}


def _registered(known: Registered, loaded: LoadedVersions) -> dict[str, Outcome]:
    """The refusals of two versions that registered ops since with torch under shared names."""
    names = by_versions(known, Registered.now(), loaded.trees)
    if not names:
        return {}
    reason = f"registers {names[0]} with torch, which can't have two of them in one process"
    return dict.fromkeys(SIDES, Failed("prepare", reason, cause="registered"))
