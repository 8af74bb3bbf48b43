"""Clocks: what a block takes, by the host and by events."""

import pytest

from opbench.harness.timing.clock import EventClock, FakeClock, HostClock, Reading


@pytest.mark.parametrize("calls", [0, 1, 9, 10, 11, 37, 120])
def test_exactly_so_many_calls(calls):
    made = []
    HostClock().block(lambda: made.append(1), calls)
    assert len(made) == calls


def test_the_host_waits_for_the_device_before_it_stops():
    done = []
    reading = HostClock(lambda: done.append("waited")).block(lambda: done.append("call"), 2)
    assert done == ["call", "call", "waited"]
    assert reading.host_s > 0
    assert reading.device_s is None


def test_events_surround_the_calls_and_give_seconds():
    log = []

    class Event:
        def record(self):
            log.append("record")

        def elapsed_time(self, end):
            assert isinstance(end, Event)
            return 12.5  # milliseconds

    clock = EventClock(lambda: log.append("wait"), Event)
    reading = clock.block(lambda: log.append("call"), 3)
    assert log == ["record", "call", "call", "call", "record", "wait"]
    assert reading.device_s == pytest.approx(0.0125)
    assert reading.host_s > 0
    clock.synchronize()
    assert log[-1] == "wait"
    assert clock.now() < clock.now()


def test_the_fake_clock_moves_only_when_told():
    clock = FakeClock()
    clock.synchronize()
    assert clock.block(lambda: clock.advance(0.5), 4) == Reading(2.0)
    assert clock.now() == 2.0
