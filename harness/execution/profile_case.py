"""Profile the contenders of one case in one process.

Each is prepared and checked as for a race. Its trace and its peak memory are then taken in calls
of their own, as the profiler itself allocates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from opbench.harness import profiling
from opbench.harness.catalog import Catalog
from opbench.harness.correctness.reference import Reference
from opbench.harness.declare import Impl
from opbench.harness.execution.observer import Observer
from opbench.harness.execution.ready import (
    Ready,
    ensure_untainted,
    make_ready,
    settings,
    try_reference,
)
from opbench.harness.outcomes import catch
from opbench.harness.planning.selection import Race
from opbench.results.records import Case, OptionalSide, Outcome, Profile


def profile_case(
    catalog: Catalog,
    race: Race,
    *,
    folder: Path,
    observer: Observer,
    side: OptionalSide = "",
    stacks: bool = False,
) -> None:
    """Profile the contenders of one case, a trace each below `folder`/traces.

    side: which of two versions they are, "" where there is but one. stacks: whether traces have the
    Python functions, too.
    """
    with settings(race.case):
        reference = try_reference(catalog, race, observer)
        if reference is None:
            return
        for name in race.contenders:
            observer.begin(name, "profile")
            contender = catalog.impl(race.case.op, name)
            outcome = _profiled(reference, contender, folder, side, stacks)
            observer.done(name, outcome)
            ensure_untainted(outcome)


def _profiled(
    reference: Reference, contender: Impl, folder: Path, side: OptionalSide, stacks: bool
) -> Profile | Outcome:
    """The profile of a contender, or the outcome that stands in its place."""
    ready = make_ready(reference, contender)
    if not isinstance(ready, Ready):
        return ready
    traced = partial(
        _trace,
        reference.case,
        contender.name,
        ready.call,
        folder=folder,
        side=side,
        stacks=stacks,
    )
    return catch("profile", traced)


def _trace(
    case: Case,
    name: str,
    call: Callable[[], object],
    *,
    folder: Path,
    side: OptionalSide,
    stacks: bool,
) -> Profile:
    """Profile a call, and then take its peak memory, which a profiler would add to."""
    trace = folder / "traces" / _folder_name(case, side) / f"{_plain(name)}.pt.trace.json"
    operators = profiling.profile(call, device=case.device, trace=trace, stacks=stacks)
    peak = profiling.peak_bytes(call, device=case.device)
    return Profile(
        contender=name,
        case=case,
        trace=str(trace.relative_to(folder)),
        operators=operators,
        peak_bytes=peak,
        side=side,
    )


def _folder_name(case: Case, side: OptionalSide) -> str:
    """torch-tb-profiler takes a folder for a run and a file's name for one of its workers.

    The sides are runs of their own, beside each other, so that its difference view can take both.
    """
    parts = (case.op, *case.label.split(), f"t{case.threads}", f"s{case.seed}", side)
    return _plain("-".join(filter(None, parts)))


def _plain(name: str) -> str:
    """Without the characters that mean something in the name of a trace, or in a path."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)
