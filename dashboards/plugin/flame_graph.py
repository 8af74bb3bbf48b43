"""A trace folded into a tree of what called what, per call of the contender."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from opbench.dashboards.plugin.trace_events import Span, TraceEvents

#: More nodes are slow to draw and too small to see.
MOST_NODES = 2000
#: Deeper calls count as their caller's own time.
_DEPTH = 200


@dataclass(slots=True)
class Node:
    """An operator called along one path, with all its calls."""

    name: str
    #: Microseconds, of all calls of the contender.
    total: float = 0.0
    #: How often it was called.
    count: int = 0
    children: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlameGraph:
    """The nodes in columns, each after its parent."""

    names: tuple[str, ...]
    #: The number of each node's parent; -1 of the root.
    parents: tuple[int, ...]
    #: Microseconds per call of the contender.
    totals: tuple[float, ...]
    #: The same without the nodes below.
    own: tuple[float, ...]
    #: Calls per call of the contender.
    counts: tuple[float, ...]
    #: Nodes that were too short to be among them.
    left_out: int


def flame_graph(events: TraceEvents) -> FlameGraph:
    """The graph of a trace: the calls at its root, below them operators by who called them.

    Of too many nodes the shortest are left out, and count as their caller's own time.
    """
    number = max(1, len(events.calls))
    root = Node("call", sum(call.end - call.start for call in events.calls), number)
    lanes: dict[str, list[Span]] = {}
    for span in events.spans:
        lanes.setdefault(span.lane, []).append(span)
    main = {call.lane for call in events.calls}
    for lane, spans in sorted(lanes.items(), key=lambda item: item[0] not in main):
        _fold(spans, root if lane in main or not main else _lane_of(root, lane, spans))
    # Without calls the root is as long as what lies in it.
    root.total = max(root.total, sum(child.total for child in root.children.values()))
    return _columns(root, number)


def _lane_of(root: Node, lane: str, spans: Iterable[Span]) -> Node:
    """A node for another thread or a stream, which works beside the calls."""
    node = root.children.setdefault(f"beside: {lane}", Node(f"beside: {lane}", 0.0, 1))
    end = -float("inf")
    for span in spans:
        node.total += max(0.0, span.end - max(span.start, end))
        end = max(end, span.end)
    return node


def _fold(spans: Iterable[Span], top: Node) -> None:
    """Add the spans of one thread, in their order, below a node."""
    path: list[tuple[float, Node]] = []
    for span in spans:
        while path and span.start >= path[-1][0]:
            path.pop()
        if len(path) >= _DEPTH:
            continue
        above = path[-1][1] if path else top
        node = above.children.setdefault(span.name, Node(span.name))
        # A span that ends after its caller is cut: the profiler's clocks differ by a little.
        end = min(span.end, path[-1][0]) if path else span.end
        node.total += end - span.start
        node.count += 1
        path.append((end, node))


def _columns(root: Node, calls: int) -> FlameGraph:
    """The nodes as columns; the longest, each with all that called it."""
    shown: list[tuple[Node, int]] = []
    # A caller lasts at least as long as what it calls: the longest come with their callers.
    waiting: list[tuple[float, int, Node, int]] = [(-root.total, 0, root, -1)]
    order = 0
    while waiting and len(shown) < MOST_NODES:
        _, _, node, parent = heapq.heappop(waiting)
        place = len(shown)
        shown.append((node, parent))
        for child in node.children.values():
            order += 1
            heapq.heappush(waiting, (-child.total, order, child, place))
    below = [0.0] * len(shown)
    for node, parent in shown[1:]:
        below[parent] += node.total
    return FlameGraph(
        names=tuple(node.name for node, _ in shown),
        parents=tuple(parent for _, parent in shown),
        totals=tuple(node.total / calls for node, _ in shown),
        own=tuple(
            max(0.0, node.total - under) / calls
            for (node, _), under in zip(shown, below, strict=True)
        ),
        counts=tuple(node.count / calls for node, _ in shown),
        left_out=sum(1 for _, _, node, _ in waiting for _ in _all_of(node)),
    )


def _all_of(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for child in node.children.values():
        yield from _all_of(child)
