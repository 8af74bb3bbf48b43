"""Shapes of a selection's own: their names, what is refused, and that runs and checks have them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import opbench
from opbench.harness.cli.app import main
from opbench.harness.planning.cases import plan, plan_checks
from opbench.harness.planning.given_shapes import given_shapes
from opbench.harness.planning.selection import Selection
from opbench.harness.preparation.taken_shapes import ensure_taken
from opbench.results.errors import SelectionError
from tests.places import LOADED


@pytest.fixture(scope="module")
def strangers():
    return opbench.load(LOADED / "row_sum.py", entry_points=False)


def shapes(strangers, *texts, sweeps=()):
    return given_shapes(strangers.op("row_sum"), Selection(shapes=texts, sweeps=sweeps))


def test_the_name_is_made_of_the_axes_in_the_ops_order(strangers):
    assert shapes(strangers, "M=5,N=3") == {"N3_M5": {"N": 3, "M": 5}}
    assert shapes(strangers, " N = 3 , M = 5 ", "N=3,M=5") == {"N3_M5": {"N": 3, "M": 5}}


def test_a_declared_shape_keeps_its_name_and_gives_the_other_axes(strangers):
    assert shapes(strangers, "N=64,M=64") == {"small": {"N": 64, "M": 64}}
    assert list(shapes(strangers, "tall", "tall,M=8", "big,N=4096")) == ["tall", "N512_M8", "big"]


def test_sweeps_are_even_in_the_logarithm_and_combine(strangers):
    assert list(shapes(strangers, sweeps=("M=256..2048",))) == [
        *("N64_M256", "N64_M512", "N64_M1024", "N64_M2048")
    ]
    both = shapes(strangers, "N=1,M=1", sweeps=("N=10..1000/3", "M=1..2"))
    assert [tuple(shape.values()) for shape in both.values()] == [
        *((10, 1), (10, 2), (100, 1), (100, 2), (1000, 1), (1000, 2))
    ]


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 30))
def test_a_sweep_begins_and_ends_where_it_should(strangers, low, high, count):
    assume(low < high)
    op = strangers.op("row_sum")
    sweep = Selection(sweeps=(f"N={low}..{high}/{count}",))
    sizes = [shape["N"] for shape in given_shapes(op, sweep).values()]
    assert sizes == sorted(set(sizes))
    assert (sizes[0], sizes[-1]) == (low, high) or count == 1
    assert len(sizes) <= max(count, 2)


@pytest.mark.parametrize(
    ("texts", "sweeps", "reason"),
    [
        (["N=3"], [], "row_sum lacks M"),
        (["N=3,K=4"], [], "no axis 'K'"),
        (["N=3,m=4"], [], r"no axis 'm' \(did you mean 'M'\?\); it has N, M"),
        (["N=3,M=x"], [], r"M=x: M \(columns\) has to be a whole number, not below 0"),
        (["N=3,M=-1"], [], "not below 0"),
        (["N=3,M=99999999999999999999"], [], "a whole number"),
        (["smal"], [], "did you mean 'small'"),
        (["N=3,small"], [], "'small' is no shape"),
        ([""], [], "is no shape of row_sum"),
        ([], ["N=3"], "its smallest and largest"),
        ([], ["N=3..3"], "the smaller"),
        ([], ["N=0..3"], "above 0"),
        ([], ["K=1..3"], "no axis 'K'"),
        ([], ["N=1..3", "N=4..5"], "each axis once"),
        ([], ["N=1..4096/100", "M=1..4096/100"], "more than 1000 shapes"),
    ],
)
def test_what_is_refused(strangers, texts, sweeps, reason):
    with pytest.raises(SelectionError, match=reason):
        shapes(strangers, *texts, sweeps=tuple(sweeps))


def test_ops_that_a_suite_brings_in_are_left_out_where_they_lack_an_axis(catalog):
    selection = Selection(names=("reductions",), shapes=("B=4,N=8",))
    ops = {race.case.op for race in plan(catalog, selection)}
    assert ops == {"batched_softmax", "batched_logsumexp", "batched_logsoftmax"}


def test_options_have_the_values_of_their_type(catalog):
    shape = given_shapes(
        catalog.op("patch_merging"), Selection(shapes=("B=1,H=4,W=4,C=3,order=torch",))
    )
    assert shape == {"B1_H4_W4_C3_ordertorch": {"B": 1, "H": 4, "W": 4, "C": 3, "order": "torch"}}


def test_checks_are_of_every_kind_and_dtype_at_the_given_shapes_alone(strangers):
    cases = [race.case for race in plan_checks(strangers, Selection(shapes=("N=3,M=5",)))]
    assert {case.shape for case in cases} == {"N3_M5"}
    assert {(case.inputs, case.dtype) for case in cases} == {
        (kind, dtype) for kind in ("normal", "ones") for dtype in ("float32", "float64")
    }


def test_what_an_op_refuses_is_refused_before_a_run_is_begun(strangers, catalog):
    cases = [race.case for race in plan(strangers, Selection(shapes=("N=3,M=5",)))]
    ensure_taken(strangers.ops, cases)
    selection = Selection(names=("conv2d",), shapes=("tiny,K=99",))
    with pytest.raises(SelectionError, match=r"conv2d doesn't take the shape N=1 .*: "):
        ensure_taken(catalog.ops, [race.case for race in plan(catalog, selection)])


def test_a_wrong_shape_is_a_wrong_command_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load = ["--load", str(LOADED / "row_sum.py")]
    assert main(["run", "row_sum", *load, "--shape", "N=3"]) == 2
    assert "row_sum lacks M" in capsys.readouterr().err
    assert main(["run", "row_sum", *load, "--shape", "N=3,M=1", "--grid", "quick"]) == 2
    assert "leave one out" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_run_of_given_shapes_is_resumed_as_it_was_begun(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["row_sum", "--load", str(LOADED / "row_sum.py"), "--sweep", "N=2..8", "--shape"]
    options = ["--budget", "0.05", "--threads", "1", "--in-process", "--impl", "summed", "-q"]
    assert main(["run", *words, "N=1,M=5", *options, "--id", "mine"]) == 0
    first = capsys.readouterr().out
    assert [line.split()[1] for line in first.splitlines()] == ["N2_M5", "N4_M5", "N8_M5"]
    assert main(["run", "--resume", "runs/mine", "-q"]) == 0
    assert capsys.readouterr().out == first


def recorded(strangers, *pairs, **fields):
    return given_shapes(strangers.op("row_sum"), Selection(recorded=pairs, **fields))


def test_recorded_shapes_are_those_of_the_op_in_their_order(strangers):
    pairs = (("row_sum", "N=9,M=5"), ("another", "K=1"), ("row_sum", "N=64,M=64"))
    assert list(recorded(strangers, *pairs)) == ["N9_M5", "small"]
    both = recorded(strangers, *pairs, shapes=("tall",), sweeps=("M=1..2",))
    assert list(both) == ["N512_M1", "N512_M2", "N9_M1", "N9_M2", "N64_M1", "N64_M2"]


def test_recorded_shapes_that_are_none_of_the_op_are_refused(strangers):
    with pytest.raises(
        SelectionError, match=r"--shapes: there is no shape of row_sum .*; of other"
    ):
        recorded(strangers, ("other", "N=3,M=5"))
    with pytest.raises(SelectionError, match=r"--shapes: N=3: row_sum lacks M"):
        recorded(strangers, ("row_sum", "N=3"))


def test_ops_that_no_recorded_shape_is_of_are_left_out_of_a_suite(catalog):
    selection = Selection(recorded=(("batched_softmax", "B=4,N=8"),))
    cases = [race.case for race in plan(catalog, selection)]
    assert {(case.op, case.shape) for case in cases} == {("batched_softmax", "B4_N8")}
