"""The pipeline: plan → prepare → check → measure → record, one case after another."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch

from harness import examine, passes, profiling, racing
from harness.catalog import Catalog
from harness.clock import Clock, HostClock
from harness.declare import Cost, Impl, call_named, interprets_triton
from harness.device import ensure_device, waiter
from harness.guard import attempt
from harness.inputs import Inputs
from harness.planning import Race
from harness.policy import Policy
from harness.prepare import ensure_supported, fingerprint, resolve
from results.record import (
    Case,
    Failed,
    Measured,
    Outcome,
    Profile,
    Record,
    Right,
    Started,
    Unsupported,
)
from results.store import RunFolder


class Reporter(Protocol):
    """Told what goes on, to draw progress."""

    def case(self, race: Race) -> None:
        """A case begins."""

    def contender(self, name: str, stage: str) -> None:
        """A contender begins a stage."""


class Silent:
    """A reporter that says nothing."""

    def case(self, race: Race) -> None:
        """Say nothing."""

    def contender(self, name: str, stage: str) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A contender that was prepared and found right: its bound call and what it cost so far."""

    call: Callable[[], object]
    preparation_s: float
    error: float


def run(
    catalog: Catalog,
    races: Iterable[Race],
    folder: RunFolder,
    *,
    policy: Policy | None = None,
    reporter: Reporter | None = None,
) -> tuple[Record, ...]:
    """Race every case that `folder` has no full result of, recording job by job.

    Returns the records of all races, those that were there already included.
    """
    environment_key = folder.info.environment.key
    done = {(r.case, r.contender) for r in folder.records()}
    for race in races:
        if all((race.case, name) in done for name in race.contenders):
            continue
        (reporter or Silent()).case(race)
        writer = _Writer(catalog, folder, environment_key)
        run_case(catalog, race, writer, policy=policy or Policy(), reporter=reporter or Silent())
    wanted = {(race.case, name) for race in races for name in race.contenders}
    return tuple(r for r in folder.records() if (r.case, r.contender) in wanted)


def run_case(
    catalog: Catalog, race: Race, writer: _Writer, *, policy: Policy, reporter: Reporter
) -> None:
    """Prepare, check and race the contenders of one case, writing each outcome."""
    case, op = race.case, catalog.op(race.case.op)
    with settings(case):
        exam = attempt("inputs", partial(exam_of, catalog, case))
        if not isinstance(exam, examine.Exam):
            for name in race.contenders:
                writer.start(case, name)
                writer.finish(case, name, exam)
            return
        ready: dict[str, Ready] = {}
        for name in race.contenders:
            reporter.contender(name, "check")
            writer.start(case, name)
            outcome = make_ready(exam, catalog.impl(op.name, name))
            if isinstance(outcome, Ready):
                ready[name] = outcome
            else:
                writer.finish(case, name, outcome)
        reporter.contender(f"{len(ready)} contenders", "race")
        timings = racing.measure(
            {name: lane.call for name, lane in ready.items()},
            clock=_clock(case),
            policy=policy,
            seed=case.seed,
        )
        cost = cost_of(exam)
        for name, timing in timings.items():
            writer.finish(case, name, _measured(timing, ready[name], case, cost))


def make_ready(exam: examine.Exam, contender: Impl) -> Ready | Outcome:
    """Resolve, prepare and check a contender on a case, and bind its call."""
    case = exam.case
    if "triton" in contender.requires and interprets_triton():
        return Unsupported("is not timed under Triton's interpreter")
    refusal = attempt(
        "prepare",
        partial(ensure_supported, exam.op, contender, exam.first.values, direction=case.direction),
    )
    if refusal is not None:
        return refusal
    start = time.perf_counter()
    function = attempt("prepare", partial(_prepared, contender, exam.first))
    if isinstance(function, Failed | Unsupported):
        return function
    preparation_s = time.perf_counter() - start
    verdict = examine.examine(exam, function)
    excuse = examine.admitted(verdict, contender.caveats, case)
    if excuse:
        return Unsupported(f"admits to be wrong here: {excuse}")
    if not isinstance(verdict, Right):
        return verdict
    call = attempt("bind", partial(bound_call, exam, function))
    if isinstance(call, Failed | Unsupported):
        return call
    return Ready(call, preparation_s, verdict.error)


def bound_call(exam: examine.Exam, function: Callable[..., Any]) -> Callable[[], object]:
    """One pass of `function` on the case's inputs, as the race, the profile and pytest time it."""
    return passes.bind(
        function,
        exam.first,
        direction=exam.case.direction,
        grad=exam.op.grad,
        upstream=exam.expected_first.upstream,
    )


def profile(
    catalog: Catalog,
    races: Iterable[Race],
    folder: RunFolder,
    *,
    reporter: Reporter | None = None,
) -> tuple[Profile | Record, ...]:
    """Profile every contender on every case; a trace each below the run's `traces` folder.

    Returns a Profile for each contender that ran, a Record for each that did not.
    """
    found: list[Profile | Record] = []
    writer = _Writer(catalog, folder, folder.info.environment.key)
    recorded = {(r.case, r.contender) for r in folder.records()}
    for race in races:
        (reporter or Silent()).case(race)
        with settings(race.case):
            exam = attempt("inputs", partial(exam_of, catalog, race.case))
            for name in race.contenders:
                (reporter or Silent()).contender(name, "profile")
                outcome = _profiled(exam, catalog.impl(race.case.op, name), folder)
                if isinstance(outcome, Profile):
                    found.append(outcome)
                    folder.append(outcome)
                    continue
                record = writer.record(race.case, name, outcome)
                found.append(record)
                # What the run measured of it is not lost because it can't be profiled.
                if (race.case, name) not in recorded:
                    folder.append(record)
    return tuple(found)


@contextmanager
def settings(case: Case, *, reset_compiler: bool = True) -> Iterator[None]:
    """The case's threads and a clean compiler while it runs; what it changed is put back."""
    threads, graph = torch.get_num_threads(), torch.is_grad_enabled()
    torch.set_num_threads(case.threads)
    if reset_compiler:
        # Shapes of an earlier case would make the compiler guess dynamic ones for this.
        torch.compiler.reset()
    try:
        # A graph whose backward pass runs more than once must not give its buffers away.
        with torch._functorch.config.patch(donated_buffer=case.direction != "backward"):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_grad_enabled(graph)


class _Writer:
    """Writes the lines of one run."""

    def __init__(self, catalog: Catalog, folder: RunFolder, environment_key: str) -> None:
        self._catalog = catalog
        self._folder = folder
        self._environment_key = environment_key

    def start(self, case: Case, name: str) -> None:
        self._folder.append(Started(name, case))

    def record(self, case: Case, name: str, outcome: Outcome) -> Record:
        contender = self._catalog.impl(case.op, name)
        caveats = tuple(contender.caveats.items())
        key = self._environment_key
        return Record(name, case, outcome, fingerprint(contender), key, caveats)

    def finish(self, case: Case, name: str, outcome: Outcome) -> None:
        self._folder.append(self.record(case, name, outcome))


def exam_of(catalog: Catalog, case: Case) -> examine.Exam:
    """Inputs and truths of a case. Raises UnsupportedError where its device isn't here."""
    ensure_device(case.device)
    return examine.set_exam(catalog.op(case.op), case, gradients=case.direction != "forward")


def _prepared(contender: Impl, given: Inputs) -> Callable[..., Any]:
    """Resolve and call once, so that compiling and the first call are behind it."""
    function = resolve(contender)
    function(*given.args, **given.options)
    return function


def _clock(case: Case) -> Clock:
    return HostClock(waiter(case.device))


def cost_of(exam: examine.Exam) -> Cost:
    """The compulsory work of one call on the case's inputs."""
    size = torch.empty((), dtype=getattr(torch, exam.case.dtype)).element_size()
    values: Mapping[str, object] = {
        **dict(exam.case.axes),
        **exam.op.defaults,
        **exam.first.values,
        "e": size,
        "dtype": exam.case.dtype,
        "device": exam.case.device,
        "direction": exam.case.direction,
    }
    cost: Cost = call_named(exam.op.cost, values)
    return cost


def _measured(
    timing: racing.Timing | Failed | Unsupported, ready: Ready, case: Case, cost: Cost
) -> Outcome:
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
    )


def _profiled(
    exam: examine.Exam | Unsupported | Failed, contender: Impl, folder: RunFolder
) -> Profile | Outcome:
    if not isinstance(exam, examine.Exam):
        return exam
    ready = make_ready(exam, contender)
    if not isinstance(ready, Ready):
        return ready
    return attempt("profile", partial(_trace, exam.case, contender.name, ready.call, folder))


def _trace(case: Case, name: str, call: Callable[[], object], folder: RunFolder) -> Profile:
    trace = folder.traces / _folder_name(case) / f"{_plain(name)}.pt.trace.json"
    operators = profiling.profile(call, device=case.device, trace=trace)
    peak = profiling.peak_bytes(call, device=case.device)
    return Profile(name, case, str(trace.relative_to(folder.path)), operators, peak)


def _folder_name(case: Case) -> str:
    """torch-tb-profiler takes a folder for a run and a file's name for one of its workers."""
    return _plain("-".join((case.op, *case.label.split(), f"t{case.threads}", f"s{case.seed}")))


def _plain(name: str) -> str:
    """Without the characters that mean something in the name of a trace, or in a path."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)
