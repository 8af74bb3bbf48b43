"""Every decision of the race, driven by the fake clock; and one race on the real one."""

import random

import pytest

from opbench.harness.timing.clock import FakeClock, HostClock, Reading
from opbench.harness.timing.interleaving import NoMonitor, Timing, measure
from opbench.harness.timing.stopping import Policy, decided
from opbench.results.ranking.verdicts import gross_looks, looks
from opbench.results.records import Failed, Rules, Wrong
from opbench.results.statistics.intervals import median


class World:
    """Contenders of known speed on a fake clock, with noise and a drift that all share."""

    def __init__(self, speeds, *, noise=0.0, drift=0.0, seed=0):
        self.clock = FakeClock()
        self._rng = random.Random(seed)
        self._noise, self._drift = noise, drift
        self.contenders = {
            name: lambda s=seconds: self._spend(s) for name, seconds in speeds.items()
        }

    def _spend(self, seconds):
        slow = 1 + self._drift * self.clock.now()
        self.clock.advance(seconds * slow * self._rng.lognormvariate(0, self._noise))

    def race(self, *, flush=None, monitor=None, **policy):
        return measure(
            self.contenders,
            clock=self.clock,
            policy=Policy(**policy),
            flush=flush,
            monitor=monitor,
        )


def test_samples_are_the_exact_times_of_a_fake_clock():
    timings = World({"fast": 1e-4, "slow": 2e-4}).race()
    assert median(timings["fast"].samples_s) == pytest.approx(1e-4)
    assert median(timings["slow"].samples_s) == pytest.approx(2e-4)
    assert (timings["fast"].stopped, timings["slow"].stopped) == ("best", "slower")


def test_block_size_depends_on_the_time_of_a_call():
    timings = World({"tiny": 1e-5, "middle": 1e-3, "long": 0.1}).race()
    assert {name: timing.calls for name, timing in timings.items()} == {
        "tiny": 20,
        "middle": 2,
        "long": 1,
    }


def test_tie_ends_the_race():
    timings = World({"one": 1e-4, "two": 1.002e-4}, noise=0.01).race()
    assert {timings[name].stopped for name in timings} == {"best", "tied"}


def test_decided_loser_is_timed_no_more():
    timings = World({"a": 1e-4, "b": 1.005e-4, "lost": 2e-2}, noise=0.02).race(budget_s=5.0)
    assert timings["lost"].stopped == "slower"
    assert len(timings["lost"].samples_s) < len(timings["a"].samples_s)


def test_drift_that_slows_all_contenders_changes_no_verdict():
    timings = World({"fast": 1e-4, "slow": 1.1e-4}, noise=0.01, drift=30.0).race()
    assert timings["slow"].stopped == "slower"


def test_undecided_contenders_stop_at_the_budget():
    timings = World({"one": 1e-4, "two": 1.012e-4}, noise=0.3).race(budget_s=0.05)
    assert {timing.stopped for timing in timings.values()} == {"budget"}


def test_race_ends_after_max_rounds():
    timings = World({"one": 1e-4, "two": 1.012e-4}, noise=0.3).race(max_rounds=20)
    assert {len(timing.samples_s) for timing in timings.values()} == {20}


def test_contender_that_raises_is_excluded_and_others_go_on():
    world = World({"fine": 1e-4})

    def bad():
        raise ValueError("no luck")

    calls = iter(range(100))

    def late():
        world.clock.advance(1e-3)
        if next(calls) > 12:
            raise RuntimeError("later")

    world.contenders |= {"bad": bad, "late": late}
    timings = world.race()
    assert isinstance(timings["fine"], Timing)
    assert timings["bad"] == Failed("warm-up", "ValueError: no luck", timings["bad"].traceback)
    assert timings["late"].stage == "measure"
    assert list(timings) == ["fine", "bad", "late"]


def test_race_without_contenders_is_empty():
    assert World({}).race() == {}


def test_order_changes_every_round_and_follows_from_the_seed():
    def order(seed):
        seen = []
        clock = FakeClock()

        def call(name):
            clock.advance(0.02)
            seen.append(name)

        contenders = {name: lambda n=name: call(n) for name in "abcd"}
        measure(contenders, clock=clock, policy=Policy(max_rounds=6), seed=seed)
        return seen[-24:]

    assert order(1) == order(1)
    assert order(1) != order(2)
    rounds = [tuple(order(1)[i : i + 4]) for i in range(0, 24, 4)]
    assert all(sorted(r) == list("abcd") for r in rounds)
    assert len(set(rounds)) > 1


def rounds(values):
    return dict(enumerate(values))


BEST = rounds([1.0] * 20)


def test_loser_is_undecided_until_its_ratio_is_precise():
    race = {"best": BEST, "noisy": rounds([1.5 + 0.4 * (-1) ** i for i in range(20)])}
    assert decided(race, Policy()) == {}
    reported = decided(race, Policy(rules=Rules(precision=1.0)))
    assert reported == {"noisy": "slower", "best": "best"}


def test_futile_contender_is_decided_at_any_precision():
    race = {"best": BEST, "h": rounds([9.0 + 5 * (-1) ** i for i in range(20)])}
    assert decided(race, Policy())["h"] == "slower"


def test_a_contender_that_is_grossly_slower_leaves_before_the_others_are_decided():
    timings = World({"a": 1e-3, "near": 1.05e-3, "gross": 0.2}, noise=0.01).race(budget_s=30.0)

    assert timings["gross"].stopped == "slower"
    (earliest, _), *_ = gross_looks(3, Rules())
    assert len(timings["gross"].samples_s) == earliest == 3
    assert timings["near"].stopped == "slower"
    assert len(timings["near"].samples_s) >= next(looks(3, Rules()))


def test_best_is_decided_last():
    race = {
        "best": BEST,
        "lost": rounds([5.0] * 20),
        "close": rounds([1.0 + 0.02 * (-1) ** i for i in range(20)]),
    }
    assert decided(race, Policy()) == {"lost": "slower"}


def test_single_contender_is_decided_once_its_time_is_precise():
    precise = World({"alone": 1e-4}, noise=0.002).race()
    noisy = World({"alone": 1e-4}, noise=0.1).race()
    assert (precise["alone"].stopped, noisy["alone"].stopped) == ("best", "best")
    assert len(precise["alone"].samples_s) < len(noisy["alone"].samples_s)


def test_contender_tied_with_an_overtaken_leader_is_undecided_again():
    """The verdict at the end is of the whole race, whichever was best when it was first given."""
    early = {"leader": rounds([1.0] * 12), "tied": rounds([1.0] * 12)}
    late = {
        "leader": rounds([1.0] * 40),
        "tied": rounds([1.0] * 12),
        "overtook": rounds([1.2, 0.9] * 6 + [0.9] * 28),
    }
    assert decided(early, Policy()) == {"leader": "best", "tied": "tied"}
    assert "tied" not in decided(late, Policy())


def test_budget_is_extended_to_the_first_look_up_to_the_patience():
    timings = World({"a": 1.0, "b": 1.2}).race(budget_s=10.0, pilot_s=0.1)
    assert len(timings["a"].samples_s) == 9
    assert timings["b"].stopped == "slower"
    timings = World({"a": 1.0, "b": 1.2}).race(budget_s=1.0, pilot_s=0.1)
    assert len(timings["a"].samples_s) == 2
    assert timings["b"].stopped == "budget"


class Strict(NoMonitor):
    """A monitor that notes what it sees, and excludes one contender after so many blocks."""

    def __init__(self, *, faulty=None, wrong=None, after=3):
        self.begun, self.rechecked = [], []
        self._faulty, self._wrong, self._after = faulty, wrong, after

    def begin(self, name):
        self.begun.append(name)

    def fault(self, name):
        if name == self._faulty and self.begun.count(name) > self._after:
            return Failed("measure", "did it", cause="recompiled")
        return None

    def recheck(self, name):
        self.rechecked.append(name)
        return Wrong("race", "is off") if name == self._wrong else None


def test_fault_excludes_the_contender_and_drops_its_sample():
    monitor = Strict(faulty="a")
    timings = World({"a": 1e-4, "b": 2e-4}).race(monitor=monitor)
    assert timings["a"] == Failed("measure", "did it", cause="recompiled")
    assert timings["b"].stopped == "best"


def test_warm_up_may_compile_and_may_not_change_state():
    class AtOnce(NoMonitor):
        """Excludes both contenders after their first block, which is their warm-up."""

        def __init__(self):
            self.failing = {
                "changes": Wrong("state", "changed it"),
                "compiles": Failed("measure", "compiled", cause="recompiled"),
            }

        def fault(self, name):
            return self.failing.pop(name, None)

    timings = World({"changes": 1e-4, "compiles": 1e-4}).race(monitor=AtOnce())
    assert timings["changes"] == Wrong("state", "changed it")
    assert timings["compiles"].stopped == "best"


def test_wrong_result_during_the_race_excludes_the_contender():
    monitor = Strict(wrong="quick_but_wrong")
    timings = World({"quick_but_wrong": 1e-5, "b": 2e-4, "c": 4e-4}).race(monitor=monitor)
    assert timings["quick_but_wrong"] == Wrong("race", "is off")
    assert timings["b"].stopped == "best"


def test_all_running_contenders_are_rechecked_at_the_end():
    monitor = Strict()
    timings = World({"a": 1e-4, "b": 2e-4}).race(monitor=monitor)
    assert set(monitor.rechecked[-2:]) == {"a", "b"}
    assert monitor.begun[-2:] == monitor.rechecked[-2:]
    assert timings["a"].stopped == "best"


def test_rechecks_cover_all_contenders_at_random_moments():
    monitors = [Strict(), Strict()]
    for monitor, seed in zip(monitors, (1, 2), strict=True):
        world = World({name: 1e-4 * 1.02**n for n, name in enumerate("abcdef")}, noise=0.02)
        measure(world.contenders, clock=world.clock, policy=Policy(), seed=seed, monitor=monitor)
        assert set(monitor.rechecked) == set("abcdef")
    assert monitors[0].rechecked != monitors[1].rechecked


def test_rechecks_take_a_small_part_of_the_time():
    world = World({"a": 1e-4, "b": 1.012e-4}, noise=0.3)
    spent = []

    class Slow(NoMonitor):
        def recheck(self, name):
            spent.append(name)
            world.clock.advance(0.05)

    world.race(budget_s=10.0, monitor=Slow())
    assert 2 < len(spent) <= 0.05 * 10 / 0.05 + 2


def test_cold_calls_are_timed_singly_after_a_flush():
    world = World({"a": 1e-5, "b": 1e-5})
    order = []
    for name, call in tuple(world.contenders.items()):
        world.contenders[name] = lambda n=name, c=call: (order.append(n), c())
    timings = world.race(flush=lambda: order.append("flush"), max_rounds=20)
    assert timings["a"].calls == 1
    blocks = order[order.index("flush") :]
    assert set(blocks[::2]) == {"flush"}
    assert "flush" not in blocks[1::2]


def test_device_times_are_recorded_beside_host_times():
    class Device(FakeClock):
        def block(self, call, calls):
            return Reading(super().block(call, calls).host_s, device_s=calls * 7e-5)

    clock = Device()
    timings = measure({"a": lambda: clock.advance(1e-4)}, clock=clock, policy=Policy())
    assert timings["a"].device_s == pytest.approx([7e-5] * len(timings["a"].device_s))
    assert len(timings["a"].device_s) == len(timings["a"].samples_s)


def test_race_on_a_real_clock_orders_the_contenders():
    def spin(n):
        return lambda: sum(range(n))

    contenders = {"short": spin(500), "long": spin(5000)}
    timings = measure(contenders, clock=HostClock(), policy=Policy(budget_s=2.0))
    # The quickest blocks of each, which nobody disturbed.
    ratio = min(timings["long"].samples_s) / min(timings["short"].samples_s)
    assert 4 < ratio < 25
