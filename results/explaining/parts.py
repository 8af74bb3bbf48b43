"""The time of a call, in parts: that of each operator, and that outside of all operators.

The profiler's times are larger than those of the race, by what recording each operator costs. That
cost is taken out of each part by the number of its events, and the rest is scaled, so that the
parts of a contender make up its raced time. An excess of more than a few times what recording an
empty operator costs can't be the profiler's: then the machine was busier, and scaling alone is
left.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from opbench.results.explaining.figures import figures_of
from opbench.results.records import Evidence, OperatorUse

#: Recording an operator may cost so many times what it costs of one that does nothing.
_MOST_OVERHEAD = 2.5


@dataclass(frozen=True, slots=True)
class Part:
    """The time that an operator takes of a call, in seconds of the race."""

    use: OperatorUse
    seconds: float

    @property
    def chain(self) -> tuple[str, ...]:
        """Its name, after those that called it."""
        return (*self.use.path, self.use.name)

    @property
    def elements(self) -> int:
        """Of its largest input."""
        return max(map(elements_of, self.use.sizes), default=0)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a contender in parts, which add up to its raced time."""

    parts: tuple[Part, ...]
    #: Seconds outside of all operators.
    outside_s: float
    #: Seconds by which the profiler slowed it down.
    overhead_s: float


def elements_of(sizes: tuple[int, ...]) -> int:
    """The elements of a tensor."""
    count = 1
    for size in sizes:
        count *= size
    return count


def parts_of(evidence: Evidence) -> Call:
    """The parts of a contender's call, which add up to its raced time.

    Without a profile, of a contender that crashes in it say, all of it lies outside of operators.
    """
    figures = figures_of(evidence)
    uses = [use for use in evidence.operators if use.calls]
    events = sum(use.calls for use in uses)
    if not events or "profiled_s" not in figures:
        return Call((), evidence.time_s, 0.0)
    per_event = _per_event(figures["profiled_s"] - evidence.time_s, events, figures)
    below: Counter[tuple[str, ...]] = Counter()
    for use in uses:
        below[use.path] += use.calls  # type: ignore[assignment]
    # Half of what recording costs lies within the operator, half in what called it.
    times = [
        _less(use.self_time_s, per_event / 2 * (use.calls + below[(*use.path, use.name)]))
        for use in uses
    ]
    outside = _less(figures.get("outside_s", 0.0), per_event / 2 * below[()])
    scale = evidence.time_s / (sum(times) + outside)
    parts = (Part(use, time * scale) for use, time in zip(uses, times, strict=True))
    return Call(tuple(parts), outside * scale, per_event * events)


def _per_event(excess: float, events: float, figures: dict[str, float]) -> float:
    """Seconds that recording one operator cost: the excess, as far as it can be that."""
    most = _MOST_OVERHEAD * figures.get("event_overhead_s", 0.0)
    return min(max(excess / events, 0.0), most)


def _less(seconds: float, overhead: float) -> float:
    """Seconds without the overhead; a little stays of everything, so that the sum is never 0."""
    return max(seconds - overhead, 0.02 * seconds, 1e-12)
