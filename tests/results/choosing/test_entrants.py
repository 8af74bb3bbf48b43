"""Who enters the next race: not what can't be chosen any more, and not what is slower by far."""

import dataclasses

import pytest

from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.entrants import eligible, futile
from opbench.results.choosing.gather import Races, add_race
from opbench.results.choosing.situations import situation_of
from opbench.results.records import Failed, Wrong
from tests.results.choosing.examples import SIZES, case, others, race
from tests.results.examples import measured, record

SLOW = {"best": (2e-6, 1e-9), "slow": (2e-5, 1e-8), "near": (4e-6, 2e-9)}


def races_of(*cases, speeds=SLOW, more=()):
    found = {}
    for on in cases:
        add_race(found, on, [*race(on, speeds=speeds), *(r for r in more if r.case == on)])
    return found[situation_of(cases[0])]


@pytest.fixture(scope="module")
def races():
    return races_of(*(case(*sizes) for sizes in SIZES))


def test_slower_by_far_on_all_shapes_is_futile(races):
    rows = tuple(races.rows.values())
    found = futile(rows, SLOW, 6)
    assert set(found) == {"slow"}
    assert 9 < found["slow"] < 10.5


def test_on_a_few_shapes_nothing_is_shown_to_be_futile(races):
    rows = tuple(races.rows.values())
    late = [dataclasses.replace(row, times={"best": row.times["best"]}) for row in rows[3:]]
    assert futile([*rows[:3], *late], SLOW, 6) == {}
    assert set(futile([*rows[:3], *late], SLOW, 3)) == {"slow"}
    assert futile([], SLOW, 6) == {}


def test_one_shape_on_which_it_is_near_clears_it():
    odd = race(case(8, 16), speeds=SLOW | {"slow": (2.2e-6, 1e-9)})
    found = races_of(*(case(*sizes) for sizes in SIZES))
    add_race({found.situation: found}, case(8, 16), odd)
    assert futile(tuple(found.rows.values()), SLOW, 6) == {}


def test_what_cannot_be_chosen_is_raced_no_more(races):
    on = case(*SIZES[0])
    bad = [
        *others(on),
        record("wrong", Wrong("value", "off", 3.0), on),
        record("hung", Failed("measure", "hung"), on),
    ]
    found = races_of(on, more=bad)
    names = ("best", "slow", "leaky", "cpp", "hungry", "triton", "broken", "wrong", "hung", "new")
    few = Conditions(max_memory=10**9, compiler=False)
    assert eligible(found, names, few, takes_new=False) == ("best", "slow")
    assert eligible(found, names, few, takes_new=True) == ("best", "slow", "new")
    accepting = Conditions(accepted=frozenset({"nonfinite"}))
    assert eligible(found, names, accepting, takes_new=False) == (
        *("best", "slow", "leaky", "cpp", "hungry"),
    )


def test_what_was_not_raced_on_all_shapes_may_still_enter(races):
    found = Races(races.situation, dict(races.rows), list(races.records))
    add_race({found.situation: found}, case(8, 16), [record("best", measured(1e-6), case(8, 16))])
    assert "near" in eligible(found, SLOW, Conditions(), takes_new=False)
