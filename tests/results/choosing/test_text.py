"""A choice in words: regions, what they rest on, one shape, and how often shapes are served."""

import pytest

from opbench.results.choosing.served import Served, read_served, unmet, weights_of
from opbench.results.choosing.text import (
    notes,
    region_text,
    regions_table,
    regret_line,
    regret_table,
    shape_text,
)
from opbench.results.errors import SelectionError
from tests.results.choosing.examples import SIZES, choice


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return choice(tmp_path_factory.mktemp("runs"))


def test_regions(made):
    table = regions_table(made)
    assert table.title == "row_op · normal float32 forward t1 · 12 shapes"
    assert table.columns == ("sizes", "use", "as fast", "shapes", "loses at most")
    assert [row[1] for row in table.rows] == ["eager", "fused"]
    assert sum(int(row[3]) for row in table.rows) == len(SIZES)
    assert region_text({}) == "all"
    assert region_text({"B": (-1, 3.0), "S": (5.5, 70.0)}) == "B <= 3, S > 5.5, S <= 70"


def test_regrets_stand_beside_what_else_one_could_do(made):
    names = [row[0] for row in regret_table(made).rows]
    assert names[0].startswith("chosen: thresholds")
    assert names[1:] == [
        "best of the nearest shape",
        "always torch",
        f"always the best single one ({made.contenders[0]})",
    ]
    assert regret_line(made.regrets["chosen"]).count("x") == 3


def test_notes_say_what_it_rests_on(made):
    said = "\n".join(notes(made))
    assert "which were measured" in said
    assert "outside of B=4..256, S=16..1024 nothing was measured" in said
    assert "left out: cpp: needs a compiler" in said


def test_one_shape_in_a_sentence(made):
    measured = shape_text(made, {"B": 4.0, "S": 16.0}, "B=4,S=16")
    assert measured.startswith("B=4,S=16: eager, which took 2.")
    assert "none was shown to be faster" in measured
    between = shape_text(made, {"B": 200.0, "S": 1000.0}, "B=200,S=1000")
    assert between.startswith("B=200,S=1000: fused; on shapes that were left out")
    assert between.endswith("opbench run row_op --shape B=200,S=1000")
    beyond = shape_text(made, {"B": 1e4, "S": 16.0}, "B=10000,S=16")
    assert f"{made.fallback}, as this is outside of what was measured (B=4..256)" in beyond


def test_served_shapes_weigh_the_nearest_measured_one(made, tmp_path):
    file = tmp_path / "shapes.jsonl"
    file.write_text(
        '{"op": "row_op", "axes": {"B": 5, "S": 15}, "count": 30}\n\n'
        '{"op": "row_op", "axes": {"B": 300, "S": 2000}}\n'
        '{"op": "another", "axes": {"B": 16, "S": 128}, "count": 100}\n'
    )
    served = read_served(file)
    assert served[1] == Served(
        op="row_op", axes={"B": 300.0, "S": 2000.0}, count=1.0, text="B=300,S=2000"
    )
    weights = weights_of(made.rows, "row_op", served)
    assert weights["B4_S16"] == pytest.approx(30 * weights["B256_S1024"])
    assert weights["B16_S128"] == 0.01
    assert sum(weights.values()) == pytest.approx(len(SIZES), rel=0.02)
    assert weights_of(made.rows, "unserved", served) == {}


def test_what_recorded_calls_need_and_nobody_races_is_said(tmp_path):
    file = tmp_path / "shapes.jsonl"
    line = '{"op": "a", "axes": {"B": 3}, "count": 20, "requires_grad": %s, "dtype": "%s"}\n'
    kinds = [("true", "float32"), ("true", "bfloat16"), ("false", "float32")]
    file.write_text("".join(line % kind for kind in kinds) + '{"op": "a", "axes": {"B": 3}}\n')
    served = read_served(file)
    assert (served[1].requires_grad, served[1].dtype) == (True, "bfloat16")
    assert (served[3].requires_grad, served[3].dtype) == (None, "")
    trained, half = unmet(served, dtypes=("float32",), directions=("forward",))
    assert trained.startswith("40 of the recorded calls need gradients, which isn't raced")
    assert trained.endswith("--pass both races it")
    assert half.startswith("20 of the recorded calls are in bfloat16")
    (inferred,) = unmet(served, dtypes=("float32", "bfloat16"), directions=("both",))
    assert inferred.endswith("--pass forward races it")
    every = {"dtypes": ("float32", "bfloat16"), "directions": ("forward", "backward")}
    assert list(unmet(served, **every)) == []


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "3",
        '{"op": "a"}',
        '{"op": "a", "axes": {}}',
        '{"op": "a", "axes": {"B": "x"}}',
        '{"op": 3, "axes": {"B": 3}}',
        '{"op": "a", "axes": {"B": 3}, "count": 0}',
        '{"op": "a", "axes": {"B": 3}, "count": "many"}',
    ],
)
def test_a_line_that_is_no_shape_is_named(tmp_path, line):
    file = tmp_path / "shapes.jsonl"
    file.write_text('{"op": "a", "axes": {"B": 3}}\n' + line + "\n")
    with pytest.raises(SelectionError, match=r"shapes\.jsonl:2: not a shape with its count"):
        read_served(file)


def test_a_file_without_shapes_is_refused(tmp_path):
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(SelectionError, match="there is no shape in it"):
        read_served(tmp_path / "empty")
    with pytest.raises(SelectionError, match="cannot be read"):
        read_served(tmp_path / "none")
