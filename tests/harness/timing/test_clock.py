"""Clocks: what a block takes, by the host and by events."""

import pytest

from opbench.harness.timing.clock import EventClock, FakeClock, HostClock, Reading


@pytest.mark.parametrize("calls", [0, 1, 9, 10, 11, 37, 120])
def test_block_makes_the_requested_calls(calls):
    made = []
    HostClock().block(lambda: made.append(1), calls)
    assert len(made) == calls


def test_host_clock_reads_no_device_time():
    clock = HostClock()
    clock.synchronize()
    reading = clock.block(lambda: None, 2)
    assert reading.host_s > 0
    assert reading.device_s is None


def test_event_clock_records_around_the_calls_and_reads_seconds():
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


def test_fake_clock_moves_only_when_advanced():
    clock = FakeClock()
    clock.synchronize()
    assert clock.block(lambda: clock.advance(0.5), 4) == Reading(2.0)
    assert clock.now() == 2.0
