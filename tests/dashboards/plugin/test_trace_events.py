"""What is read of a trace, and what isn't."""

import json

import pytest

from opbench.dashboards.plugin.trace_events import events_of
from opbench.results.errors import RunFolderError
from tests.dashboards.plugin.stock import memory, span, write_trace


def content(*events):
    return json.dumps({"traceEvents": events}).encode()


def test_calls_spans_and_allocations(tmp_path):
    found = events_of(write_trace(tmp_path / "trace.json", ("aten::add",)).read_bytes())

    assert [call.name for call in found.calls] == ["call#0", "call#1", "call#2"]
    assert [one.name for one in found.spans[:2]] == ["aten::add", "aten::add inside"]
    assert [one.bytes for one in found.allocations[:2]] == [4096, -1024]
    assert all(one.is_host for one in found.allocations)


def test_events_are_in_the_order_of_time_and_callers_come_first():
    events = events_of(content(span("late", 9, 1), span("inside", 1, 1), span("around", 1, 5)))

    assert [one.name for one in events.spans] == ["around", "inside", "late"]


@pytest.mark.parametrize(
    "event",
    [
        1,
        None,
        {},
        span("x", "soon", 1),
        span("x", 1e19, 1),
        span("x", float("nan"), 1),
        span(["x"], 1, 1),
        span("x", 1, 1, kind="other"),
        memory(1, "much"),
        memory(1, 10**400),
        {"name": "[memory]", "args": 3},
    ],
)
def test_what_the_profiler_never_writes_is_left_out(event):
    found = events_of(content(event, span("y", 2, 1)))

    assert [one.name for one in found.spans] == ["y"]
    assert found.allocations == ()


@pytest.mark.parametrize("text", [b"", b"{", b"1", b'{"traceEvents": 3}', b"\xff", b"[" * 100_000])
def test_what_is_no_trace_is_refused(text):
    with pytest.raises(RunFolderError, match="the trace cannot be read"):
        events_of(text)
