"""What others did to the cores while contenders were raced."""

from dataclasses import replace

import pytest

from opbench.harness.machine.noise import Usage
from opbench.harness.machine.watch import Watch, judge_race

BUSY = {"others_cores": 1.4, "busiest": ("cc1plus (pid 7)", 0.9), "threads": 2, "usable_cores": 2}


def test_threads_on_every_core_beside_others_are_warned_of():
    (warning,) = judge_race(**BUSY)
    assert "used 140% of a core, cc1plus (pid 7) alone 90% meanwhile" in warning
    assert "--threads 1" in warning


@pytest.mark.parametrize(
    "change", [{"threads": 1}, {"usable_cores": 3}, {"others_cores": 0.2}, {"threads": 0}]
)
def test_where_a_core_is_left_nobody_waits(change):
    assert judge_race(**(BUSY | change)) == ()


def test_one_core_has_no_fewer_threads_to_offer():
    assert judge_race(**(BUSY | {"threads": 1, "usable_cores": 1})) == ()


def test_what_the_machine_did_beside_this_process_counts():
    now = Usage.now()
    watch = Watch(replace(now, busy=now.busy - 1e6))
    (warning,) = watch.warnings(threads={1, 10**6})
    assert "Other processes used" in warning
    assert watch.warnings(threads=set()) == ()
