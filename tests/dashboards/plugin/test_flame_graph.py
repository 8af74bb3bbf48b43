"""A trace folded into what called what."""

import pytest

from opbench.dashboards.plugin.flame_graph import MOST_NODES, flame_graph
from opbench.dashboards.plugin.trace_events import TraceEvents, events_of
from tests.dashboards.plugin.stock import write_trace
from tests.dashboards.plugin.test_trace_events import content, span


def graph(*events):
    """By path, the total time, the own time and the number of calls, per call."""
    found = flame_graph(events_of(content(*events)))
    paths = []
    for name, parent in zip(found.names, found.parents, strict=True):
        paths.append((paths[parent] if parent >= 0 else ()) + (name,))
    rows = zip(found.totals, found.own, found.counts, strict=True)
    return {"/".join(path): row for path, row in zip(paths, rows, strict=True)}


def call(number, start, length):
    return span(f"call#{number}", start, length, kind="user_annotation")


def test_calls_are_folded_and_divided_by_their_number(tmp_path):
    found = flame_graph(events_of(write_trace(tmp_path / "t.json", ("a", "b")).read_bytes()))

    assert found.names == ("call", "a", "b", "a inside", "b inside")
    assert found.totals == pytest.approx((900, 90, 90, 50, 50))
    assert found.own == pytest.approx((720, 40, 40, 50, 50))
    assert found.counts == (1, 1, 1, 1, 1)


def test_one_operator_in_two_places_is_two_nodes():
    found = graph(
        call(0, 0, 100), span("a", 0, 40), span("x", 5, 10), span("b", 50, 40), span("x", 55, 20)
    )

    assert found["call/a/x"] == (10, 10, 1)
    assert found["call/b/x"] == (20, 20, 1)


def test_repeated_calls_add_up():
    found = graph(call(0, 0, 100), span("a", 0, 10), span("a", 20, 10))

    assert found["call/a"] == (20, 20, 2)
    assert found["call"] == (100, 80, 1)


def test_other_threads_stand_beside_and_do_not_exceed_the_root():
    found = graph(call(0, 0, 10), span("a", 0, 5), span("kernel", 2, 50, thread=2))

    assert found["call/beside: 7/2/kernel"] == (50, 50, 1)
    assert found["call"][0] == 55
    assert found["call"][1] == 0


def test_a_span_that_outlasts_its_caller_is_cut():
    found = graph(call(0, 0, 100), span("a", 0, 10), span("b", 5, 20))

    assert found["call/a"] == (10, 5, 1)
    assert found["call/a/b"] == (5, 5, 1)


def test_without_calls_the_root_is_as_long_as_what_it_holds():
    assert graph(span("a", 0, 10))["call"] == (10, 0, 1)


def test_of_too_many_nodes_the_shortest_are_left_out():
    many = [span(f"op{n}", 10 * n, n / 1000) for n in range(MOST_NODES + 50)]
    found = flame_graph(events_of(content(call(0, 0, 10 * len(many)), *many)))

    assert len(found.names) == MOST_NODES
    assert found.left_out == 51
    assert "op0" not in found.names
    assert f"op{len(many) - 1}" in found.names


def test_deep_recursion_is_cut_and_an_empty_trace_has_a_root():
    deep = [span("f", n, 10_000 - 2 * n) for n in range(4_000)]

    assert len(graph(call(0, 0, 10_000), *deep)) < 300
    assert flame_graph(TraceEvents((), (), ())).names == ("call",)
