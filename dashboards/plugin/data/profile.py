"""One profile, or two side by side: operators, the trace as a flame graph, memory over the call."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from opbench.dashboards.plugin.answers import Query, finite
from opbench.dashboards.plugin.explanation_list import explanations_of
from opbench.dashboards.plugin.flame_graph import FlameGraph, flame_graph
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.memory_timeline import MemoryTimeline, memory_timeline
from opbench.dashboards.plugin.profile_list import KnownProfile, profile_named
from opbench.dashboards.plugin.trace_events import events_of
from opbench.results.errors import RunFolderError
from opbench.results.records import OperatorRow
from opbench.results.regression.profile_diff import OperatorChange, difference

#: Larger traces are not drawn here: decoded, they take ten times as much memory.
TRACE_LIMIT = 64_000_000


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The profile that `profile` names; with `other`, that too, and how it differs from it."""
    first = profile_named(log, query, "profile")
    if not query.get("other", [""])[-1]:
        return {"profiles": [_whole(log, first)], "changes": None}
    second = profile_named(log, query, "other")
    both = [_whole(log, first), _whole(log, second)]
    return {"profiles": both, "changes": changes(first, second)}


def changes(first: KnownProfile, second: KnownProfile) -> list[dict[str, Any]]:
    """How the operators of a profile differ from those of another."""
    return [_change(one) for one in difference(first.profile, second.profile).operators]


def _whole(log: LogFolder, known: KnownProfile) -> dict[str, Any]:
    """A profile with all that its trace shows, and why it is slower or faster than others."""
    profile = known.profile
    return {
        "id": known.id,
        "contender": profile.contender,
        "side": profile.side,
        "run": known.run.id,
        "op": profile.case.op,
        "label": profile.case.label,
        "sizes": profile.case.sizes,
        "peak_bytes": profile.peak_bytes,
        "work": asdict(profile.work) if profile.work else None,
        "code": [name[:300] for name in profile.code],
        "operators": [_operator(row) for row in profile.operators],
        "why": [one.fields() for one in explanations_of(log, known)],
        **_of_trace(known),
    }


def _of_trace(known: KnownProfile) -> dict[str, Any]:
    """What a trace shows, or why it can't be had."""
    try:
        events = events_of(known.trace(limit=TRACE_LIMIT))
    except RunFolderError as error:
        return {"flame": None, "memory": None, "fault": str(error)}
    memory = memory_timeline(events, on_host=known.profile.case.device == "cpu")
    return {
        "flame": _flame(flame_graph(events)) if events.spans else None,
        "memory": _memory(memory) if memory else None,
        "fault": "",
    }


def _flame(graph: FlameGraph) -> dict[str, Any]:
    """A flame graph in columns; times in seconds."""
    return {
        "names": [name[:300] for name in graph.names],
        "parents": graph.parents,
        "total_s": [finite(total / 1e6) for total in graph.totals],
        "own_s": [finite(own / 1e6) for own in graph.own],
        "counts": [finite(count) for count in graph.counts],
        "left_out": graph.left_out,
    }


def _memory(timeline: MemoryTimeline) -> dict[str, Any]:
    """The memory of a call in columns; times in seconds."""
    return {
        "times_s": [finite(time / 1e6) for time in timeline.times],
        "held": timeline.held,
        "operators": [name[:300] for name in timeline.operators],
        "duration_s": finite(timeline.duration / 1e6),
        "cut": timeline.is_cut,
    }


def _operator(row: OperatorRow) -> dict[str, Any]:
    """An operator of a profile, per call."""
    return {
        "name": row.name,
        "calls": finite(row.calls),
        "self_s": finite(row.self_time_s),
        "total_s": finite(row.total_time_s),
        "self_bytes": finite(row.self_bytes),
    }


def _change(change: OperatorChange) -> dict[str, Any]:
    """How an operator differs."""
    numbers = {
        name: finite(value) if isinstance(value, float) else value
        for name, value in asdict(change).items()
    }
    return numbers
