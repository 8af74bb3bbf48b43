"""Contenders in two versions: raced against each other in one process, or called in bursts.

As twins, both versions of a contender work on the very same inputs, in blocks that take turns.
Where two versions can't live in one process, each is called in bursts in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from opbench.harness.correctness import oracle
from opbench.harness.correctness.reference import Reference
from opbench.harness.declaration.support import interprets_triton
from opbench.harness.declare import Impl, Op
from opbench.harness.execution import process_state
from opbench.harness.execution.messages import Burst, Job
from opbench.harness.execution.observer import Observer
from opbench.harness.execution.ready import Ready, clock_of, make_ready, reference_of, settings
from opbench.harness.machine.device import ensure_device
from opbench.harness.outcomes import catch
from opbench.harness.preparation import timed_call
from opbench.harness.preparation.compiler import compilations
from opbench.harness.preparation.inputs import Inputs, build
from opbench.harness.preparation.output_modes import as_tuple, function_on
from opbench.harness.preparation.resolve import ensure_supported, resolve
from opbench.harness.timing import injected_slowdown, interleaving
from opbench.harness.timing.blocks import BlockSize, Call, pilot, primed_block
from opbench.harness.timing.cache_flush import cache_flush
from opbench.harness.timing.stopping import Policy
from opbench.harness.versions.loaded import World, Worlds
from opbench.harness.versions.registrations import Registered, by_versions
from opbench.harness.versions.sources import Version
from opbench.results.errors import VersionError
from opbench.results.records import Case, Failed, Outcome, Paired, Unpaired, Unsupported

#: The two versions of a pair, in the order in which arms are named.
SIDES = ("base", "head")


def load_arms(
    worlds: Worlds, versions: Mapping[str, Version], modules: tuple[str, ...]
) -> dict[str, World]:
    """Load every version, in a world each.

    modules: loaded in each of them, of the harness's own. Raises VersionError where one doesn't
    load, or does what would be felt by the others.
    """
    before, known = process_state.read(), Registered.now()
    arms = {arm: worlds.load(version, modules) for arm, version in versions.items()}
    worlds.leave()
    if len(versions) > 1:
        changed = process_state.restore(before)
        if changed:
            raise VersionError(f"loading it changes {'; '.join(changed)}, for both versions")
        names = by_versions(known, Registered.now(), worlds.trees)
        if names:
            raise VersionError(f"both versions register {names[0]} with torch under one name")
    return arms


def race_twins(worlds: Worlds, pair: Mapping[str, World], job: Job, observer: Observer) -> None:
    """Race the two versions of each contender of a case, telling the times, or why there are none.

    pair: the world of each side. The contract and the inputs are those of the head.
    """
    case = job.race.case
    with settings(case):
        worlds.enter(pair["head"])
        workload = catch("inputs", partial(_workload, pair["head"], case, job.checked))
        for name in job.race.contenders:
            observer.begin(name, "prepare")
            if isinstance(workload, Failed | Unsupported):
                observer.done(name, Unpaired(workload, workload))
                continue
            told = _told_of(name, workload, worlds, pair, job, observer)
            observer.done(name, told)


def _told_of(
    name: str,
    workload: Reference | tuple[Op, Inputs],
    worlds: Worlds,
    pair: Mapping[str, World],
    job: Job,
    observer: Observer,
) -> Paired | Unpaired:
    """The times of a contender's two versions, or why there are none."""
    case, known = job.race.case, Registered.now()
    calls: dict[str, Call] = {}
    refused: dict[str, Outcome] = {}
    for side, world in pair.items():
        observer.begin(name, side)
        worlds.enter(world)
        call = _call(workload, world.catalog.impl(case.op, name), case)
        if isinstance(call, Failed | Unsupported) or not callable(call):
            refused[side] = call
        else:
            calls[side] = call
    refused = _mixed(worlds, pair) or refused or _registered(known, worlds)
    if refused:
        return Unpaired(refused.get("base"), refused.get("head"))
    if name in job.injected:
        worlds.enter(pair["head"])
        calls = injected_slowdown.slowed(calls, job.injected[name], clock_of(case))
    told = _raced(calls, _Switch(name, worlds, pair, observer), case, job.policy)
    mixed = _mixed(worlds, pair)
    return Unpaired(mixed.get("base"), mixed.get("head")) if mixed else told


def poised(
    worlds: Worlds, world: World, job: Job, observer: Observer
) -> dict[str, tuple[Call, BlockSize]]:
    """The calls of those contenders of a case that run, warmed up, and the size of their bursts.

    What became of the others is told to the observer.
    """
    case, found = job.race.case, {}
    worlds.enter(world)
    torch.set_num_threads(case.threads)
    workload = catch("inputs", partial(_workload, world, case, job.checked))
    for name in job.race.contenders:
        observer.begin(name, "prepare")
        call: Call | Outcome
        if isinstance(workload, Failed | Unsupported):
            call = workload
        else:
            call = _call(workload, world.catalog.impl(case.op, name), case)
        call = mixed(worlds, world) or call
        if not callable(call):
            observer.done(name, call)
            continue
        if name in job.injected:
            both = dict.fromkeys(SIDES, call)
            call = injected_slowdown.slowed(both, job.injected[name], clock_of(case))[job.side]
        call_s = catch("warm-up", partial(pilot, call, clock_of(case), job.policy))
        if isinstance(call_s, float):
            # As many warm-up calls as timed ones: between two bursts the caches were another's.
            calls = max(1, round(job.policy.block_s / max(call_s, 1e-9)))
            found[name] = (call, BlockSize(calls, calls))
        else:
            observer.done(name, call_s)
    return found


def serve(
    lanes: Mapping[str, tuple[Call, BlockSize]],
    case: Case,
    observer: Observer,
    *,
    ask: Callable[[], Burst],
    tell: Callable[[float], None],
) -> None:
    """Call whoever is asked for in a burst, and tell the seconds per call, until nobody is."""
    clock = clock_of(case)
    flush = cache_flush(case.device) if case.cache == "cold" else None
    while (name := ask().contender) != "":
        observer.begin(name, "race")
        call, size = lanes[name]
        reading = primed_block(call, size, clock, flush=flush)
        tell(reading.host_s / size.calls)


class _Switch:
    """The monitor of a race of two versions: activates the one whose block begins."""

    def __init__(
        self, contender: str, worlds: Worlds, pair: Mapping[str, World], observer: Observer
    ) -> None:
        self._contender, self._worlds, self._pair = contender, worlds, pair
        self._witness = observer
        self._compilations = 0

    def begin(self, name: str) -> None:
        """Enter the world of the side whose block begins."""
        self._witness.begin(self._contender, name)
        self._worlds.enter(self._pair[name])
        self._compilations = compilations()

    def fault(self, name: str) -> Failed | None:
        """Whether it compiled while it was timed."""
        if compilations() == self._compilations:
            return None
        reason = "compiled again while it was timed: its times are of the compiler"
        return Failed("measure", reason, cause="recompiled")

    def recheck(self, name: str) -> None:
        """Checks come before twins are raced."""


def _raced(
    calls: Mapping[str, Call], monitor: _Switch, case: Case, policy: Policy
) -> Paired | Unpaired:
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


def _workload(world: World, case: Case, checked: bool) -> Reference | tuple[Op, Inputs]:
    """The reference of a case, or its inputs alone where nothing is to be checked."""
    if checked:
        return reference_of(world.catalog, case)
    ensure_device(case.device)
    op = world.catalog.op(case.op)
    return op, build(op, case)


def _call(workload: Reference | tuple[Op, Inputs], contender: Impl, case: Case) -> Call | Outcome:
    """One pass of the contender, ready to be timed; checked first where there is a reference."""
    if isinstance(workload, Reference):
        ready = make_ready(workload, contender)
        return ready.call if isinstance(ready, Ready) else ready
    if "triton" in contender.requires and interprets_triton():
        return Unsupported("is not timed under Triton's interpreter")
    op, given = workload
    return catch("prepare", partial(_bound, op, contender, given, case))


def _bound(op: Op, contender: Impl, given: Inputs, case: Case) -> Call:
    ensure_supported(op, contender, given.values, case)
    function: Callable[..., Any] = function_on(op, contender, resolve(contender), case.board)
    outputs = as_tuple(function(*given.args, **given.options))
    upstream = oracle.upstream_of(op, outputs, dtype=case.dtype, seed=case.seed)
    return timed_call.bind(
        function, given, direction=case.direction, grad=op.grad, upstream=upstream
    )


def _mixed(worlds: Worlds, pair: Mapping[str, World]) -> dict[str, Outcome]:
    """The refusal of those sides that have by now imported what isn't their own."""
    found: dict[str, Outcome] = {}
    for side, world in pair.items():
        refusal = mixed(worlds, world)
        if refusal is not None:
            found[side] = refusal
    return found


def mixed(worlds: Worlds, world: World) -> Failed | None:
    """The refusal of a version that has by now imported what isn't its own; None if it hasn't."""
    worlds.enter(world)
    try:
        worlds.ensure_own(world)
    except VersionError as error:
        return Failed("prepare", str(error), cause="mixed")
    return None


def _registered(known: Registered, worlds: Worlds) -> dict[str, Outcome]:
    """The refusal of two versions that registered ops since with torch, under names they share."""
    names = by_versions(known, Registered.now(), worlds.trees)
    if not names:
        return {}
    reason = f"registers {names[0]} with torch, which can't have two of them in one process"
    return dict.fromkeys(SIDES, Failed("prepare", reason, cause="registered"))
