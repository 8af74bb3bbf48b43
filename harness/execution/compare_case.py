"""Time contenders in two versions: as twins in one process, or in blocks that are requested.

As twins, both versions of a contender work on the very same inputs, in blocks that take turns.
Where two versions can't share a process, each is timed in a process of its own, block by block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from opbench.harness.correctness import oracle
from opbench.harness.declare import Impl, Op
from opbench.harness.execution import process_state
from opbench.harness.execution.messages import Job, TimeRequest
from opbench.harness.execution.monitor import UnseenInputs, recompiled
from opbench.harness.execution.observer import Observer
from opbench.harness.execution.ready import (
    Ready,
    clock_of,
    interpreted,
    make_ready,
    reference_of,
    settings,
)
from opbench.harness.machine.device import ensure_device
from opbench.harness.outcomes import catch
from opbench.harness.preparation import timed_call
from opbench.harness.preparation.compiler import compilations
from opbench.harness.preparation.inputs import Inputs, build
from opbench.harness.preparation.output_modes import as_tuple, function_in_mode
from opbench.harness.preparation.resolve import ensure_supported, resolve
from opbench.harness.timing import injected_slowdown, interleaving
from opbench.harness.timing.blocks import BlockSize, Call, pilot, primed_block
from opbench.harness.timing.cache_flush import cache_flush
from opbench.harness.timing.stopping import Policy
from opbench.harness.versions.loaded import LoadedVersion, LoadedVersions
from opbench.harness.versions.patches import patches
from opbench.harness.versions.registrations import Registered, by_versions
from opbench.harness.versions.sources import Version
from opbench.results.errors import VersionError
from opbench.results.records import (
    SIDES,
    Case,
    Failed,
    Outcome,
    Paired,
    Unpaired,
    Unsupported,
)


@dataclass(frozen=True, slots=True)
class Bound:
    """A contender's call, ready to be timed."""

    call: Call
    #: The outcome of the contender if its answers are wrong by now; None if they aren't.
    recheck: Callable[[], interleaving.Excluded | None]


@dataclass(frozen=True, slots=True)
class Blocks:
    """A contender that is timed in blocks on request."""

    call: Call
    size: BlockSize
    #: As that of `Bound`.
    recheck: Callable[[], interleaving.Excluded | None]


def load_versions(
    loaded: LoadedVersions, versions: Mapping[str, Version], modules: tuple[str, ...]
) -> dict[str, LoadedVersion]:
    """Load the version of every side.

    modules: of the harness, loaded with each of them. Raises VersionError if one doesn't load, or
    changes what they share.
    """
    before, known = process_state.read(), Registered.now()
    sides = {side: loaded.load(version, modules) for side, version in versions.items()}
    loaded.deactivate()
    if len(versions) > 1:
        changed = process_state.restore(before)
        if changed:
            raise VersionError(f"loading it changes {'; '.join(changed)}, for both versions")
        own = {name for version in sides.values() for name in version.modules}
        for name in patches(own):
            raise VersionError(f"both versions have what is theirs in {name}, which they share")
        names = by_versions(known, Registered.now(), loaded.trees)
        if names:
            raise VersionError(f"both versions register {names[0]} with torch under one name")
    return sides


def race_twins(
    loaded: LoadedVersions, pair: Mapping[str, LoadedVersion], job: Job, observer: Observer
) -> None:
    """Race the two versions of each contender of a case; results are their times or refusals.

    pair: the version of each side. The contract and the inputs are those of the head.
    """
    case = job.race.case
    with settings(case):
        loaded.activate(pair["head"])
        workload = catch("inputs", partial(_workload, pair["head"], case, job.checked))
        for name in job.race.contenders:
            observer.begin(name, "prepare")
            if isinstance(workload, Failed | Unsupported):
                observer.done(name, Unpaired(workload, workload))
                continue
            observer.done(name, _times_of(name, workload, loaded, pair, job, observer))


def _times_of(
    name: str,
    workload: UnseenInputs | tuple[Op, Inputs],
    loaded: LoadedVersions,
    pair: Mapping[str, LoadedVersion],
    job: Job,
    observer: Observer,
) -> Paired | Unpaired:
    """The times of a contender's two versions, or why there are none."""
    case, known = job.race.case, Registered.now()
    ready: dict[str, Bound] = {}
    refused: dict[str, Outcome] = {}
    for side, version in pair.items():
        observer.begin(name, side)
        loaded.activate(version)
        bound = _bound(workload, version.catalog.impl(case.op, name), case)
        if isinstance(bound, Bound):
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


def ready_blocks(
    loaded: LoadedVersions, version: LoadedVersion, job: Job, observer: Observer
) -> dict[str, Blocks]:
    """Prepare the contenders of a case to be timed in blocks, and give those that run.

    The outcomes of the others go to the observer.
    """
    case, ready = job.race.case, {}
    loaded.activate(version)
    torch.set_num_threads(case.threads)
    workload = catch("inputs", partial(_workload, version, case, job.checked))
    for name in job.race.contenders:
        observer.begin(name, "prepare")
        bound: Bound | Outcome
        if isinstance(workload, Failed | Unsupported):
            bound = workload
        else:
            bound = _bound(workload, version.catalog.impl(case.op, name), case)
        bound = _mixed(loaded, version) or bound
        blocks = _warmed_up(name, bound, job) if isinstance(bound, Bound) else bound
        if isinstance(blocks, Blocks):
            ready[name] = blocks
        else:
            observer.done(name, blocks)
    return ready


def _warmed_up(name: str, bound: Bound, job: Job) -> Blocks | Outcome:
    """A contender after its warm-up calls, slowed down if that is asked for."""
    call, clock = bound.call, clock_of(job.race.case)
    if name in job.injected:
        both = dict.fromkeys(SIDES, call)
        call = injected_slowdown.slowed(both, job.injected[name], clock)[job.side]
    call_s = catch("warm-up", partial(pilot, call, clock, job.policy))
    if not isinstance(call_s, float):
        return call_s
    # As many warm-up calls as timed ones: between two blocks the caches were another's.
    calls = max(1, round(job.policy.block_s / max(call_s, 1e-9)))
    return Blocks(call, BlockSize(calls, calls), bound.recheck)


def time_blocks(
    blocks: Mapping[str, Blocks],
    case: Case,
    observer: Observer,
    *,
    receive: Callable[[], TimeRequest],
    send: Callable[[float], None],
) -> None:
    """Time a block of each contender that is requested, and send its seconds per call.

    Ends with the request of ""; the outcomes of those whose answers are wrong by then go to the
    observer.
    """
    clock = clock_of(case)
    flush = cache_flush(case.device) if case.cache == "cold" else None
    while (name := receive().contender) != "":
        observer.begin(name, "race")
        contender = blocks[name]
        reading = primed_block(contender.call, contender.size, clock, flush=flush)
        send(reading.host_s / contender.size.calls)
    for name, contender in blocks.items():
        observer.begin(name, "race")
        wrong = contender.recheck()
        if wrong is not None:
            observer.done(name, wrong)


class _SideMonitor:
    """The monitor of a race of twins: activates the version whose block begins."""

    def __init__(
        self,
        contender: str,
        loaded: LoadedVersions,
        pair: Mapping[str, LoadedVersion],
        observer: Observer,
        ready: Mapping[str, Bound],
    ) -> None:
        """contender: the name of the one whose versions are raced.

        loaded, pair: all loaded versions, and those of the two sides by name.
        """
        self._contender, self._loaded, self._pair = contender, loaded, pair
        self._observer, self._ready = observer, ready
        self._compilations = 0

    def begin(self, name: str) -> None:
        """Activate the version of the side whose block begins."""
        self._observer.begin(self._contender, name)
        self._loaded.activate(self._pair[name])
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


def _workload(
    version: LoadedVersion, case: Case, checked: bool
) -> UnseenInputs | tuple[Op, Inputs]:
    """The reference of a case, or its inputs alone if nothing is to be checked."""
    if checked:
        return UnseenInputs(reference_of(version.catalog, case))
    ensure_device(case.device)
    op = version.catalog.op(case.op)
    return op, build(op, case)


def _bound(
    workload: UnseenInputs | tuple[Op, Inputs], contender: Impl, case: Case
) -> Bound | Outcome:
    """The timed call of a contender, which is checked first where there is a reference."""
    if isinstance(workload, UnseenInputs):
        ready = make_ready(workload.reference, contender)
        if not isinstance(ready, Ready):
            return ready
        return Bound(ready.call, partial(workload.recheck, ready.function, ready.call))
    refusal = interpreted(contender)
    if refusal is not None:
        return refusal
    return catch("prepare", partial(_unchecked, *workload, contender, case))


def _unchecked(op: Op, given: Inputs, contender: Impl, case: Case) -> Bound:
    """Prepare a contender without checking it, and bind its call.

    The upstream gradients of a backward pass have the shapes of its own outputs. Raises what the
    contender raises.
    """
    ensure_supported(op, contender, given.values, case)
    function: Callable[..., Any] = function_in_mode(op, contender, resolve(contender), case.board)
    outputs = as_tuple(function(*given.args, **given.options))
    upstream = oracle.upstream_of(op, outputs, dtype=case.dtype, seed=case.seed)
    call = timed_call.bind(
        function, given, direction=case.direction, grad=op.grad, upstream=upstream
    )
    return Bound(call, _unchecked_again)


def _unchecked_again() -> None:
    """Give no outcome: what was never checked isn't checked again."""


def _mixed_sides(loaded: LoadedVersions, pair: Mapping[str, LoadedVersion]) -> dict[str, Outcome]:
    """The refusals of those sides that have by now imported modules of another version."""
    refusals = {side: _mixed(loaded, version) for side, version in pair.items()}
    return {side: refusal for side, refusal in refusals.items() if refusal is not None}


def _mixed(loaded: LoadedVersions, version: LoadedVersion) -> Failed | None:
    """The refusal of a version that has by now imported modules of another; None if it hasn't."""
    loaded.activate(version)
    try:
        loaded.ensure_own(version)
    except VersionError as error:
        return Failed("prepare", str(error), cause="mixed")
    return None


def _registered(known: Registered, loaded: LoadedVersions) -> dict[str, Outcome]:
    """The refusals of two versions that registered ops since with torch under shared names."""
    names = by_versions(known, Registered.now(), loaded.trees)
    if not names:
        return {}
    reason = f"registers {names[0]} with torch, which can't have two of them in one process"
    return dict.fromkeys(SIDES, Failed("prepare", reason, cause="registered"))
