"""What happens to the contenders of one case in one process: prepare, check, race, or profile.

Outcomes are told to a witness one by one, as this process may not live to see the last of them.
"""

from __future__ import annotations

import functools
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch._functorch import config as functorch_config

from harness import examine, leftovers, passes, profiling, racing
from harness.boards import function_on
from harness.catalog import Catalog
from harness.caveats import Machine, excuse, machine_of
from harness.clock import Clock, EventClock, HostClock
from harness.costs import cost_of
from harness.declare import Cost, Impl, interprets_triton
from harness.device import ensure_device, waiter
from harness.environment import describe
from harness.eviction import evictor
from harness.guard import attempt
from harness.planning import Race
from harness.policy import Policy
from harness.prepare import ensure_supported, resolve
from harness.referee import CaseReferee
from results.record import Case, Failed, Measured, Outcome, Profile, Right, Unsupported, Wrong

#: The stage of a wrong answer that lies in what can't be undone in this process.
LASTING = "leftovers"


class Witness(Protocol):
    """Is told what goes on in a case."""

    def begin(self, name: str, stage: str) -> None:
        """A contender ("" for the harness) begins a stage: "prepare", "race" or "profile"."""

    def done(self, name: str, outcome: Outcome | Profile | Right) -> None:
        """What became of a contender."""


class SpoiledError(Exception):
    """This process can't be trusted any more; the contenders not told of need a fresh one."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A contender that was prepared and found right: its function, its bound call, their cost."""

    function: Callable[..., Any]
    call: Callable[[], object]
    preparation_s: float
    error: float


def run_case(catalog: Catalog, race: Race, *, policy: Policy, witness: Witness) -> None:
    """Prepare, check and race the contenders of one case, telling each outcome.

    Raises SpoiledError where what a contender left behind can't be undone.
    """
    case = race.case
    with settings(case):
        exam = _exam_for(catalog, race, witness)
        if exam is None:
            return
        cost = cost_of(exam)
        ready: dict[str, Ready] = {}
        for name in race.contenders:
            witness.begin(name, "prepare")
            outcome = make_ready(exam, catalog.impl(case.op, name))
            if isinstance(outcome, Ready):
                ready[name] = outcome
            else:
                witness.done(name, outcome)
                _ensure_unspoiled(outcome)
        witness.begin("", "race")
        for name, timing in _race(exam, ready, policy, witness).items():
            witness.begin(name, "race")
            outcome = _measured(timing, ready[name], case, cost)
            witness.done(name, outcome)
            _ensure_unspoiled(outcome)


def profile_case(
    catalog: Catalog, race: Race, *, folder: Path, witness: Witness, side: str = ""
) -> None:
    """Profile the contenders of one case, a trace each below `folder`/traces.

    side: which of two versions they are, "" where there is but one.
    """
    with settings(race.case):
        exam = _exam_for(catalog, race, witness)
        if exam is None:
            return
        for name in race.contenders:
            witness.begin(name, "profile")
            outcome = _profiled(exam, catalog.impl(race.case.op, name), folder, side)
            witness.done(name, outcome)
            _ensure_unspoiled(outcome)


def make_ready(exam: examine.Exam, contender: Impl) -> Ready | Outcome:
    """Resolve, prepare and check a contender on a case, and bind its call.

    What it changes or leaves behind in the process is undone, and is a wrong answer.
    """
    before = leftovers.look()
    outcome = _make_ready(exam, contender)
    left = leftovers.undo(before)
    if left.lasting:
        return Wrong(LASTING, "; ".join((*left.undone, *left.lasting)))
    if left.undone and isinstance(outcome, Ready):
        return Wrong("state", "; ".join(left.undone))
    return outcome


def bound_call(exam: examine.Exam, function: Callable[..., Any]) -> Callable[[], object]:
    """One pass of `function` on the case's inputs, as the race, the profile and pytest time it."""
    return passes.bind(
        function,
        exam.first,
        direction=exam.case.direction,
        grad=exam.op.grad,
        upstream=exam.expected_first.upstream,
    )


@contextmanager
def settings(case: Case, *, reset_compiler: bool = True) -> Iterator[None]:
    """The case's threads and a clean compiler while it runs; what it changed is put back."""
    threads, graph = torch.get_num_threads(), torch.is_grad_enabled()
    torch.set_num_threads(case.threads)
    if reset_compiler and "torch._dynamo" in sys.modules:
        # Shapes of an earlier case would make the compiler guess dynamic ones for this. (Where
        # nothing was compiled yet there is nothing to reset, and importing it takes seconds.)
        torch.compiler.reset()
    try:
        # A graph whose backward pass runs more than once must not give its buffers away.
        with functorch_config.patch(donated_buffer=case.direction != "backward"):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_grad_enabled(graph)


def exam_of(catalog: Catalog, case: Case, *, gradients: bool = False) -> examine.Exam:
    """Inputs and truths of a case.

    gradients: whether they are checked in the forward pass as well. Raises UnsupportedError where
    the case's device isn't here.
    """
    ensure_device(case.device)
    gradients = gradients or case.direction != "forward"
    return examine.set_exam(catalog.op(case.op), case, gradients=gradients)


def _exam_for(catalog: Catalog, race: Race, witness: Witness) -> examine.Exam | None:
    """The case's exam; None where it can't be set, which is then every contender's outcome."""
    witness.begin("", "inputs")
    exam = attempt("inputs", partial(exam_of, catalog, race.case))
    if isinstance(exam, examine.Exam):
        return exam
    for name in race.contenders:
        witness.begin(name, "prepare")
        witness.done(name, exam)
    return None


def _make_ready(exam: examine.Exam, contender: Impl) -> Ready | Outcome:
    case = exam.case
    if "triton" in contender.requires and interprets_triton():
        return Unsupported("is not timed under Triton's interpreter")
    refusal = attempt(
        "prepare",
        partial(ensure_supported, exam.op, contender, exam.first.values, case),
    )
    if refusal is not None:
        return refusal
    start = time.perf_counter()
    function = attempt("prepare", partial(_prepared, exam, contender))
    if isinstance(function, Failed | Unsupported):
        return function
    preparation_s = time.perf_counter() - start
    verdict = examine.examine(exam, function)
    admitted = excuse(verdict, contender, case, _machine())
    if admitted:
        return Unsupported(f"admits to be wrong here: {admitted}")
    if not isinstance(verdict, Right):
        return verdict
    call = attempt("bind", partial(bound_call, exam, function))
    if isinstance(call, Failed | Unsupported):
        return call
    return Ready(function, call, preparation_s, verdict.error)


@functools.cache
def _machine() -> Machine:
    """This machine, for the conditions of caveats."""
    return machine_of(describe())


def _prepared(exam: examine.Exam, contender: Impl) -> Callable[..., Any]:
    """Resolve and call once, so that compiling and the first call are behind it."""
    given = exam.first
    function = function_on(exam.op, contender, resolve(contender), exam.case.board)
    function(*given.args, **given.options)
    return function


def _race(
    exam: examine.Exam, ready: Mapping[str, Ready], policy: Policy, witness: Witness
) -> dict[str, racing.Timing | racing.Out]:
    case = exam.case
    referee = CaseReferee(
        exam,
        {name: lane.function for name, lane in ready.items()},
        {name: lane.call for name, lane in ready.items()},
        announce=lambda name: witness.begin(name, "race"),
    )
    return racing.measure(
        {name: lane.call for name, lane in ready.items()},
        clock=clock_of(case),
        policy=policy,
        seed=f"{case.seed}/{policy.order}",
        evict=evictor(case.device) if case.cache == "cold" else None,
        referee=referee,
    )


def clock_of(case: Case) -> Clock:
    """The clock that fits the case's device."""
    if torch.device(case.device).type == "cpu":
        return HostClock()
    return EventClock(waiter(case.device), partial(torch.Event, case.device, enable_timing=True))


def _measured(timing: racing.Timing | racing.Out, ready: Ready, case: Case, cost: Cost) -> Outcome:
    if not isinstance(timing, racing.Timing):
        return timing
    peak = attempt("memory", partial(profiling.peak_bytes, ready.call, device=case.device))
    return Measured(
        timing.samples_s,
        timing.rounds,
        timing.calls,
        ready.preparation_s,
        ready.error,
        int(cost.flops),
        int(cost.bytes),
        timing.stopped,
        peak if isinstance(peak, int) else None,
        device_s=timing.device_s,
    )


def _ensure_unspoiled(outcome: Outcome | Profile) -> None:
    """A contender that ran out of memory may still hold it, and a thread can't be stopped."""
    hoards = isinstance(outcome, Failed) and outcome.cause == "memory"
    lasts = isinstance(outcome, Wrong) and outcome.stage == LASTING
    if (hoards or lasts) and not isinstance(outcome, Profile | Measured):
        raise SpoiledError(outcome.reason)


def _profiled(exam: examine.Exam, contender: Impl, folder: Path, side: str) -> Profile | Outcome:
    ready = make_ready(exam, contender)
    if not isinstance(ready, Ready):
        return ready
    traced = partial(_trace, exam.case, contender.name, ready.call, folder=folder, side=side)
    return attempt("profile", traced)


def _trace(
    case: Case, name: str, call: Callable[[], object], *, folder: Path, side: str
) -> Profile:
    trace = folder / "traces" / _folder_name(case, side) / f"{_plain(name)}.pt.trace.json"
    operators = profiling.profile(call, device=case.device, trace=trace)
    peak = profiling.peak_bytes(call, device=case.device)
    return Profile(name, case, str(trace.relative_to(folder)), operators, peak, side)


def _folder_name(case: Case, side: str) -> str:
    """torch-tb-profiler takes a folder for a run and a file's name for one of its workers.

    The sides are runs of their own, beside each other, so that its difference view can take both.
    """
    parts = (case.op, *case.label.split(), f"t{case.threads}", f"s{case.seed}", side)
    return _plain("-".join(filter(None, parts)))


def _plain(name: str) -> str:
    """Without the characters that mean something in the name of a trace, or in a path."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)
