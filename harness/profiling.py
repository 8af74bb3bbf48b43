"""Profile a call, in a pass of its own so that no profiler taints a timing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.autograd import profiler as autograd_profiler
from torch.profiler import ProfilerActivity

from results.record import OperatorRow

#: Calls inside a profile: enough to see which operators recur, few enough to read the trace.
CALLS = 5


def profile(
    call: Callable[[], object], *, device: str, trace: Path, calls: int = CALLS
) -> tuple[OperatorRow, ...]:
    """Write the trace of `calls` calls and return the operators per call, slowest first.

    trace: where the Chrome trace goes; torch-tb-profiler reads `<run>/<worker>.pt.trace.json`.
    """
    call()
    trace.parent.mkdir(parents=True, exist_ok=True)
    with _profiler(device) as profiler:
        for index in range(calls):
            with torch.profiler.record_function(f"call#{index}"):
                call()
        _wait(device)
    profiler.export_chrome_trace(str(trace))
    rows = [
        _operator(event, device, calls)
        for event in profiler.key_averages()
        if not event.key.startswith("call#")
    ]
    return tuple(sorted(rows, key=lambda row: -row.self_time_s))


def peak_bytes(call: Callable[[], object], *, device: str) -> int:
    """The most bytes that one call held at once, beyond what was held before it."""
    call()
    if torch.device(device).type == "cpu":
        return _peak_of_trace(call)
    before = torch.accelerator.memory_allocated(device)
    torch.accelerator.reset_peak_memory_stats(device)
    call()
    _wait(device)
    return int(torch.accelerator.max_memory_allocated(device)) - int(before)


def _peak_of_trace(call: Callable[[], object]) -> int:
    """The CPU allocator keeps no peak; the profiler reports each of its allocations."""
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


def _profiler(device: str) -> torch.profiler.profile:
    activities = [ProfilerActivity.CPU]
    kind = torch.device(device).type.upper()
    if kind != "CPU" and hasattr(ProfilerActivity, kind):
        activities.append(getattr(ProfilerActivity, kind))
    return torch.profiler.profile(
        activities=activities, record_shapes=True, profile_memory=True, acc_events=True
    )


def _operator(event: Any, device: str, calls: int) -> OperatorRow:
    where = "cpu" if torch.device(device).type == "cpu" else "device"
    return OperatorRow(
        name=event.key,
        calls=event.count / calls,
        self_time_s=getattr(event, f"self_{where}_time_total") / calls / 1e6,
        total_time_s=getattr(event, f"{where}_time_total") / calls / 1e6,
        self_bytes=getattr(event, f"self_{where}_memory_usage") / calls,
    )


def _wait(device: str) -> None:
    from harness.device import waiter

    waiter(device)()
