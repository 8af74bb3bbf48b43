"""Contenders that take one layout for granted are found, and those that don't are not."""

import pytest

from tests.harness.verdicts import Exam

EXAM = Exam("wrong_in_layouts.py")
#: In which layouts each shows, and at which stage.
SHOWS = {
    "wrong_takes_packed_rows": {("padded", "value"), ("offset", "value"), ("expanded", "value")},
    "wrong_forgets_offset": {("offset", "value")},
    "wrong_writes_past_its_rows": {("padded", "inputs")},
    "wrong_packed_indexes": {("sliced", "check"), ("expanded", "check")},
    "wrong_places_in_32_bits": {("far", "value")},
}
FLOAT32 = {"dtypes": ("float32",), "inputs": ("normal",)}


@pytest.mark.parametrize(("op", "name"), EXAM.contenders("wrong_"))
def test_layouts_that_are_taken_for_granted_are_found(op, name):
    faults = EXAM.faults(op, name, "odd", **FLOAT32)
    found = {(item.case.layout, getattr(item.verdict, "stage", "")) for item in faults}
    assert SHOWS[name] & found, found
    assert "contiguous" not in {layout for layout, _ in found}


@pytest.mark.parametrize(("op", "name"), EXAM.contenders("right_"))
def test_layouts_that_are_refused_or_allowed_for_are_right(op, name):
    assert EXAM.faults(op, name, "odd", **FLOAT32) == []
