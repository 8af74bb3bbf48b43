"""Warnings for races during which other processes used the cores."""

from dataclasses import replace

import pytest

from opbench.harness.machine.usage import Usage
from opbench.harness.machine.watch import Watch, diagnose_race

BUSY = {"others_cores": 1.4, "busiest": ("cc1plus (pid 7)", 0.9), "threads": 2, "usable_cores": 2}


def test_threads_on_every_core_beside_busy_processes_give_a_warning():
    (warning,) = diagnose_race(**BUSY)
    assert "used 140% of a core, cc1plus (pid 7) alone 90% meanwhile" in warning
    assert "--threads 1" in warning


@pytest.mark.parametrize(
    "change", [{"threads": 1}, {"usable_cores": 3}, {"others_cores": 0.2}, {"threads": 0}]
)
def test_no_warning_where_a_core_is_free(change):
    assert diagnose_race(**(BUSY | change)) == ()


def test_no_warning_on_a_single_core():
    assert diagnose_race(**(BUSY | {"threads": 1, "usable_cores": 1})) == ()


def test_usage_that_only_the_total_shows_gives_a_warning():
    now = Usage.now()
    watch = Watch(replace(now, busy=now.busy - 1e6))
    (warning,) = watch.warnings(threads={1, 10**6})
    assert "Other processes used" in warning
    assert watch.warnings(threads=set()) == ()
