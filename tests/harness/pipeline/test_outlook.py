"""What would decide an undecided race: on made-up samples, and by racing for so long."""

from dataclasses import replace

import numpy as np
import pytest

from opbench.harness.cli.outlook_text import sentences
from opbench.harness.pipeline.outlook import outlooks, raced_for
from opbench.results.ranking.leaderboard import board
from opbench.results.ranking.verdicts import looks, standings
from opbench.results.records import Case, Measured, Record, Rules

CASE = Case(op="an_op", shape="small", axes=(("N", 4),), inputs="normal", threads=1)
RULES = Rules()


def record(name, times, *, calls=1, case=CASE, units=()):
    measured = Measured(
        samples_s=tuple(times),
        rounds=tuple(range(len(times))),
        calls=calls,
        preparation_s=0.1,
        error=0.1,
        flops=1,
        bytes=1,
        stopped="budget",
    )
    return Record(
        contender=name,
        case=case,
        outcome=replace(measured, units=tuple(units)),
        fingerprint="",
        environment_key="",
    )


def race(rounds, ratios, *, scatter=0.1, seed=0):
    """Records of a race: contenders that take so many times a millisecond."""
    rng = np.random.default_rng(seed)
    return [
        record(name, 1e-3 * ratio * np.exp(rng.normal(0, scatter, rounds)))
        for name, ratio in ratios.items()
    ]


def outlook_of(records, rules=RULES):
    found = outlooks([board(records[0].case, records, rules=rules)], records, rules)
    return found[0] if found else None


def test_a_decided_board_has_no_outlook():
    assert outlook_of(race(40, {"one": 1.0, "two": 3.0})) is None


def test_a_race_that_ended_before_its_first_look():
    found = outlook_of(race(2, {f"c{n}": 1.0 + n for n in range(16)}))
    assert (found.rounds, found.first_look) == (2, next(looks(16, RULES)))
    assert found.nothing
    assert found.needed == found.first_look
    # A block of a call of n ms, after as many warm-up calls as fit into 10 ms, at most three.
    assert found.round_s == pytest.approx(
        sum(1e-3 * n * (1 + min(3, 10 // n)) for n in range(1, 17)), rel=0.2
    )
    (line,) = sentences(found, "runs/x")
    assert f"nothing is decided after 2 of the {found.first_look} rounds" in line
    assert "opbench run --resume runs/x --budget " in line


@pytest.mark.parametrize("ratio", [1.1, 1.2])
def test_the_estimated_rounds_decide_most_races(ratio):
    decided = 0
    for seed in range(20):
        short = race(30, {"one": 1.0, "two": ratio}, seed=seed)
        found = outlook_of(short)
        if found is None:
            decided += 1
            continue
        longer = race(found.needed, {"one": 1.0, "two": ratio}, seed=100 + seed)
        times = {r.contender: dict(enumerate(r.outcome.samples_s)) for r in longer}
        decided += "undecided" not in {s.verdict for s in standings(times, RULES).values()}
    assert decided >= 13


def test_a_contender_at_the_tie_tolerance_is_too_close():
    found = outlook_of(race(200, {"one": 1.0, "two": 1.0101}, scatter=0.3, seed=3))
    assert found.close == ("two",)
    assert found.budget_s is None
    assert "--processes" in sentences(found, "runs/x")[-1]


def test_cold_rounds_need_the_measured_time_of_a_race():
    cold = replace(CASE, cache="cold")
    records = [record(f"c{n}", [1e-3 * (n + 1)] * 3, case=cold) for n in range(3)]
    boards = [board(cold, records)]
    (unknown,) = outlooks(boards, records, RULES)
    assert unknown.round_s is unknown.budget_s is None
    assert "--budget" not in sentences(unknown, "runs/x")[0]
    (known,) = outlooks(boards, records, RULES, raced_s={cold: 6.0})
    assert known.round_s == 2.0


def test_too_few_processes_ask_for_more_of_them():
    rng = np.random.default_rng(0)
    units = [0] * 20 + [1] * 20
    records = [
        record(name, ratio * np.exp(rng.normal(0, 0.2, 40)), units=units)
        for name, ratio in (("one", 1.0), ("two", 1.05))
    ]
    found = outlook_of(records)
    assert found.processes == 2
    assert "more --processes" in sentences(found, "runs/x")[0]


def test_contenders_timed_without_rounds_have_no_outlook():
    records = race(20, {"one": 1.0, "two": 1.5})
    alone = [replace(r, outcome=replace(r.outcome, rounds=())) for r in records]
    assert outlook_of(alone) is None


def test_how_long_a_race_took():
    records = [record("one", [1e-3] * 10), record("two", [0.02] * 10)]
    # Three warm-up calls come before a block of the first; the second takes too long for any.
    assert raced_for(records) == pytest.approx(10 * (4e-3 + 0.02))
