"""Contenders in two versions: raced against each other in one process, or called in bursts.

As twins, both versions of a contender work on the very same inputs, in blocks that take turns.
Where two versions can't live in one process, each is called in bursts in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from opbench.harness.correctness import oracle
from opbench.harness.declare import Impl, Op, interprets_triton
from opbench.harness.execution import process_state
from opbench.harness.execution.messages import Burst, Job
from opbench.harness.execution.monitor import Rechecks
from opbench.harness.execution.ready import Ready, clock_of, exam_of, make_ready, settings
from opbench.harness.execution.worker import PipeWitness
from opbench.harness.machine.device import ensure_device
from opbench.harness.outcomes import attempt
from opbench.harness.preparation import timed_call
from opbench.harness.preparation.compiler import compilations
from opbench.harness.preparation.inputs import Inputs, build
from opbench.harness.preparation.output_modes import as_tuple, function_on
from opbench.harness.preparation.resolve import ensure_supported, resolve
from opbench.harness.timing import injected_slowdown, interleaving
from opbench.harness.timing.cache_flush import evictor
from opbench.harness.timing.stopping import Policy
from opbench.harness.versions.loaded import World, Worlds
from opbench.harness.versions.patches import patches
from opbench.harness.versions.registrations import Registered, by_versions
from opbench.harness.versions.sources import Version
from opbench.results.errors import VersionError
from opbench.results.records import Case, Failed, Outcome, Paired, Unpaired, Unsupported

#: The two versions of a pair, in the order in which arms are named.
SIDES = ("base", "head")
Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Bound:
    """A contender's call, ready to be timed; and what tells afterwards what is wrong with it."""

    call: Call
    recheck: Callable[[], interleaving.Out | None]


@dataclass(frozen=True, slots=True)
class Lane:
    """A contender that is called in bursts, and their size."""

    call: Call
    size: interleaving.Size
    recheck: Callable[[], interleaving.Out | None]


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
        for name in patches({name for world in arms.values() for name in world.modules}):
            raise VersionError(f"both versions have what is theirs in {name}, which they share")
        names = by_versions(known, Registered.now(), worlds.trees)
        if names:
            raise VersionError(f"both versions register {names[0]} with torch under one name")
    return arms


def race_twins(worlds: Worlds, pair: Mapping[str, World], job: Job, witness: PipeWitness) -> None:
    """Race the two versions of each contender of a case, telling the times, or why there are none.

    pair: the world of each side. The contract and the inputs are those of the head.
    """
    case = job.race.case
    with settings(case):
        worlds.enter(pair["head"])
        questions = attempt("inputs", partial(_questions, pair["head"], case, job.checked))
        for name in job.race.contenders:
            witness.begin(name, "prepare")
            if isinstance(questions, Failed | Unsupported):
                witness.done(name, Unpaired(questions, questions))
                continue
            told = _told_of(name, questions, worlds, pair, job, witness)
            witness.done(name, told)


def _told_of(
    name: str,
    questions: Rechecks | tuple[Op, Inputs],
    worlds: Worlds,
    pair: Mapping[str, World],
    job: Job,
    witness: PipeWitness,
) -> Paired | Unpaired:
    """The times of a contender's two versions, or why there are none."""
    case, known = job.race.case, Registered.now()
    ready: dict[str, Bound] = {}
    refused: dict[str, Outcome] = {}
    for side, world in pair.items():
        witness.begin(name, side)
        worlds.enter(world)
        bound = _bound(questions, world.catalog.impl(case.op, name), case)
        if isinstance(bound, Bound):
            ready[side] = bound
        else:
            refused[side] = bound
    refused = _mixed(worlds, pair) or refused or _registered(known, worlds)
    if refused:
        return Unpaired(refused.get("base"), refused.get("head"))
    calls = {side: bound.call for side, bound in ready.items()}
    if name in job.injected:
        worlds.enter(pair["head"])
        calls = injected_slowdown.slowed(calls, job.injected[name], clock_of(case))
    told = _raced(calls, _Switch(name, worlds, pair, witness, ready), case, job.policy)
    mixed = _mixed(worlds, pair)
    return Unpaired(mixed.get("base"), mixed.get("head")) if mixed else told


def poised(worlds: Worlds, world: World, job: Job, witness: PipeWitness) -> dict[str, Lane]:
    """Those contenders of a case that run, warmed up. What became of the others is told."""
    case, found = job.race.case, {}
    worlds.enter(world)
    torch.set_num_threads(case.threads)
    questions = attempt("inputs", partial(_questions, world, case, job.checked))
    for name in job.race.contenders:
        witness.begin(name, "prepare")
        bound: Bound | Outcome
        if isinstance(questions, Failed | Unsupported):
            bound = questions
        else:
            bound = _bound(questions, world.catalog.impl(case.op, name), case)
        bound = mixed(worlds, world) or bound
        lane = _settled(name, bound, job) if isinstance(bound, Bound) else bound
        if isinstance(lane, Lane):
            found[name] = lane
        else:
            witness.done(name, lane)
    return found


def _settled(name: str, bound: Bound, job: Job) -> Lane | Outcome:
    """A contender warmed up, and slowed down where that is asked for."""
    call, clock = bound.call, clock_of(job.race.case)
    if name in job.injected:
        both = dict.fromkeys(SIDES, call)
        call = injected_slowdown.slowed(both, job.injected[name], clock)[job.side]
    settled = attempt("warm-up", partial(interleaving.settle, call, clock, job.policy))
    if not isinstance(settled, float):
        return settled
    # As long as the burst is what leads it: between two of them the caches were another's.
    calls = max(1, round(job.policy.block_s / max(settled, 1e-9)))
    return Lane(call, interleaving.Size(calls, calls), bound.recheck)


def serve(
    lanes: Mapping[str, Lane],
    case: Case,
    witness: PipeWitness,
    *,
    ask: Callable[[], Burst],
    tell: Callable[[float], None],
) -> None:
    """Call whoever is asked for in a burst, and tell the seconds per call, until nobody is.

    Whose results turn out to be wrong after all that is told to the witness.
    """
    clock = clock_of(case)
    evict = evictor(case.device) if case.cache == "cold" else None
    while (name := ask().contender) != "":
        witness.begin(name, "race")
        lane = lanes[name]
        reading = interleaving.led_block(lane.call, lane.size, clock, evict=evict)
        tell(reading.host_s / lane.size.calls)
    for name, lane in lanes.items():
        witness.begin(name, "race")
        wrong = lane.recheck()
        if wrong is not None:
            witness.done(name, wrong)


class _Switch:
    """The referee of twins: lets each of them run in its own world."""

    def __init__(
        self,
        contender: str,
        worlds: Worlds,
        pair: Mapping[str, World],
        witness: PipeWitness,
        ready: Mapping[str, Bound],
    ) -> None:
        self._contender, self._worlds, self._pair = contender, worlds, pair
        self._witness, self._ready = witness, ready
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

    def recheck(self, name: str) -> interleaving.Out | None:
        """What is wrong with its results by now, where they were checked at all."""
        return self._ready[name].recheck()


def _raced(
    calls: Mapping[str, Call], referee: _Switch, case: Case, policy: Policy
) -> Paired | Unpaired:
    timings = interleaving.measure(
        calls,
        clock=clock_of(case),
        policy=policy,
        seed=f"{case.seed}/{policy.order}",
        evict=evictor(case.device) if case.cache == "cold" else None,
        referee=referee,
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


def _questions(world: World, case: Case, checked: bool) -> Rechecks | tuple[Op, Inputs]:
    """The exam of a case, or its inputs alone where nothing is to be checked."""
    if checked:
        return Rechecks(exam_of(world.catalog, case))
    ensure_device(case.device)
    op = world.catalog.op(case.op)
    return op, build(op, case)


def _bound(questions: Rechecks | tuple[Op, Inputs], contender: Impl, case: Case) -> Bound | Outcome:
    """One pass of the contender, ready to be timed; checked first where there is an exam."""
    if isinstance(questions, Rechecks):
        ready = make_ready(questions.exam, contender)
        if not isinstance(ready, Ready):
            return ready
        return Bound(ready.call, partial(questions.fault, ready.function, ready.call))
    if "triton" in contender.requires and interprets_triton():
        return Unsupported("is not timed under Triton's interpreter")
    return attempt("prepare", partial(_unchecked, *questions, contender, case))


def _unchecked(op: Op, given: Inputs, contender: Impl, case: Case) -> Bound:
    ensure_supported(op, contender, given.values, case)
    function: Callable[..., Any] = function_on(op, contender, resolve(contender), case.board)
    outputs = as_tuple(function(*given.args, **given.options))
    upstream = oracle.upstream_of(op, outputs, dtype=case.dtype, seed=case.seed)
    call = timed_call.bind(
        function, given, direction=case.direction, grad=op.grad, upstream=upstream
    )
    return Bound(call, _unasked)


def _unasked() -> None:
    """What nobody has checked isn't checked again."""


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
