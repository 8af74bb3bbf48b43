"""The memory that one call holds, from its beginning to its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from opbench.dashboards.plugin.trace_events import Span, TraceEvents

#: So many steps are drawn.
_MOST_STEPS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTimeline:
    """The steps in columns, beyond what was held before the call."""

    #: Microseconds since the call began.
    times: tuple[float, ...]
    #: Bytes held from then on.
    held: tuple[int, ...]
    #: The operator that allocated or freed.
    operators: tuple[str, ...]
    #: How long the call took in the profiler.
    duration: float
    #: Whether steps were left out at the end.
    is_cut: bool


def memory_timeline(events: TraceEvents, *, on_host: bool) -> MemoryTimeline | None:
    """The timeline of the call in the middle of a trace; None where it holds none.

    on_host: of the host's memory, else of the device's.
    """
    if not events.calls:
        return None
    # The first call may still fill caches.
    call = events.calls[len(events.calls) // 2]
    inside = [
        one
        for one in events.allocations
        if call.start <= one.time <= call.end and one.is_host == on_host
    ]
    held, steps = 0, []
    for one in inside[:_MOST_STEPS]:
        held += one.bytes
        steps.append((one.time - call.start, held))
    spans = [span for span in events.spans if span.start <= call.end and span.end >= call.start]
    return MemoryTimeline(
        times=tuple(time for time, _ in steps),
        held=tuple(size for _, size in steps),
        operators=_at_work(spans, (one.time for one in inside[:_MOST_STEPS])),
        duration=call.end - call.start,
        is_cut=len(inside) > _MOST_STEPS,
    )


def _at_work(spans: Iterable[Span], times: Iterable[float]) -> tuple[str, ...]:
    """The innermost span at each of some rising times; "" where there is none."""
    upcoming = iter(spans)
    following = next(upcoming, None)
    path: list[Span] = []
    names = []
    for time in times:
        while following is not None and following.start <= time:
            path.append(following)
            following = next(upcoming, None)
        path = [span for span in path if span.end >= time]
        names.append(path[-1].name if path else "")
    return tuple(names)
