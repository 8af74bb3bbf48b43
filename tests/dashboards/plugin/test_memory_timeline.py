"""The memory that a call holds."""

from opbench.dashboards.plugin.memory_timeline import memory_timeline
from opbench.dashboards.plugin.trace_events import events_of
from tests.dashboards.plugin.stock import memory, write_trace
from tests.dashboards.plugin.test_flame_graph import call
from tests.dashboards.plugin.test_trace_events import content, span


def test_the_call_in_the_middle_from_its_beginning(tmp_path):
    events = events_of(write_trace(tmp_path / "t.json", ("a", "b")).read_bytes())

    found = memory_timeline(events, on_host=True)

    assert found.times == (20, 80, 120, 180)
    assert found.held == (4096, 3072, 7168, 6144)
    assert found.operators == ("a inside", "a", "b inside", "b")
    assert found.duration == 900


def test_what_another_device_allocates_is_another_timeline():
    events = events_of(content(call(0, 0, 10), memory(1, 5), memory(2, 7, device=1)))

    assert memory_timeline(events, on_host=True).held == (5,)
    assert memory_timeline(events, on_host=False).held == (7,)


def test_outside_of_operators_nobody_is_named():
    events = events_of(content(call(0, 0, 10), span("a", 0, 2), memory(5, 5)))

    assert memory_timeline(events, on_host=True).operators == ("",)


def test_many_steps_are_cut_and_no_call_has_no_timeline():
    steps = [memory(n / 1000, 1) for n in range(6000)]

    found = memory_timeline(events_of(content(call(0, 0, 10), *steps)), on_host=True)

    assert found.is_cut
    assert len(found.held) == 5000
    assert memory_timeline(events_of(content(*steps)), on_host=True) is None
