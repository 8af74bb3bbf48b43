"""Advice is given where the numbers carry it, and says no more than they do."""

import dataclasses
import math

import pytest

from opbench.results.ranking.ceilings import Share
from opbench.results.ranking.leaderboard import Board, Row, board
from opbench.results.report.advice import advice, caveats_of, compiled_of
from opbench.results.statistics.interval import Interval
from tests.results.examples import case, measured, record


def row(contender, ratio=(1.0, 1.0, 1.0), verdict="slower", **more):
    value, low, high = ratio
    return Row(
        contender=contender, verdict=verdict, time_s=1e-3, ratio=Interval(value, low, high), **more
    )


BEST = row("cpp", verdict="best")
TORCH = row("torch", (2.5, 2.359, 2.7))
GATHER = row("gather", (3.0, 2.8, 3.211))


def said(*rows, caveats=None, compiled=("cpp",)):
    return advice(
        Board(case(), rows),
        caveats or {},
        {row.contender: row.contender in compiled for row in rows},
    )


def test_the_best_is_advised_by_the_low_end_of_its_lead_over_torch():
    assert said(BEST, row("sum", (2.0, 1.9, 2.1)), TORCH) == (
        "use cpp: at least 2.3 times as fast as torch's own; "
        "without a compiler sum, which takes at most 2.1 times as long"
    )


def test_without_torch_the_next_is_what_it_is_compared_with():
    best = row("index_add", verdict="best")
    assert said(best, GATHER) == "use index_add: at least 2.8 times as fast as the next, gather"


def test_torch_itself_may_be_the_best():
    text = said(row("torch", verdict="best"), GATHER)
    assert text == "use torch's own: at least 2.8 times as fast as the next, gather"


def test_the_ends_are_rounded_to_the_side_on_which_they_hold():
    slower = row("other", (1.5, 1.239, 1.991))
    text = said(BEST, slower)
    assert "at least 1.23 times" in text
    assert "at most 2.00 times" in text


def test_a_tie_and_an_undecided_one_are_named():
    tied = row("add", (1.0, 0.995, 1.005), "tied")
    text = said(BEST, tied, GATHER)
    assert text.startswith("use cpp or add (tied): cpp is at least 2.8 times as fast")
    assert text.endswith("without a compiler add")
    close = row("add", (1.1, 0.9, 1.4), "undecided")
    assert "use cpp or add (which is faster is undecided)" in said(BEST, close, GATHER)
    assert "and 2 more" in said(BEST, *[tied] * 5, GATHER)


def test_a_caveat_of_the_best_is_said_with_what_to_use_instead():
    text = said(row("einsum", verdict="best"), TORCH, caveats={"einsum": ("nonfinite",)})
    assert text.endswith(
        "on nonfinite inputs, which it gets wrong, torch, which takes at most 2.7 times as long"
    )
    alone = said(
        row("einsum", verdict="best"), TORCH, caveats={"einsum": ("huge",), "torch": ("huge",)}
    )
    assert alone.endswith("; it is wrong on huge inputs")


def test_one_with_caveats_is_not_advised_instead():
    text = said(BEST, row("bmm", (2.0, 1.9, 2.1)), GATHER, caveats={"bmm": ("nonfinite",)})
    assert text.endswith("without a compiler gather, which takes at most 3.3 times as long")


@pytest.mark.parametrize(
    "rows",
    [
        (),
        (BEST,),
        (BEST, row("add", (1.0, 0.995, 1.005), "tied")),
        (BEST, row("add", (2.0, 0.0, math.inf), "undecided")),
        (BEST, dataclasses.replace(TORCH, waited=True)),
        (dataclasses.replace(BEST, share=Share(1.5, "memory")), TORCH),
    ],
    ids=["nothing", "alone", "tied", "undecided", "waited", "impossible"],
)
def test_numbers_that_carry_none_get_none(rows):
    assert said(*rows) == ""


def test_caveats_come_from_the_records_of_the_case():
    other = record("b", on=case(shape="other"), caveats=(("huge", "text"),))
    records = [record("a", measured(), caveats=(("nonfinite", "leaks"),)), other]
    assert caveats_of(board(case(), records[:1]), records) == {"a": ("nonfinite",)}


def test_what_takes_a_compiler_comes_from_the_records_and_not_from_names():
    gather = row("gather", verdict="best")
    assert said(gather, TORCH, compiled=("gather",)).endswith(
        "torch, which takes at most 2.7 times as long"
    )
    assert "compiler" not in said(BEST, GATHER, compiled=())
    assert "compiler" not in said(BEST, GATHER, compiled=("cpp", "gather"))
    records = [record("a", compiled=True), record("b", compiled=False), record("c")]
    assert compiled_of(board(case(), records), records) == {"a": True, "b": False}


def test_of_contenders_whose_records_do_not_say_nothing_is_said():
    assert "compiler" not in advice(Board(case(), (BEST, GATHER)), {}, {})
