"""Ops that only move elements are held to the last bit, and to whole numbers of 64 bits."""

from dataclasses import replace

import pytest
import torch

from opbench.harness.correctness import checks
from opbench.harness.correctness.reference import build_reference
from opbench.harness.planning.cases import plan_checks
from opbench.harness.planning.selection import Selection
from opbench.results.records import Right, Wrong


def verdict(catalog, function, dtype, op="collect_rows"):
    race = plan_checks(catalog, Selection(names=(op,), dtypes=(dtype,), threads=1))[0]
    return checks.check(build_reference(catalog.op(op), race.case), function)


def rows(matrix, index):
    return matrix[index]


def rows_through(dtype):
    return lambda matrix, index: matrix.to(dtype)[index].to(matrix.dtype)


def rows_by_a_mask(matrix, index):
    """Exact as well: all other terms are 0."""
    hot = torch.nn.functional.one_hot(index, len(matrix)).to(matrix.dtype)
    return torch.where(hot[..., None] != 0, matrix, 0).sum(1)


def rows_less_a_bit(matrix, index):
    return torch.nextafter(matrix[index], torch.zeros(()))


@pytest.mark.parametrize("through", [torch.float32, torch.float64, torch.int32])
def test_whole_numbers_that_go_through_a_narrower_type_are_found(catalog, through):
    found = verdict(catalog, rows_through(through), "int64")
    assert isinstance(found, Wrong)
    assert found.stage == "value"


def test_last_bit_of_a_moved_number_counts(catalog):
    found = verdict(catalog, rows_less_a_bit, "float32")
    assert isinstance(found, Wrong)
    assert found.stage == "value"


@pytest.mark.parametrize("dtype", ["int64", "float32"])
@pytest.mark.parametrize("function", [rows, rows_by_a_mask])
def test_moved_numbers_are_right(catalog, function, dtype):
    assert isinstance(verdict(catalog, function, dtype), Right)


def test_gradients_of_moved_numbers_have_the_tolerance(catalog):
    """Rows that are taken twice add up."""
    op = catalog.op("collect_rows")
    assert op.exact
    race = plan_checks(catalog, Selection(names=(op.name,), dtypes=("float32",), threads=1))[0]
    reference = build_reference(op, race.case)
    inexact = build_reference(replace(op, exact=False), race.case)
    assert isinstance(checks.check(reference, rows), Right)
    assert isinstance(checks.check(inexact, rows_less_a_bit), Right)
