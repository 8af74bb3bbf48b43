"""What wasn't raced is implied where knowing it would hardly change what is chosen."""

import math
from dataclasses import replace

import numpy as np
import pytest

from opbench.results.choosing.candidates import Conditions, left_out
from opbench.results.choosing.choice import Terms, choose
from opbench.results.choosing.implied import completed, least_shapes, places_to_race
from opbench.results.choosing.situations import situation_of
from opbench.results.choosing.table import section
from opbench.results.choosing.text import notes
from tests.results.choosing.examples import case
from tests.results.choosing.test_uncertain import AT, CROSSING, row

#: One is far behind everywhere, and two cross in the middle.
SPEEDS = CROSSING | {"loop": (2e-4, 1e-7)}
SIZES = [round(16 * 2**step) for step in range(16)]
ROWS = [row(SPEEDS, S=size) for size in SIZES]


def lacking(rows, name, where):
    """The rows, some of which lack a contender."""
    return [
        replace(r, times={n: t for n, t in r.times.items() if n != name}) if where(r) else r
        for r in rows
    ]


def odd(r):
    return SIZES.index(int(r.axes["S"])) % 2 == 1


def test_what_is_far_behind_is_implied_close_to_the_truth():
    found = completed(lacking(ROWS, "loop", odd), ("S",))
    for r, full in zip(found, ROWS, strict=True):
        time, truth = r.times["loop"], full.times["loop"]
        assert time.is_implied == odd(full)
        assert 0.6 < time.time_s / truth.time_s < 1.7
        assert time.ratio.low <= truth.ratio.value <= time.ratio.high
        assert all(half > 0 for half in time.halves)


def test_one_that_crosses_another_is_implied_where_enough_is_known_of_it():
    found = completed(lacking(ROWS, "fused", odd), ("S",))
    for r, full in zip(found, ROWS, strict=True):
        assert 0.6 < r.times["fused"].time_s / full.times["fused"].time_s < 1.7
    rare = lacking(ROWS, "fused", lambda r: SIZES.index(int(r.axes["S"])) % 4 != 1)
    assert completed(rare, ("S",)) == tuple(rare)
    assert "not raced on 12 of 16 shapes" in left_out(rare, (), Conditions())["fused"]
    # The first shape to race it on is near the crossing.
    first, *_ = places_to_race(rare, ("S",), "fused")
    assert 0.2 < ROWS[first].axes["S"] / AT < 5
    assert places_to_race(ROWS, ("S",), "fused") == []


def test_a_contender_whose_times_tell_nothing_of_others_is_not_implied():
    rng = np.random.default_rng(0)
    rows = [
        row({**CROSSING, "wild": (2e-5, 0.0)}, S=size, off=rng.normal(0.5, 2)) for size in SIZES
    ]
    assert all(
        "wild" not in r.times for r in completed(lacking(rows, "wild", odd), ("S",)) if odd(r)
    )


def test_of_a_few_shapes_nothing_follows():
    few = SIZES[: least_shapes(("S",)) - 1]
    rows = lacking(ROWS, "loop", lambda r: r.axes["S"] not in few)
    assert all(("loop" in r.times) == (r.axes["S"] in few) for r in completed(rows, ("S",)))


def test_rows_that_lack_nothing_are_as_they_were():
    assert completed(ROWS, ("S",)) == tuple(ROWS)
    assert completed([], ("S",)) == ()


@pytest.mark.parametrize("where", [odd, lambda r: r.axes["S"] > 4096])
def test_what_is_chosen_is_as_if_everything_was_raced(where):
    terms = Terms(axes=("S",))
    known = choose(situation_of(case()), ROWS, {}, terms)
    rows = completed(lacking(ROWS, "loop", where), ("S",))
    assert left_out(rows, (), Conditions()) == {}
    made = choose(situation_of(case()), rows, {}, terms)
    assert made.rule == known.rule
    assert math.isclose(made.regrets["chosen"].mean.value, known.regrets["chosen"].mean.value)
    count = sum(map(where, ROWS))
    assert any(f"loop wasn't raced on {count} of 16 shapes" in note for note in notes(made))
    assert not any("wasn't raced" in note for note in notes(known))
    # Only what was raced stands in a table as measured.
    for written, full in zip(section(made)["measured"], ROWS, strict=True):
        assert ("loop" in written["time_s_ratio_low_high"]) != where(full)


def test_memory_is_that_of_what_was_raced():
    rows = [
        replace(r, times={n: replace(t, peak_bytes=100) for n, t in r.times.items()}) for r in ROWS
    ]
    found = completed(lacking(rows, "loop", odd), ("S",))
    assert left_out(found, (), Conditions(max_memory=200)) == {}
    assert "takes up to 100 B" in left_out(found, (), Conditions(max_memory=50))["loop"]
