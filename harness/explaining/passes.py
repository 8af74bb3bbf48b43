"""The passes by their names: each gathers one kind of evidence of a contender that is ready.

What a contender raises in a pass is the reason why that has no evidence. What ends the process is
not caught here: the supervisor notes which pass it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch

from opbench.harness.explaining import (
    allocator,
    alternating,
    compiled_code,
    instructions,
    machine_code,
    operators,
    page_faults,
    perf_events,
    resources,
    tensors,
)
from opbench.harness.explaining.observed import Observed
from opbench.harness.outcomes import catch
from opbench.results.errors import UnsupportedError
from opbench.results.records import Case, EvidencePass, Failed, Unsupported

#: Seconds over which counters count.
_COUNTED_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A contender that is ready to be observed."""

    call: Callable[[], object]
    case: Case
    #: Whether it was prepared by a compiler.
    is_compiled: bool
    #: The libraries that were there before it was prepared.
    libraries: frozenset[str]
    contender: str
    #: The modules that hold it; none where a version of a project does.
    modules: tuple[str, ...] | None


def observe(part: EvidencePass, subject: Subject) -> Observed:
    """Do one pass; where it can't be done, the result says why."""
    found = catch("profile", partial(_PASSES[part], subject))
    if isinstance(found, Unsupported | Failed):
        return Observed(part=part, missing=found.reason)
    return found


def _resources(subject: Subject) -> Observed:
    """Processor time, page faults, and the call with one thing changed."""
    return _figures("resources", resources.gather(subject.call, subject.case))


def _tensors(subject: Subject) -> Observed:
    """The tensors that its operators read and write."""
    if subject.is_compiled:
        # Watching its operators would have it compiled anew.
        raise UnsupportedError("not available: it is compiled")
    return _figures("tensors", tensors.gather(subject.call))


def _operators(subject: Subject) -> Observed:
    """The operators of a call, with their times."""
    found, figures = operators.gather(subject.call)
    return Observed(part="operators", operators=found, figures=figures)


def _page_faults(subject: Subject) -> Observed:
    """The pages that each operator touches first."""
    return Observed(part="page faults", operators=page_faults.gather(subject.call))


def _compiled_code(subject: Subject) -> Observed:
    """Graphs, breaks and kernels of what was compiled since it was prepared."""
    return _figures("compiled code", compiled_code.gather())


def _machine_code(subject: Subject) -> Observed:
    """Vectors in the libraries that it brought along."""
    return _figures("machine code", machine_code.gather(subject.libraries))


def _counters(subject: Subject) -> Observed:
    """What the processor counts of the calling thread, where it has counters."""
    call_s = alternating.seconds(subject.call, 1)
    calls = max(1, int(_COUNTED_S / max(call_s, 1e-9)))
    return _figures("counters", perf_events.counters(subject.call, calls))


def _instructions(subject: Subject) -> Observed:
    """Instructions by callgrind, in a process of its own."""
    if subject.modules is None:
        raise UnsupportedError("not available: of two contenders alone, not of two versions")
    found = instructions.gather(subject.modules, subject.case, subject.contender)
    return _figures("instructions", found)


def _allocator(subject: Subject) -> Observed:
    """What fresh memory costs."""
    if torch.device(subject.case.device).type != "cpu":
        raise UnsupportedError("not available: its memory is the device's")
    return _figures("allocator", allocator.gather(subject.call))


def _figures(part: EvidencePass, figures: Iterable[tuple[str, float]]) -> Observed:
    """A pass that is numbers alone."""
    return Observed(part=part, figures=tuple(figures))


_PASSES: dict[EvidencePass, Callable[[Subject], Observed]] = {
    "resources": _resources,
    "tensors": _tensors,
    "operators": _operators,
    "page faults": _page_faults,
    "compiled code": _compiled_code,
    "machine code": _machine_code,
    "counters": _counters,
    "instructions": _instructions,
    "allocator": _allocator,
}
