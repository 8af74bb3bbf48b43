"""Every decision of the race, driven by the fake clock; and one race on the real one."""

import random

import pytest

from harness.clock import FakeClock, HostClock
from harness.policy import Policy, decide
from harness.racing import Timing, measure
from results.record import Failed
from results.stats import median


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

    def race(self, **policy):
        return measure(self.contenders, clock=self.clock, policy=Policy(**policy))


def test_exact_times():
    timings = World({"fast": 1e-4, "slow": 2e-4}).race()
    assert median(timings["fast"].samples_s) == pytest.approx(1e-4)
    assert median(timings["slow"].samples_s) == pytest.approx(2e-4)
    assert (timings["fast"].stopped, timings["slow"].stopped) == ("best", "slower")


def test_blocks_are_half_a_millisecond_or_one_call():
    timings = World({"tiny": 1e-5, "long": 0.1}).race()
    assert timings["tiny"].calls == 50
    assert timings["long"].calls == 1


def test_a_tie_is_found_and_ends_the_race():
    timings = World({"one": 1e-4, "two": 1.002e-4}, noise=0.01).race()
    assert {timings[name].stopped for name in timings} == {"best", "tied"}


def test_who_has_lost_is_timed_no_more():
    timings = World({"a": 1e-4, "b": 1.005e-4, "lost": 2e-2}, noise=0.02).race(budget_s=5.0)
    assert timings["lost"].stopped == "slower"
    assert len(timings["lost"].samples_s) < len(timings["a"].samples_s)


def test_a_drift_that_slows_everybody_tenfold_changes_no_verdict():
    timings = World({"fast": 1e-4, "slow": 1.1e-4}, noise=0.01, drift=30.0).race()
    assert timings["slow"].stopped == "slower"


def test_out_of_budget_is_said():
    timings = World({"one": 1e-4, "two": 1.012e-4}, noise=0.3).race(budget_s=0.05)
    assert {timing.stopped for timing in timings.values()} == {"budget"}


def test_max_rounds():
    timings = World({"one": 1e-4, "two": 1.012e-4}, noise=0.3).race(max_rounds=20)
    assert {len(timing.samples_s) for timing in timings.values()} == {20}


def test_who_raises_is_out_and_the_others_go_on():
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


def test_nobody_to_race():
    assert World({}).race() == {}


def test_order_is_drawn_anew_and_from_the_seed():
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


def test_looks_grow_apart():
    policy = Policy(min_rounds=8)
    looks = [n for n in range(1, 100) if policy.looks_at(n)]
    assert looks == [8, 12, 18, 27, 40, 60, 90]


def test_a_loser_stays_until_its_ratio_is_known():
    noisy = {i: 1.5 + 0.4 * (-1) ** i for i in range(8)}
    best = {i: 1.0 for i in range(8)}
    assert decide({"best": best, "noisy": noisy}, ("best", "noisy"), Policy()) == {}
    told = decide({"best": best, "noisy": noisy}, ("best", "noisy"), Policy(precision=1.0))
    assert told == {"noisy": "slower", "best": "best"}


def test_the_hopeless_leave_whatever_their_precision():
    hopeless = {i: 9.0 + 5 * (-1) ** i for i in range(8)}
    best = {i: 1.0 for i in range(8)}
    assert decide({"best": best, "h": hopeless}, ("best", "h"), Policy())["h"] == "slower"


def test_real_time():
    def spin(n):
        return lambda: sum(range(n))

    contenders = {"short": spin(500), "long": spin(5000)}
    timings = measure(contenders, clock=HostClock(), policy=Policy(budget_s=2.0))
    ratio = median(timings["long"].samples_s) / median(timings["short"].samples_s)
    assert 4 < ratio < 25
