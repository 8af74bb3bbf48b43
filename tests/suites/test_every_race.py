"""What holds for every declared op, whatever its family."""

import pytest

import opbench
from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declaration.samples import KIND as SAMPLES
from opbench.harness.planning.borders import is_border
from opbench.harness.planning.cases import plan_checks
from opbench.harness.planning.selection import Selection
from opbench.harness.preparation import inputs

CATALOG = opbench.load()


def given(op, case):
    """The values of a case by name, options included."""
    return {**op.defaults, **inputs.build(op, case).values}


@pytest.mark.parametrize("name", list(CATALOG.ops))
def test_every_op_accepts_its_own_inputs(name):
    op = CATALOG.ops[name]
    seen = set()
    for race in plan_checks(CATALOG, Selection(names=(name,), threads=1)):
        # Nobody declared the one, and torch itself draws the other.
        if is_border(race.case) or race.case.inputs == SAMPLES:
            continue
        kind = (race.case.shape, race.case.inputs, race.case.dtype)
        if op.validate is not None and kind not in seen:
            call_named(op.validate, given(op, race.case))
        seen.add(kind)


@pytest.mark.parametrize("name", list(CATALOG.ops))
def test_every_op_and_contender_has_a_docstring(name):
    op, contenders = CATALOG.ops[name], CATALOG.impls[name]
    assert len(contenders) >= 3
    assert op.doc
    assert op.quick
    assert all(contender.function.__doc__ for contender in contenders.values())
