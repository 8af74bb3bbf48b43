"""Contenders of a case made ready to be timed: prepared, checked and bound to their inputs.

Races, profiles, comparisons and pytest's items all begin here, so that what is timed was checked
on the very inputs that it is timed on.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch._functorch import config as functorch_config

from opbench.harness.catalog import Catalog
from opbench.harness.correctness import checks
from opbench.harness.correctness.caveats import MachineFacts, expected_failure, machine_facts
from opbench.harness.correctness.memory import clone
from opbench.harness.correctness.recheck import check_timed
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
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import function_in_mode
from opbench.harness.preparation.resolve import ensure_supported, resolve
from opbench.harness.preparation.timed_call import TimedCall
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

#: The stage of a contender whose leaks can't be undone in this process; as it stands in records.
LEAK_STAGE: Final = "leftovers"


class TaintedError(Exception):
    """This process is tainted: the contenders without a result need a fresh one."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A contender that was prepared and found right."""

    #: The contender, compiled and called once.
    function: Callable[..., Any]
    #: The function bound to copies of the case's inputs.
    timed: TimedCall
    #: Seconds that resolving, compiling and the first call took.
    preparation_s: float
    #: The largest error, as a multiple of the tolerance.
    error: float

    @property
    def call(self) -> Callable[[], object]:
        """The call that is timed."""
        return self.timed.call


def make_ready(reference: Reference, contender: Impl) -> Ready | Outcome:
    """Resolve, prepare and check a contender on a case, and bind its call.

    Leaks into the process are undone, and make the contender Wrong.
    """
    before = leaks.snapshot()
    outcome = _make_ready(reference, contender)
    leaked = leaks.restore(before)
    if leaked.irreversible:
        return Wrong(LEAK_STAGE, "; ".join((*leaked.undone, *leaked.irreversible)))
    if leaked.undone and isinstance(outcome, Ready):
        return Wrong("state", "; ".join(leaked.undone))
    return outcome


def interpreted(contender: Impl) -> Unsupported | None:
    """The outcome of a contender that Triton's interpreter would run; None for all others."""
    if "triton" in contender.requires and interprets_triton():
        return Unsupported("is not timed under Triton's interpreter")
    return None


def bound_call(reference: Reference, function: Callable[..., Any]) -> TimedCall:
    """One pass of `function` on the case's inputs, as the race, the profile and pytest time it.

    On copies of its own: what it does to them harms nobody else.
    """
    given, upstream = reference.first.map(clone), map(clone, reference.expected_first.upstream)
    direction, grad = reference.case.direction, reference.op.grad
    return timed_call.bind(
        function, given, direction=direction, grad=grad, upstream=tuple(upstream)
    )


@contextmanager
def settings(case: Case, *, reset_compiler: bool = True) -> Iterator[None]:
    """Set the case's threads and a clean compiler, and restore what was set before at the end."""
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


def reference_of(
    catalog: Catalog,
    case: Case,
    *,
    gradients: bool = False,
    thorough: bool = False,
    first: Inputs | None = None,
    within: AbstractContextManager[object] | None = None,
) -> Reference:
    """The reference of a case.

    gradients: whether they are checked in the forward pass as well.
    thorough: whether a thorough check is to follow.
    first, within: as in `build_reference`.
    Raises UnsupportedError where the case's device isn't here.
    """
    ensure_device(case.device)
    gradients = gradients or case.direction != "forward"
    return build_reference(
        catalog.op(case.op),
        case,
        gradients=gradients,
        thorough=thorough,
        first=first,
        within=within,
    )


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
    """Resolve, prepare, check and bind, up to the first step that fails."""
    case = reference.case
    refusal = interpreted(contender) or catch(
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
    admitted = expected_failure(verdict, contender, case, this_machine())
    if admitted:
        return Unsupported(f"admits to be wrong here: {admitted}")
    if not isinstance(verdict, Right):
        return verdict
    timed = catch("bind", partial(bound_call, reference, function))
    if not isinstance(timed, TimedCall):
        return timed
    again = check_timed(reference, timed)
    if not isinstance(again, Right):
        return again
    return Ready(function, timed, preparation_s, max(verdict.error, again.error))


@functools.cache
def this_machine() -> MachineFacts:
    """The facts of this machine, for the conditions of caveats."""
    return machine_facts(describe())


def _prepared(reference: Reference, contender: Impl) -> Callable[..., Any]:
    """Resolve the function and call it once, so that it is compiled and its first call is done."""
    given = reference.first
    function = function_in_mode(reference.op, contender, resolve(contender), reference.case.board)
    function(*given.args, **given.options)
    return function


def clock_of(case: Case) -> Clock:
    """The clock that fits the case's device."""
    if torch.device(case.device).type == "cpu":
        return HostClock()
    return EventClock(waiter(case.device), partial(torch.Event, case.device, enable_timing=True))


def ensure_untainted(outcome: Outcome | Profile) -> None:
    """Raise TaintedError after an outcome that leaves memory or threads behind."""
    # A contender that ran out of memory may still hold it, and a thread can't be stopped.
    hoards = isinstance(outcome, Failed) and outcome.cause == "memory"
    leaks_for_good = isinstance(outcome, Wrong) and outcome.stage == LEAK_STAGE
    if (hoards or leaks_for_good) and not isinstance(outcome, Profile | Measured):
        raise TaintedError(outcome.reason)
