"""Contenders of a case made ready to be timed: prepared, checked and bound to their inputs."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch._functorch import config as functorch_config

from opbench.harness.catalog import Catalog
from opbench.harness.correctness import checks
from opbench.harness.correctness.caveats import Machine, excuse, machine_of
from opbench.harness.correctness.reference import Reference, build_reference
from opbench.harness.declaration.support import interprets_triton
from opbench.harness.declare import Impl
from opbench.harness.execution import leaks
from opbench.harness.execution.observer import Observer
from opbench.harness.machine.device import ensure_device, waiter
from opbench.harness.machine.environment import describe
from opbench.harness.outcomes import catch
from opbench.harness.planning.selection import Race
from opbench.harness.preparation import timed_call
from opbench.harness.preparation.output_modes import function_on
from opbench.harness.preparation.resolve import ensure_supported, resolve
from opbench.harness.timing.clock import Clock, EventClock, HostClock
from opbench.results.records import (
    Case,
    Failed,
    Measured,
    Outcome,
    Profile,
    Right,
    Unsupported,
    Wrong,
)

#: The stage of a wrong answer that lies in what can't be undone in this process.
LASTING: Final = "leftovers"


class SpoiledError(Exception):
    """This process can't be trusted any more; the contenders not told of need a fresh one."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A contender that was prepared and found right: its function, its bound call, their cost."""

    function: Callable[..., Any]
    call: Callable[[], object]
    preparation_s: float
    error: float


def make_ready(reference: Reference, contender: Impl) -> Ready | Outcome:
    """Resolve, prepare and check a contender on a case, and bind its call.

    What it changes or leaves behind in the process is undone, and is a wrong answer.
    """
    before = leaks.look()
    outcome = _make_ready(reference, contender)
    left = leaks.undo(before)
    if left.lasting:
        return Wrong(LASTING, "; ".join((*left.undone, *left.lasting)))
    if left.undone and isinstance(outcome, Ready):
        return Wrong("state", "; ".join(left.undone))
    return outcome


def bound_call(reference: Reference, function: Callable[..., Any]) -> Callable[[], object]:
    """One pass of `function` on the case's inputs, as the race, the profile and pytest time it."""
    return timed_call.bind(
        function,
        reference.first,
        direction=reference.case.direction,
        grad=reference.op.grad,
        upstream=reference.expected_first.upstream,
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


def reference_of(catalog: Catalog, case: Case, *, gradients: bool = False) -> Reference:
    """Inputs and truths of a case.

    gradients: whether they are checked in the forward pass as well. Raises UnsupportedError where
    the case's device isn't here.
    """
    ensure_device(case.device)
    gradients = gradients or case.direction != "forward"
    return build_reference(catalog.op(case.op), case, gradients=gradients)


def try_reference(catalog: Catalog, race: Race, observer: Observer) -> Reference | None:
    """The case's reference; None where that fails, which is then every contender's outcome."""
    observer.begin("", "inputs")
    reference = catch("inputs", partial(reference_of, catalog, race.case))
    if isinstance(reference, Reference):
        return reference
    for name in race.contenders:
        observer.begin(name, "prepare")
        observer.done(name, reference)
    return None


def _make_ready(reference: Reference, contender: Impl) -> Ready | Outcome:
    case = reference.case
    if "triton" in contender.requires and interprets_triton():
        return Unsupported("is not timed under Triton's interpreter")
    refusal = catch(
        "prepare",
        partial(ensure_supported, reference.op, contender, reference.first.values, case),
    )
    if refusal is not None:
        return refusal
    start = time.perf_counter()
    function = catch("prepare", partial(_prepared, reference, contender))
    if isinstance(function, Failed | Unsupported):
        return function
    preparation_s = time.perf_counter() - start
    verdict = checks.check(reference, function)
    admitted = excuse(verdict, contender, case, _machine())
    if admitted:
        return Unsupported(f"admits to be wrong here: {admitted}")
    if not isinstance(verdict, Right):
        return verdict
    call = catch("bind", partial(bound_call, reference, function))
    if isinstance(call, Failed | Unsupported):
        return call
    return Ready(function, call, preparation_s, verdict.error)


@functools.cache
def _machine() -> Machine:
    """This machine, for the conditions of caveats."""
    return machine_of(describe())


def _prepared(reference: Reference, contender: Impl) -> Callable[..., Any]:
    """Resolve and call once, so that compiling and the first call are behind it."""
    given = reference.first
    function = function_on(reference.op, contender, resolve(contender), reference.case.board)
    function(*given.args, **given.options)
    return function


def clock_of(case: Case) -> Clock:
    """The clock that fits the case's device."""
    if torch.device(case.device).type == "cpu":
        return HostClock()
    return EventClock(waiter(case.device), partial(torch.Event, case.device, enable_timing=True))


def ensure_unspoiled(outcome: Outcome | Profile) -> None:
    """A contender that ran out of memory may still hold it, and a thread can't be stopped."""
    hoards = isinstance(outcome, Failed) and outcome.cause == "memory"
    lasts = isinstance(outcome, Wrong) and outcome.stage == LASTING
    if (hoards or lasts) and not isinstance(outcome, Profile | Measured):
        raise SpoiledError(outcome.reason)
