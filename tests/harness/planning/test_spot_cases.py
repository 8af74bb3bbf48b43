"""The cases of a spot check are those of a check, without what takes long."""

import pytest

from opbench.harness.planning.borders import is_border
from opbench.harness.planning.cases import plan_checks
from opbench.harness.planning.selection import Selection
from opbench.harness.planning.spot_cases import is_spot_checked_on, spot_cases


@pytest.mark.parametrize("name", ["patch_pooling", "batched_softmax", "split_heads"])
def test_all_small_cases_on_one_thread(catalog, name):
    op = catalog.op(name)
    cases = spot_cases(op, device="cpu", seed=3)
    planned = [race.case for race in plan_checks(catalog, Selection(names=(name,), seed=3))]
    small = {case for case in planned if case.threads == 1}
    small -= {case for case in small if case.shape in op.quick and case.shape not in op.edge}
    assert len(set(cases)) == len(cases)
    assert set(cases) == small


def test_sizes_by_rule_come_before_other_kinds_in_other_dtypes(catalog):
    op = catalog.op("batched_softmax")
    cases = spot_cases(op, device="cpu", seed=0)
    first_kind = next(iter(op.inputs))
    borders = [n for n, c in enumerate(cases) if is_border(c) and c.inputs == first_kind]
    first, others = cases[: borders[0]], cases[borders[-1] + 1 :]
    assert len(first) + len(borders) + len(others) == len(cases)
    assert not any(map(is_border, first))
    assert all(c.dtype == op.dtypes[0] or c.inputs == first_kind for c in first)
    assert {case.dtype for case in first} == set(op.dtypes)
    assert all(is_border(case) or case.dtype != op.dtypes[0] for case in others)


def test_what_is_compiled_is_left_out(catalog):
    op = catalog.op("patch_pooling")
    case = spot_cases(op, device="cpu", seed=0)[0]
    assert is_spot_checked_on(op, catalog.impl(op.name, "index_add"), case)
    assert not is_spot_checked_on(op, catalog.impl(op.name, "compile_scatter_add"), case)
