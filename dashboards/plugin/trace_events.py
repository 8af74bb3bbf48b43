"""What a profiler's trace holds: calls, the spans of operators, and allocations.

A trace may come from anybody: what isn't as the profiler writes it is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from opbench.results.errors import RunFolderError

#: Events of these kinds are spans of work.
_KINDS = frozenset(
    ("cpu_op", "user_annotation", "python_function", "kernel", "gpu_memcpy", "gpu_memset")
)
#: No time and no size is as large.
_MOST = 1e18
#: How the spans of whole calls are called.
_CALL = "call#"
_MEMORY = "[memory]"
#: The host among the kinds of devices that allocate.
_HOST = 0


@dataclass(frozen=True, slots=True)
class Span:
    """An operator at work; times are microseconds of the trace."""

    name: str
    #: The process and thread, or the device and stream.
    lane: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Allocation:
    """Memory that was allocated, or with a negative size freed."""

    time: float
    bytes: int
    is_host: bool


@dataclass(frozen=True, slots=True)
class TraceEvents:
    """The events of a trace, each kind in the order of time."""

    #: Whole calls of the contender.
    calls: tuple[Span, ...]
    #: All else that worked.
    spans: tuple[Span, ...]
    allocations: tuple[Allocation, ...]


def events_of(content: bytes) -> TraceEvents:
    """The events of a Chrome trace. Raises RunFolderError where it is none."""
    try:
        trace = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RunFolderError(f"the trace cannot be read: {error}") from error
    events = trace.get("traceEvents") if isinstance(trace, dict) else trace
    if not isinstance(events, list):
        raise RunFolderError("the trace cannot be read: it has no list of events")
    known = [event for event in events if isinstance(event, dict)]
    spans = sorted(_spans(known), key=lambda span: (span.start, -span.end))
    return TraceEvents(
        calls=tuple(span for span in spans if span.name.startswith(_CALL)),
        spans=tuple(span for span in spans if not span.name.startswith(_CALL)),
        allocations=tuple(sorted(_allocations(known), key=lambda one: one.time)),
    )


def _spans(events: list[dict[str, Any]]) -> Iterator[Span]:
    """The spans among some events."""
    for event in events:
        name, start, length = event.get("name"), event.get("ts"), event.get("dur")
        is_span = event.get("ph") == "X" and event.get("cat") in _KINDS
        if is_span and isinstance(name, str) and _is_time(start) and _is_time(length):
            lane = f"{event.get('pid')}/{event.get('tid')}"
            yield Span(name, lane, float(start), float(start) + max(0.0, float(length)))


def _allocations(events: list[dict[str, Any]]) -> Iterator[Allocation]:
    """The allocations among some events."""
    for event in events:
        details = event.get("args")
        if event.get("name") == _MEMORY and isinstance(details, Mapping):
            time, size = event.get("ts"), details.get("Bytes")
            if _is_time(time) and isinstance(size, int) and _is_time(size):
                yield Allocation(float(time), int(size), details.get("Device Type") == _HOST)


def _is_time(value: object) -> TypeGuard[float]:
    """Whether a value is a number of microseconds, or of bytes, that can be."""
    return isinstance(value, int | float) and abs(value) < _MOST
