"""Selections become races; a selection that means nothing is an error."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import opbench
from opbench.harness.catalog import Catalog
from opbench.harness.declare import LAYOUTS, SAME_VALUES
from opbench.harness.planning import checked_cases
from opbench.harness.planning.borders import is_border
from opbench.harness.planning.cases import plan, plan_checks
from opbench.harness.planning.expression import matches
from opbench.harness.planning.selection import Selection
from opbench.results.errors import SelectionError
from tests.places import LOADED


@pytest.fixture(scope="module")
def strangers():
    return opbench.load(LOADED / "row_sum.py", entry_points=False)


def labels(races):
    return [race.case.label for race in races]


def test_default_selection_times_one_kind_and_dtype(strangers):
    races = plan(strangers, Selection())
    assert labels(races) == ["small normal float32 forward", "tall normal float32 forward"]
    assert races[0].contenders == ("summed", "loop", "without_gradient", "elsewhere")
    assert races[0].case.axes == (("N", 64), ("M", 64))


def test_selected_values_are_combined(strangers):
    races = plan(
        strangers,
        Selection(
            grid="full",
            dtypes=("float32", "float64"),
            directions=("forward", "both"),
            inputs=("normal", "ones"),
            layouts=("contiguous", "sliced"),
            impls=("summed",),
            threads=1,
            seed=7,
        ),
    )
    assert len(races) == 16
    assert {race.case.threads for race in races} == {1}
    assert {race.case.seed for race in races} == {7}


def test_names_select_ops_and_suites(catalog):
    by_suite = plan(catalog, Selection(names=("pooling",)))
    assert {race.case.op for race in by_suite} == {"patch_pooling", "patch_pooling_ids"}
    by_op = plan(catalog, Selection(names=("patch_pooling", "pooling")))
    assert {race.case.op for race in by_op} == {"patch_pooling", "patch_pooling_ids"}


def test_expression_selects_cases_and_contenders(strangers):
    races = plan(strangers, Selection(expression="tall and not (loop or elsewhere)"))
    assert labels(races) == ["tall normal float32 forward"]
    assert races[0].contenders == ("summed", "without_gradient")


def test_checks_cover_every_kind_layout_dtype_and_edge(strangers):
    cases = [race.case for race in plan_checks(strangers, Selection())]
    assert any(map(is_border, cases))
    cases = [case for case in cases if not is_border(case)]
    assert {(c.shape, c.inputs, c.layout) for c in cases} == {
        ("odd", "normal", "contiguous"),
        ("odd", "ones", "contiguous"),
        ("empty", "normal", "contiguous"),
        *(("odd", "normal", layout) for layout in LAYOUTS[1:]),
    }
    unusual = {(c.layout, c.dtype, c.direction) for c in cases if c.layout in LAYOUTS[3:]}
    assert unusual == {
        *((layout, "float32", "both") for layout in ("padded", "offset", "expanded")),
        ("far", "float32", "forward"),
    }
    assert {c.dtype for c in cases} == {"float32", "float64"}
    assert {c.direction for c in cases if c.layout != "far"} == {"both"}


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (
            Selection(names=("rowsum",)),
            r"no op or suite named 'rowsum' \(did you mean 'row_sum'\?\).*; ops: row_sum",
        ),
        (Selection(names=("row_sum",), impls=("sum",)), "no contender of row_sum named 'sum'"),
        (Selection(impls=("sum",)), r"none of the ops has contender 'sum' \(did you mean 'summed'"),
        (
            Selection(impls=("summed", "lop")),
            r"none of the ops has contender 'lop' \(did you mean 'loop'\?\)",
        ),
        (
            Selection(expression="nothing_like_it"),
            "selection is empty: .* matches -k 'nothing_like_it'; nothing is called",
        ),
        (
            Selection(expression="smal2 and loop"),
            r"-k 'smal2 and loop'; nothing is called 'smal2' \(did you mean 'small'\?\)",
        ),
        (Selection(expression="a and"), "-k 'a and' is not an expression"),
        (Selection(expression="f(x)"), r"-k 'f\(x\)' is not an expression"),
        (Selection(dtypes=("float8",)), "has dtype 'float8' .*; they have float32, float64"),
        (Selection(inputs=("text",)), "has input kind 'text'; they have normal, ones"),
        (Selection(layouts=("round",)), "no layout 'round'"),
    ],
)
def test_unknown_name_or_empty_selection_raises(strangers, selection, message):
    with pytest.raises(SelectionError, match=message):
        plan(strangers, selection)


def test_op_of_a_suite_may_lack_the_selected_dtype_or_kind(strangers):
    (op,) = strangers.ops.values()
    ranks = {"ranks": op.inputs["ones"]}
    whole = replace(op, name="whole_sum", dtypes=("int64",), inputs=ranks, timed=("ranks",))
    both = Catalog(
        {"row_sum": op, "whole_sum": whole},
        {"row_sum": strangers.impls["row_sum"], "whole_sum": strangers.impls["row_sum"]},
        {"sums": ("row_sum", "whole_sum")},
    )
    asked = Selection(dtypes=("float64",), inputs=("normal",))
    for names in ((), ("sums",)):
        races = plan(both, replace(asked, names=names))
        assert {race.case.op for race in races} == {"row_sum"}
    with pytest.raises(SelectionError, match="whole_sum has no dtype 'float64'; it has int64"):
        plan(both, replace(asked, names=("row_sum", "whole_sum"), inputs=()))


@given(st.text("abc", min_size=1), st.text("abc", min_size=1), st.text("abc"))
def test_expressions_evaluate_as_their_python_equivalents(one, other, text):
    assert matches(one, text) == (one in text)
    assert matches(f"not {one}", text) == (one not in text)
    assert matches(f"{one} and {other}", text) == (one in text and other in text)
    assert matches(f"({one} or {other})", text) == (one in text or other in text)


@pytest.mark.parametrize("name", ["µ", "K", "ﬁt", "ÅNGSTRÖM"])
def test_names_that_python_writes_otherwise_are_found(name):
    assert matches(name, f"op/{name}")
    assert matches(repr(name), f"op/{name}")


@pytest.mark.parametrize("expression", ["mat-mul", "3d", "lambda", "a b"])
def test_what_is_no_expression_says_how_to_write_it(expression):
    with pytest.raises(SelectionError, match="quote other names: -k \"'mat-mul'\""):
        matches(expression, "op/x")
    assert matches(repr(expression), f"op/{expression}")


def test_compiled_contenders_are_not_checked_in_every_combination():
    catalog = opbench.load(
        "opbench.suites.pooling", "opbench.impls.patch_pooling", entry_points=False
    )
    races = plan_checks(catalog, Selection(names=("patch_pooling",)))
    op = catalog.ops["patch_pooling"]
    eager, compiled = (
        [race.case for race in races if name in race.contenders]
        for name in ("scatter_add", "compile_scatter_add")
    )
    assert not any(map(is_border, compiled))
    eager = [case for case in eager if not is_border(case)]
    assert len(eager) == len({case.key for case in eager})
    assert {case.shape for case in compiled} == {case.shape for case in eager}
    assert {case.shape for case in eager} == {*op.edge, *op.quick}
    assert {case.layout for case in compiled} == set(SAME_VALUES)
    assert {case.layout for case in eager} == set(LAYOUTS)
    assert {(c.inputs, c.dtype) for c in compiled} == {
        (c.inputs, c.dtype) for c in eager if c.inputs not in op.long_sums
    }
    bent = [c for c in compiled if c.layout != "contiguous" or c.shape != "odd"]
    assert {case.dtype for case in bent} == {"float32"}


def test_checks_run_on_one_thread_and_once_on_all(strangers, monkeypatch):
    monkeypatch.setattr(checked_cases, "usable_cores", lambda: 4)
    races = plan_checks(strangers, Selection())
    (wide,) = [race.case for race in races if race.case.threads != 1]
    assert (wide.threads, wide.shape, wide.dtype) == (4, "odd", "float32")
    assert {r.case.threads for r in plan_checks(strangers, Selection(threads=2))} == {2}


def test_op_without_a_contender_raises_and_says_so(strangers):
    alone = Catalog(strangers.ops, {"row_sum": {}}, strangers.suites)
    for names in ((), ("row_sum",)):
        with pytest.raises(SelectionError, match=r"^row_sum has no contender: tag a function with"):
            plan(alone, Selection(names=names))


def test_long_lists_of_names_in_messages_are_cut(catalog):
    with pytest.raises(SelectionError, match="did you mean 'patch_pooling'") as caught:
        plan(catalog, Selection(names=("patch_poling",)))
    assert len(str(caught.value)) < 500
    assert "more: opbench list" in str(caught.value)


def test_long_sums_are_checked_in_half_precision_alone(catalog):
    def dtypes(*selected):
        races = plan_checks(catalog, Selection(names=("patch_pooling",), dtypes=selected))
        return {race.case.dtype for race in races if race.case.inputs == "long_sum"}

    assert dtypes() == {"float16", "bfloat16"}
    assert dtypes("float32", "bfloat16") == {"bfloat16"}
    assert dtypes("float32") == set()


def test_shapes_that_are_timed_are_checked_of_ops_that_are_named(catalog):
    named = plan_checks(catalog, Selection(names=("patch_pooling",), expression="wide"))
    assert {(race.case.inputs, race.case.dtype) for race in named} == {("text", "float32")}
    assert {race.case.direction for race in named} == {"both"}
    everything = plan_checks(catalog, Selection(names=("pooling",)))
    declared = {race.case.shape for race in everything if not is_border(race.case)}
    assert declared == set(catalog.op("patch_pooling").edge)
