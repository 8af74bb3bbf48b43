"""Profile the contenders of one case in one process.

Each is prepared and checked as for a race. Its trace and its peak memory are then taken in calls
of their own, as the profiler itself allocates.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from opbench.harness import profiling
from opbench.harness.catalog import Catalog
from opbench.harness.correctness.costs import cost_of
from opbench.harness.correctness.reference import Reference
from opbench.harness.declare import Cost, Impl
from opbench.harness.execution.messages import Tracing
from opbench.harness.execution.observer import Observer
from opbench.harness.execution.ready import (
    Ready,
    ensure_untainted,
    make_ready,
    settings,
    try_reference,
)
from opbench.harness.explaining import own_code, tensors
from opbench.harness.outcomes import catch
from opbench.harness.planning.selection import Race
from opbench.results.records import Case, OptionalSide, Outcome, Profile, Work


def profile_case(
    catalog: Catalog,
    race: Race,
    *,
    folder: Path,
    observer: Observer,
    side: OptionalSide = "",
    tracing: Tracing | None = None,
) -> None:
    """Profile the contenders of one case, a trace each below `folder`/traces.

    side: which of two versions they are, "" where there is but one. tracing: how it is traced; as
    usual where None.
    """
    with settings(race.case):
        reference = try_reference(catalog, race, observer)
        if reference is None:
            return
        subject = _Subject(
            reference=reference,
            cost=cost_of(reference.op, race.case, reference.first),
            folder=folder,
            side=side,
            tracing=tracing or Tracing(),
        )
        for name in race.contenders:
            observer.begin(name, "profile")
            contender = catalog.impl(race.case.op, name)
            outcome = _profiled(subject, contender)
            observer.done(name, outcome)
            ensure_untainted(outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What is profiled of each contender, and where it goes."""

    reference: Reference
    #: The compulsory work of the case.
    cost: Cost
    #: Traces go below it.
    folder: Path
    side: OptionalSide
    tracing: Tracing


def _profiled(subject: _Subject, contender: Impl) -> Profile | Outcome:
    """The profile of a contender, or the outcome that stands in its place."""
    before = own_code.loaded()
    ready = make_ready(subject.reference, contender)
    if not isinstance(ready, Ready):
        return ready
    return catch("profile", partial(_trace, subject, contender, ready.call, before))


def _trace(
    subject: _Subject, contender: Impl, call: Callable[[], object], before: own_code.Loaded
) -> Profile:
    """Profile a call, and then take its peak memory, which a profiler would add to.

    before: the compiled code that was there before the contender was prepared.
    """
    case, tracing = subject.reference.case, subject.tracing
    stem = _stem(contender.name)
    trace = subject.folder / "traces" / _folder_name(case, subject.side) / f"{stem}.pt.trace.json"
    profiled = profiling.profile(
        call,
        device=case.device,
        trace=trace,
        stacks=tracing.stacks,
        warmup=tracing.warmup,
        calls=tracing.calls,
    )
    peak = profiling.peak_bytes(call, device=case.device)
    code = own_code.write_code(before, trace.parent, stem)
    return Profile(
        contender=contender.name,
        case=case,
        trace=str(trace.relative_to(subject.folder)),
        operators=profiled.operators,
        peak_bytes=peak,
        side=subject.side,
        work=Work(
            flops=math.fsum(row.flops for row in profiled.operators),
            bytes=None if contender.prepare is not None else _moved_bytes(call),
            outside=profiled.outside,
            declared_flops=int(subject.cost.flops),
            declared_bytes=int(subject.cost.bytes),
        ),
        code=tuple(str(path.relative_to(subject.folder)) for path in code),
    )


def _moved_bytes(call: Callable[[], object]) -> float | None:
    """The bytes that the operators of a call read and write; None where they can't be seen."""
    moved = catch("profile", lambda: dict(tensors.gather(call))["traffic_bytes"])
    return moved if isinstance(moved, float) else None


def _folder_name(case: Case, side: OptionalSide) -> str:
    """torch-tb-profiler takes a folder for a run and a file's name for one of its workers.

    The sides are runs of their own, beside each other, so that its difference view can take both.
    """
    parts = (case.op, *case.label.split(), f"t{case.threads}", f"s{case.seed}", side)
    return _plain("-".join(filter(None, parts)))


def _stem(name: str) -> str:
    """The beginning of the names of a contender's files, which no other contender's have."""
    plain = _plain(name)
    if plain == name:
        return plain
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _plain(name: str) -> str:
    """Without the characters that mean something in the name of a trace, or in a path."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)
