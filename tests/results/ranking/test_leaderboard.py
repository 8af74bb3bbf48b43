"""Leaderboards: who is best, who ties, who is left out and why."""

from __future__ import annotations

import math
from dataclasses import replace

from opbench.results.ranking.leaderboard import board, boards
from opbench.results.records import Failed, Unsupported, Wrong
from tests.results.examples import case, measured, record


def verdicts(*records):
    return {row.contender: row.verdict for row in board(case(), records).rows}


def test_ties_slower_and_undecided():
    found = board(
        case(),
        [
            record("much slower", measured(3e-4, seed=1)),
            record("same", measured(1.001e-4, range(300), seed=2)),
            record("best", measured(1e-4, range(300), seed=3)),
            record("unclear", measured(1.02e-4, range(6), noise=0.1, seed=4)),
        ],
    )

    assert {row.contender: row.verdict for row in found.rows} == {
        "best": "best",
        "same": "tied",
        "unclear": "undecided",
        "much slower": "slower",
    }
    assert found.rows[0].contender == "best"
    assert found.rows[-1].contender == "much slower"
    assert found.measured == found.rows
    ratio = found.rows[-1].ratio
    assert 2.9 < ratio.low < ratio.value < ratio.high < 3.1


def test_drift_of_the_machine_does_not_count():
    """The one that left early only saw quiet rounds: its median is smaller, its ratio is not."""
    slow_later = [1e-4] * 12 + [2e-4] * 28
    steady = measured(1e-4, range(40))
    best = replace(steady, samples_s=tuple(slow_later))
    early = replace(steady, samples_s=(1.1e-4,) * 12, rounds=tuple(range(12)))

    found = board(case(), [record("early", early), record("stayed", best)])

    assert [row.contender for row in found.rows] == ["stayed", "early"]
    assert found.rows[0].verdict == "best"
    assert found.rows[0].time_s > found.rows[1].time_s
    assert found.rows[1].verdict == "slower"


def test_contenders_that_share_no_round_are_undecided_and_last():
    found = board(
        case(),
        [
            record("other rounds", measured(2e-4, range(100, 110))),
            record("slower", measured(3e-4, seed=5)),
            record("best", measured(1e-4)),
        ],
    )

    assert [row.contender for row in found.rows] == ["best", "slower", "other rounds"]
    assert found.rows[2].verdict == "undecided"
    assert math.isnan(found.rows[2].ratio.value)


def test_of_contenders_timed_by_themselves_nothing_is_decided():
    """As many samples as one likes: what slowed the machine meanwhile isn't known."""
    alone = [
        record(name, replace(measured(time_s, range(400), drift=0), rounds=()))
        for name, time_s in (("slower", 2e-4), ("slowest", 9e-4), ("quickest", 1e-4))
    ]
    unknown = replace(alone[0].outcome, error=math.nan, preparation_s=math.nan)

    found = board(case(), [*alone, record("foreign", unknown)])

    assert [row.contender for row in found.rows] == ["quickest", "slower", "foreign", "slowest"]
    assert [row.verdict for row in found.rows] == ["best", *["undecided"] * 3]
    assert found.rows[1].ratio.value == found.rows[1].time_s / found.rows[0].time_s
    assert (found.rows[1].ratio.low, found.rows[1].ratio.high) == (0.0, math.inf)
    assert {row.note for row in found.rows} == {"timed by itself: nothing is decided"}
    assert (found.rows[2].error, found.rows[2].preparation_s) == (None, None)


def test_contenders_that_were_not_measured_come_last_with_reasons():
    found = board(
        case(),
        [
            record("c", Unsupported("needs a GPU")),
            record("b", Failed("measure", "crashed")),
            record("z", Wrong("check", "off by 7", 7.0)),
            record("a", Wrong("check", "wrong shape")),
            record("right", measured(), caveats=(("nonfinite", "leaks"), ("empty", "raises"))),
        ],
    )

    assert [row.contender for row in found.rows] == ["right", "a", "z", "b", "c"]
    assert [row.verdict for row in found.rows] == [
        "best",
        "wrong",
        "wrong",
        "failed",
        "unsupported",
    ]
    assert [row.note for row in found.rows[1:]] == [
        "wrong shape",
        "off by 7",
        "crashed",
        "needs a GPU",
    ]
    assert found.rows[0].note == "nonfinite: leaks; empty: raises"
    assert found.rows[2].error == 7.0
    assert len(found.measured) == 1


def test_a_case_without_measurements_has_no_best():
    assert verdicts(record("a", Unsupported("no"))) == {"a": "unsupported"}


def test_rates_come_from_the_compulsory_work():
    row = board(case(), [record("a", measured(1e-3, drift=0, noise=0))]).rows[0]

    assert math.isclose(row.gb_per_s, 1.0)
    assert math.isclose(row.gflop_per_s, 2.0)


def test_a_board_per_case_in_order():
    cases = [case(shape=shape) for shape in ("b", "a", "b")]

    found = boards(record(f"contender {n}", on=on) for n, on in enumerate(cases))

    assert [b.case.shape for b in found] == ["b", "a"]
    assert len(found[0].rows) == 2


def test_a_row_whose_threads_waited_for_cores_is_marked():
    times = {"waits": (0.00799,) * 20, "runs": tuple(1e-3 + n * 1e-5 for n in range(20))}

    def rows(threads):
        on = replace(case(), threads=threads)
        outcomes = {
            name: replace(measured(1.0), samples_s=samples, rounds=tuple(range(20)), calls=1)
            for name, samples in times.items()
        }
        records = [replace(record(name, o), case=on) for name, o in outcomes.items()]
        return {row.contender: row for row in board(on, records).rows}

    found = rows(threads=2)
    assert found["waits"].waited
    assert found["waits"].note == "threads waited for cores: its time is the scheduler's"
    assert not found["runs"].waited
    assert not any(row.waited for row in rows(threads=1).values())
