"""The smallest case that still fails."""

import opbench
from opbench.harness.correctness.smallest_case import MOST_TRIES, smallest_case
from opbench.results.records import Case
from tests.places import LOADED

OP = opbench.load(LOADED / "wrong_row_scale.py").op("row_scale")
CASE = Case(
    op="row_scale",
    shape="odd",
    axes=(("R", 70), ("N", 130)),
    inputs="shifted",
    dtype="float32",
    layout="transposed",
)


def test_what_always_fails_becomes_plain_and_of_ones():
    found = smallest_case(OP, CASE, lambda case: True)
    assert (found.layout, found.inputs, found.axes) == (
        *("contiguous", "normal"),
        (("R", 1), ("N", 1)),
    )


def test_what_is_needed_for_the_failure_stays():
    def fails(case):
        axes = dict(case.axes)
        return case.layout == "transposed" and axes["R"] > 4 and axes["N"] >= 33

    found = smallest_case(OP, CASE, fails)
    assert (found.layout, found.inputs, found.axes) == (
        *("transposed", "normal"),
        (("R", 5), ("N", 33)),
    )


def test_nothing_simpler_leaves_the_case():
    assert smallest_case(OP, CASE, lambda case: False) == CASE


def test_tries_are_bounded():
    tried = []

    def fails(case):
        tried.append(case)
        return len(tried) % 5 == 0

    smallest_case(OP, CASE, fails)
    assert len(tried) <= MOST_TRIES
