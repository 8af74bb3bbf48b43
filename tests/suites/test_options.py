"""The checks of an op give each of its options other values than its default."""

import pytest

import opbench
from opbench.harness.declaration.samples import KIND as SAMPLES
from opbench.harness.planning.borders import is_border
from opbench.harness.planning.cases import plan_checks
from opbench.harness.planning.selection import Selection
from opbench.harness.preparation import inputs
from opbench.results.records import Unsupported
from tests.harness.verdicts import Exam

CATALOG = opbench.load()
EXAM = Exam("wrong_in_options.py")


def options_of(op):
    """The options that the checks of an op set, in its first dtype."""
    selection = Selection(names=(op.name,), dtypes=op.dtypes[:1], threads=1)
    cases = [race.case for race in plan_checks(CATALOG, selection) if not is_border(race.case)]
    cases = [c for c in cases if c.layout == "contiguous" and c.inputs != SAMPLES]
    return {name for case in cases for name in inputs.build(op, case).options}


@pytest.mark.parametrize("name", [name for name, op in CATALOG.ops.items() if op.options])
def test_every_option_takes_more_than_its_default(name):
    op = CATALOG.ops[name]
    assert options_of(op) == set(op.options)


@pytest.mark.parametrize(("op", "name"), EXAM.contenders("wrong_"))
def test_contenders_that_ignore_an_option_are_found(op, name):
    assert EXAM.faults(op, name, inputs=("filled",), dtypes=("float32",))


@pytest.mark.parametrize(("op", "name"), EXAM.contenders("right_"))
def test_contenders_that_lack_an_option_are_unsupported_where_it_is_set(op, name):
    found = EXAM.found(op, name, "odd", inputs=("empty", "filled"), dtypes=("float32",))
    refused = [c.case.inputs for c in found if isinstance(c.verdict, Unsupported)]
    assert refused == ["filled"]
    assert EXAM.faults(op, name, inputs=("empty", "filled"), dtypes=("float32",)) == []
