"""Boards, several right answers, ops without tensors: what is raced, checked and compared."""

import pytest

import opbench
from opbench.harness.pipeline.check import check
from opbench.harness.planning.cases import plan, plan_checks
from opbench.harness.planning.selection import Selection
from opbench.results.errors import DeclarationError
from opbench.results.records import Measured, Right, Unsupported, Wrong
from opbench.results.report.frames import read
from tests.harness.runs import new_run
from tests.places import LOADED

TURNED = LOADED / "turned.py"


@pytest.fixture(scope="module")
def catalog():
    return opbench.load(TURNED, entry_points=False)


@pytest.fixture(scope="module")
def report(catalog):
    # Without tensors, or rows, some layouts can't be had.
    selection = Selection(threads=1, expression="not (expanded or far or border)")
    return check(catalog, plan_checks(catalog, selection))


def worst(report, op, name):
    """The verdicts that the contender got, the wrong ones alone if there are any."""
    verdicts = [
        item.verdict for item in report.checked if (item.case.op, item.contender) == (op, name)
    ]
    assert verdicts
    wrong = {(v.stage, v.reason) for v in verdicts if isinstance(v, Wrong)}
    assert wrong or all(isinstance(verdict, Right) for verdict in verdicts)
    return wrong


@pytest.mark.parametrize(
    ("op", "name"),
    [
        ("turned", "transpose"),
        ("turned", "stack"),
        ("top", "topk"),
        ("top", "last_of_the_tied"),
        ("ramp", "arange"),
        ("signs", "compare"),
    ],
)
def test_right_contenders_pass_in_every_output_mode(report, op, name):
    assert not worst(report, op, name)


@pytest.mark.parametrize(
    ("op", "name", "stage", "reason"),
    [
        ("turned", "copy_on_the_view_board", "aliasing", "copies, where the output mode is view"),
        ("turned", "view_on_the_materialise_board", "aliasing", "aliases an input"),
        ("turned", "gaps_on_the_materialise_board", "contiguity", "not contiguous"),
        ("top", "wrong_places", "value", "elements are off"),
        ("ramp", "one_more", "value", "elements are off"),
        ("signs", "in_the_inputs_dtype", "dtype", "instead of torch.float32"),
    ],
)
def test_wrong_contenders_fail_at_the_expected_stage(report, op, name, stage, reason):
    assert any(stage == s and reason in r for s, r in worst(report, op, name))


def test_different_right_answers_count_as_equal(report):
    pairs = {(p.one, p.other, p.case.inputs): p.units for p in report.pairs if p.case.op == "top"}
    assert pairs["topk", "last_of_the_tied", "ties"] == 0


def test_contenders_race_in_the_output_modes_that_they_can_serve(catalog):
    races = plan(catalog, Selection(names=("turned",)))
    views = ("transpose", "copy_on_the_view_board")
    others = ("view_on_the_materialise_board", "gaps_on_the_materialise_board")
    every = ("transpose", "stack", "copy_on_the_view_board", *others)
    assert {race.case.board: race.contenders for race in races} == {
        "view": views,
        "materialise": every,
        "consume": every,
    }
    assert len({race.case.key for race in races}) == 3
    assert len({race.case.label for race in races}) == 3


def test_output_modes_can_be_selected(catalog):
    races = plan(catalog, Selection(names=("turned",), boards=("view", "consume")))
    assert [race.case.board for race in races] == ["view", "consume"]


def test_integers_are_raced_on_the_forward_pass_only(catalog):
    chosen = Selection(names=("turned",), dtypes=("int64",), directions=("forward", "both"))
    assert {race.case.direction for race in plan(catalog, chosen)} == {"forward"}


def test_race_in_every_output_mode_is_recorded(catalog, tmp_path):
    chosen = Selection(names=("turned",), impls=("transpose", "stack"), threads=1)
    run = new_run(tmp_path)
    opbench.run(catalog, plan(catalog, chosen), run, policy=opbench.Policy(budget_s=0.05))
    records = {(r.case.board, r.contender): r.outcome for r in run.records()}
    assert set(records) == {
        ("view", "transpose"),
        *((board, name) for board in ("materialise", "consume") for name in ("transpose", "stack")),
    }
    assert all(isinstance(outcome, Measured) for outcome in records.values())
    assert records["view", "transpose"].bytes == 0
    assert records["materialise", "stack"].bytes == 2 * 4 * 600
    assert records["consume", "stack"].bytes == 4 * 600
    assert not read(run.path).empty


def test_race_without_tensor_arguments_is_measured(catalog, tmp_path):
    run = new_run(tmp_path)
    chosen = Selection(names=("ramp",), impls=("arange",), threads=1)
    opbench.run(catalog, plan(catalog, chosen), run, policy=opbench.Policy(budget_s=0.05))
    assert [type(record.outcome) for record in run.records()] == [Measured]


def test_output_mode_that_the_op_lacks_raises():
    from opbench.harness.declare import impl

    def flat(n):
        return n

    module = type(opbench)("flat_module")
    module.flat = impl("ramp", board="view")(flat)
    with pytest.raises(DeclarationError, match="board 'view', which is not one of materialise"):
        opbench.load(TURNED, module, entry_points=False)


def test_contenders_are_not_checked_in_other_output_modes(report):
    assert not [item for item in report.checked if isinstance(item.verdict, Unsupported)]
