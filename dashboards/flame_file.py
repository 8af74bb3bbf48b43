"""A flame graph as a file: of one trace, or of two with their difference.

Either a page that needs no network and no script, or the format that speedscope reads. Widths are
seconds per call of the contender.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from opbench.dashboards.plugin.flame_graph import FlameGraph, flame_graph
from opbench.dashboards.plugin.trace_events import events_of
from opbench.results.errors import RunFolderError, SelectionError
from opbench.results.records.output_paths import output_file

#: Narrower bars can't be seen, as a part of the widest graph.
_LEAST = 0.001
_SPEEDSCOPE, _PAGE = ".speedscope.json", ".html"
_STYLE = (
    "body{font:13px sans-serif;margin:16px}.row{position:relative;height:18px}"
    ".bar{position:absolute;height:17px;overflow:hidden;white-space:nowrap;font-size:11px;"
    "line-height:17px;border-right:1px solid #fff;box-sizing:border-box;padding-left:2px}"
)


@dataclass(frozen=True, slots=True)
class NamedGraph:
    """A flame graph, and whose it is."""

    name: str
    graph: FlameGraph


def read_graph(name: str, trace: Path) -> NamedGraph:
    """The flame graph of a trace. Raises RunFolderError where it can't be read."""
    try:
        content = trace.read_bytes()
    except OSError as error:
        raise RunFolderError(f"{trace} cannot be read: {error.strerror}") from error
    return NamedGraph(name, flame_graph(events_of(content)))


def ensure_flame_name(path: Path) -> None:
    """Raise SelectionError where a file's name says no format that flame graphs are written in."""
    if not path.name.endswith((_SPEEDSCOPE, _PAGE)):
        raise SelectionError(f"--flame {path}: end its name with {_SPEEDSCOPE} or {_PAGE}")


def write_flame(graphs: Sequence[NamedGraph], path: Path) -> None:
    """Write flame graphs into a file, whose name says in which format.

    In a page the second graph is coloured by its difference from the first. Raises SelectionError
    for another name, and RunFolderError where it can't be written.
    """
    ensure_flame_name(path)
    text = _speedscope(graphs) if path.name.endswith(_SPEEDSCOPE) else _page(graphs)
    with output_file(path):
        path.write_text(text, encoding="utf-8")


def paths_of(graph: FlameGraph) -> list[tuple[str, ...]]:
    """The names from the root to each node, in the order of the nodes."""
    found: list[tuple[str, ...]] = []
    for name, parent in zip(graph.names, graph.parents, strict=True):
        found.append((*(found[parent] if parent >= 0 else ()), name))
    return found


def _speedscope(graphs: Sequence[NamedGraph]) -> str:
    """The graphs in the format of speedscope, a profile each."""
    names = sorted({name for one in graphs for name in one.graph.names})
    numbers = {name: number for number, name in enumerate(names)}
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": "opbench",
        "shared": {"frames": [{"name": name} for name in names]},
        "profiles": [_sampled(one, numbers) for one in graphs],
    }
    return json.dumps(document)


def _sampled(one: NamedGraph, numbers: dict[str, int]) -> dict[str, object]:
    """A profile of speedscope: each path with the time of its own.

    numbers: of the names, among the frames that all profiles share.
    """
    own = one.graph.own
    return {
        "type": "sampled",
        "name": one.name,
        "unit": "microseconds",
        "startValue": 0,
        "endValue": sum(own),
        "samples": [[numbers[name] for name in path] for path in paths_of(one.graph)],
        "weights": list(own),
    }


def _page(graphs: Sequence[NamedGraph]) -> str:
    """The graphs as a page, on one scale."""
    widest = max((one.graph.totals[0] for one in graphs), default=0.0) or 1.0
    parts = [f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style><title>opbench</title>"]
    first = dict(zip(paths_of(graphs[0].graph), graphs[0].graph.totals, strict=True))
    for number, one in enumerate(graphs):
        whole = one.graph.totals[0]
        parts.append(f"<h2>{html.escape(one.name)}: {whole:.1f} µs per call</h2>")
        parts += _rows(one.graph, widest, first if number else None)
    if len(graphs) > 1:
        parts.append("<p>Red takes longer than in the first, blue less; grey is in it alone.</p>")
    return "\n".join(parts)


def _rows(
    graph: FlameGraph, widest: float, first: dict[tuple[str, ...], float] | None
) -> Iterator[str]:
    """A row of bars for each depth; first: the times of the graph that it is compared with."""
    paths = paths_of(graph)
    starts, used = [0.0] * len(paths), [0.0] * len(paths)
    rows: dict[int, list[str]] = {}
    for number, (path, parent) in enumerate(zip(paths, graph.parents, strict=True)):
        total = graph.totals[number]
        if parent >= 0:
            starts[number] = starts[parent] + used[parent]
            used[parent] += total
        if total >= _LEAST * widest:
            colour = _colour(total, first.get(path) if first is not None else total, widest)
            place = f"left:{starts[number] / widest:.4%};width:{total / widest:.4%}"
            text = html.escape(f"{path[-1]} {total:.1f} µs")
            bar = f'<div class=bar style="{place};background:{colour}" title="{text}">{text}</div>'
            rows.setdefault(len(path), []).append(bar)
    for _, bars in sorted(rows.items()):
        yield f"<div class=row>{''.join(bars)}</div>"


def _colour(total: float, before: float | None, widest: float) -> str:
    """The colour of a bar: by how much longer it takes than in the first graph.

    before: its time there; None where it isn't in it. Changes are seen against the widest graph, so
    that what matters is coloured most.
    """
    if before is None:
        return "#bbb"
    change = max(-1.0, min(1.0, 4 * (total - before) / widest))
    if abs(change) < 0.02:
        return "#f3d9a4"
    pale = round(225 - 110 * abs(change))
    return f"rgb(240,{pale},{pale})" if change > 0 else f"rgb({pale},{pale},240)"
