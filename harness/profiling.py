"""Profile a call, in a pass of its own so that no profiler taints a timing.

A profile is a trace (for Chrome's viewer and torch-tb-profiler), a table of operators, and the peak
of the memory that a call holds. All are taken of the very call that is timed, after it has been
called once, so that neither compiling nor the first allocation shows.
"""

from __future__ import annotations

import time
from bisect import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.autograd import profiler as autograd_profiler
from torch.profiler import ProfilerActivity

from opbench.results.records import OperatorRow

#: Calls before a trace, and inside of it: enough to see which operators recur, few enough to read.
WARMUP, CALLS = 1, 5
#: Quick calls are profiled again for the table: as often as fit into so many seconds, at most.
TABLE_S, MOST_CALLS = 0.02, 100


@dataclass(frozen=True, slots=True)
class Profiled:
    """What profiling a call showed."""

    #: The operators of one call, slowest first.
    operators: tuple[OperatorRow, ...]
    #: The share of a call outside of all operators, in the profiler; None on accelerators.
    outside: float | None


def profile(
    call: Callable[[], object],
    *,
    device: str,
    trace: Path,
    stacks: bool = False,
    warmup: int = WARMUP,
    calls: int | None = None,
) -> Profiled:
    """Write the trace of a few calls and return the operators of one call.

    Times are medians over the calls on the CPU: one interruption would dominate a mean of so few.
    On accelerators, where a call may begin before the last is over, they are means.
    trace: the path of the Chrome trace; torch-tb-profiler reads `<run>/<worker>.pt.trace.json`.
    stacks: whether the trace has the Python functions, too, which slows the calls down. warmup:
    calls before that. calls: in the trace, and for the table; where None, as many as suffice.
    """
    for _ in range(warmup):
        call()
    trace.parent.mkdir(parents=True, exist_ok=True)
    traced = calls or CALLS
    profiler = _profiled(call, device, traced, stacks=stacks)
    profiler.export_chrome_trace(str(trace))
    calls = calls or max(CALLS, min(MOST_CALLS, int(TABLE_S / _seconds(call, device))))
    if calls > traced or stacks:
        profiler = _profiled(call, device, calls)
    is_cpu = torch.device(device).type == "cpu"
    medians = _median_times(profiler.events()) if is_cpu else {}
    rows = [
        _operator(event, device, calls, medians)
        for event in profiler.key_averages()
        if not event.key.startswith("call#")
    ]
    return Profiled(
        tuple(sorted(rows, key=lambda row: -row.self_time_s)),
        _outside(profiler.events()) if is_cpu else None,
    )


def peak_bytes(call: Callable[[], object], *, device: str) -> int:
    """The most bytes that one call holds at once, beyond those held before it."""
    call()
    if torch.device(device).type == "cpu":
        return _peak_of_trace(call)
    before = torch.accelerator.memory_allocated(device)
    torch.accelerator.reset_peak_memory_stats(device)
    call()
    _wait(device)
    return int(torch.accelerator.max_memory_allocated(device)) - int(before)


def _peak_of_trace(call: Callable[[], object]) -> int:
    """The peak of the running sum of allocations: the CPU allocator itself keeps none."""
    # The small profiler: torch.profiler would first import the compiler, which takes seconds.
    with autograd_profiler.profile(profile_memory=True) as profiled:
        # The result must die inside, or the next call's profile would see it go.
        call()
    assert profiled.kineto_results is not None
    events = [e for e in profiled.kineto_results.events() if e.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def _profiled(call: Callable[[], object], device: str, calls: int, *, stacks: bool = False) -> Any:
    """The profiler (which isn't fully typed) after a number of calls."""
    profiler = _profiler(device, stacks=stacks)
    with profiler:
        for index in range(calls):
            with torch.profiler.record_function(f"call#{index}"):
                call()
        _wait(device)
    return profiler


def _seconds(call: Callable[[], object], device: str) -> float:
    """Seconds that a call takes, roughly."""
    start = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - start


def _profiler(device: str, *, stacks: bool) -> torch.profiler.profile:
    """A profiler of the CPU and of the device, if that is another."""
    activities = [ProfilerActivity.CPU]
    kind = torch.device(device).type.upper()
    if kind != "CPU" and hasattr(ProfilerActivity, kind):
        activities.append(getattr(ProfilerActivity, kind))
    return torch.profiler.profile(
        activities=activities,
        record_shapes=True,
        profile_memory=True,
        acc_events=True,
        with_stack=stacks,
        with_flops=True,
    )


def _median_times(events: Any) -> Mapping[str, tuple[float, float]]:
    """Self and total time of each operator in a call, in microseconds: medians over the calls.

    Operators that are missing from most calls are left out.
    """
    ends = sorted(event.time_range.end for event in events if event.name.startswith("call#"))
    by_name: dict[str, np.ndarray] = {}
    for event in events:
        call = bisect(ends, event.time_range.start)
        if call < len(ends):
            times = by_name.setdefault(event.name, np.zeros((2, len(ends))))
            times[:, call] += event.self_cpu_time_total, event.cpu_time_total
    medians = {name: np.median(times, axis=1) for name, times in by_name.items()}
    return {name: (float(own), float(total)) for name, (own, total) in medians.items() if total}


def _outside(events: Any) -> float:
    """The share of a call that is outside of all operators: the median over the calls."""
    calls = [event for event in events if event.name.startswith("call#")]
    return float(np.median([c.self_cpu_time_total / max(c.cpu_time_total, 1e-9) for c in calls]))


def _operator(
    event: Any, device: str, calls: int, medians: Mapping[str, tuple[float, float]]
) -> OperatorRow:
    """The row of one operator, with all its calls during the profile divided by `calls`."""
    where = "cpu" if torch.device(device).type == "cpu" else "device"
    totals = (getattr(event, f"{name}_time_total") for name in (f"self_{where}", where))
    own, total = medians.get(event.key) or (time / calls for time in totals)
    return OperatorRow(
        name=event.key,
        calls=event.count / calls,
        self_time_s=own / 1e6,
        total_time_s=total / 1e6,
        self_bytes=getattr(event, f"self_{where}_memory_usage") / calls,
        flops=(event.flops or 0) / calls,
    )


def _wait(device: str) -> None:
    """Wait for the device."""
    from opbench.harness.machine.device import waiter

    waiter(device)()
