"""Sums of thousands in half precision, of values and of gradients."""

from dataclasses import replace

import pytest
import torch

import opbench
from opbench.harness.correctness.reference import build_reference
from opbench.harness.planning.cases import plan_checks
from opbench.harness.planning.selection import Selection
from tests.harness.verdicts import Exam

EXAM = Exam("wrong_in_long_sums.py")
STAGES = {
    "wrong_running_sum": "value",
    "wrong_running_dot": "value",
    "wrong_gradients_row_by_row": "gradient",
    "wrong_products_by_steps": "value",
}


def kinds_of(op):
    return EXAM.catalog.op(op).long_sums


@pytest.mark.parametrize(("op", "name"), EXAM.contenders("wrong_"))
def test_half_precision_sums_are_found_in_both_types(op, name):
    faults = EXAM.faults(op, name, inputs=kinds_of(op))
    found = {(item.case.dtype, item.verdict.stage) for item in faults}
    assert found == {("float16", STAGES[name]), ("bfloat16", STAGES[name])}


@pytest.mark.parametrize(("op", "name"), EXAM.contenders("right_"))
def test_wide_sums_in_any_order_are_right(op, name):
    assert EXAM.faults(op, name, inputs=kinds_of(op)) == []


def test_long_sums_are_checked_in_half_precision_with_gradients_of_ones():
    catalog = opbench.load()
    races = plan_checks(catalog, Selection(names=("collect_rows",), inputs=("long_sum",)))
    assert {race.case.dtype for race in races} == {"float16", "bfloat16"}
    case = races[0].case
    ones = build_reference(catalog.op("collect_rows"), case).expected_first.upstream
    assert all(torch.equal(gradient, torch.ones_like(gradient)) for gradient in ones)
    usual = build_reference(catalog.op("collect_rows"), replace(case, inputs="normal"))
    assert len(usual.expected_first.upstream[0].unique()) > 1
