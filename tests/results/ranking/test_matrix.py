"""Kinds side by side: winners within each, agreement across, and a reason in every empty cell."""

from dataclasses import replace

import pytest

from opbench.results.ranking.matrix import matrix
from opbench.results.records import Environment, Failed, Started, Unsupported
from opbench.results.records.run_folder import create
from opbench.results.report.matrix import kinds_table, matrix_tables, names_of, summary
from tests.results.examples import ENVIRONMENT, case, info, measured, record

OTHER = Environment("gpu-99", (("gpu", "Example GPU"), ("torch", "2.13.0")))


def made(root, name, outcomes, *, environment=ENVIRONMENT, day=1, **fields):
    """A run with one case of these outcomes."""
    head = info(name, created=f"2026-01-0{day}T00:00:00+00:00")
    head = replace(head, environment=environment)
    on = case(**fields)
    lines = [
        record(contender, outcome, on, environment_key=environment.key)
        for contender, outcome in outcomes.items()
    ]
    return create(root, head, lines)


def timed(seconds, seed=0, rounds=range(200)):
    return measured(seconds, rounds, seed=seed)


def found(*runs):
    return matrix(runs, lambda case, name: True)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"a": timed(1e-4), "b": timed(2e-4, 1)}, "agree"),
        ({"a": timed(2e-4), "b": timed(1e-4, 1)}, "disagree"),
        ({"a": timed(1.0005e-4), "b": timed(1e-4, 1)}, "agree"),
        ({"a": timed(1.02e-4, 0, range(4)), "b": timed(1e-4, 1, range(4))}, "undecided"),
        ({"b": timed(1e-4, 1)}, "disagree"),
        ({"a": Unsupported("no"), "b": Unsupported("never")}, "alone"),
    ],
)
def test_kinds_agree_where_one_contender_is_as_good_as_the_best_on_all(tmp_path, there, expected):
    here = {"a": timed(1e-4), "b": timed(3e-4, 1)}
    runs = made(tmp_path, "here", here), made(tmp_path, "there", there, environment=OTHER)
    (one,) = found(*runs).cases
    assert one.agreement == expected


def test_devices_and_threads_are_kinds_of_one_case(tmp_path):
    outcomes = {"a": timed(1e-4)}
    runs = (
        made(tmp_path, "one", outcomes, threads=1),
        made(tmp_path, "two", outcomes, threads=2),
        made(tmp_path, "gpu", outcomes, environment=OTHER, device="cuda", threads=2),
    )
    across = found(*runs)
    assert len(across.cases) == 1
    assert names_of(across.kinds) == ("cpu-1234 cpu t1", "cpu-1234 cpu t2", "gpu-99")
    assert kinds_table(across).rows[2] == (
        "gpu-99",
        "Example GPU, torch 2.13.0",
        "cuda",
        "2",
        "gpu",
    )


def test_every_cell_without_a_time_has_a_reason(tmp_path):
    here = {"a": timed(1e-4), "b": Failed("race", "crashed: killed by SIGSEGV")}
    runs = (
        made(tmp_path, "here", here),
        made(tmp_path, "more", {"a": timed(1e-4)}, shape="only here", size=7),
        made(tmp_path, "there", {"c": timed(1e-4)}, environment=OTHER),
    )
    runs[2].append(Started("b", case()))
    reasons = {
        (one.case.shape, kind.machine.environment_key, cell.contender): cell.reason
        for one in found(*runs).cases
        for kind, standings in zip(found(*runs).kinds, one.standings, strict=True)
        for cell in standings.cells
        if cell.time_s is None
    }
    assert reasons == {
        ("small", "cpu-1234", "b"): "crashed: killed by SIGSEGV",
        ("small", "cpu-1234", "c"): "another selection",
        ("small", "gpu-99", "a"): "another selection",
        ("small", "gpu-99", "b"): "begun, and not finished",
        ("only here", "gpu-99", "a"): "this case wasn't run on this kind",
    }


def test_of_two_runs_of_a_kind_the_later_counts(tmp_path):
    early = made(tmp_path, "early", {"a": timed(1e-4), "b": timed(2e-4, 1)})
    late = made(tmp_path, "late", {"a": timed(2e-4), "b": timed(1e-4, 1)}, day=2)
    (one,) = found(late, early).cases
    assert one.standings[0].as_good == ("b",)
    assert one.agreement == "alone"


def test_tables_have_the_winner_the_ratio_and_the_reason(tmp_path):
    here = {"a": timed(1e-4), "b": timed(2e-4, 1), "c": Unsupported("takes no zeros")}
    runs = (
        made(tmp_path, "here", here),
        made(tmp_path, "there", {"b": timed(1e-4)}, environment=OTHER),
    )
    across = found(*runs)
    winners, contenders = matrix_tables(across)
    assert winners.rows[0][2:] == ("a; b 2.00x", "b", "DISAGREE")
    assert contenders.rows == (
        ("a", "1.00x, best in 1/1", "- (another selection)"),
        ("b", "2.00x, best in 0/1", "1.00x, best in 1/1"),
        ("c", "- (takes no zeros)", "- (another selection)"),
    )
    assert summary(across) == "of 1 cases 1 have none"


def test_kinds_of_the_same_words_are_described_by_what_differs(tmp_path):
    twin = Environment("cpu-5678", (*ENVIRONMENT.stable, ("malloc_arena_max", "1")))
    outcomes = {"a": timed(1e-4)}
    runs = made(tmp_path, "one", outcomes), made(tmp_path, "two", outcomes, environment=twin)
    words = [row[1] for row in kinds_table(found(*runs)).rows]
    assert words == [
        "Example | 2 cores, torch 2.13.0",
        "Example | 2 cores, torch 2.13.0, malloc_arena_max 1",
    ]
