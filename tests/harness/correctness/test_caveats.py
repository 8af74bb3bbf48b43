"""A caveat excuses what it says, where it says so, and must show there."""

import math
from dataclasses import replace

import pytest

import opbench
from opbench.harness.correctness.caveats import (
    Checked,
    caveats_on,
    enforce_caveats,
    expected_failure,
)
from opbench.harness.declare import Caveat, Op, impl
from opbench.harness.machine.environment import describe
from opbench.results.errors import DeclarationError
from opbench.results.records import Case, Failed, Right, Unsupported, Wrong
from tests.harness.test_catalog import module

WIDE, NARROW = {"onednn_isa": "AVX512_CORE_BF16"}, {"onednn_isa": "AVX2"}
WRONG, RIGHT = Wrong("value", "7 of 9 elements are off", 40.0), Right(0.2)


def on_wide(dtype, machine):
    """In bfloat16: on wide machines, not on narrow ones, perhaps on others."""
    if dtype != "bfloat16":
        return False
    return {"AVX512_CORE_BF16": True, "AVX2": False}.get(machine.get("onednn_isa"))


def case(dtype="bfloat16", inputs="nonfinite", layout="contiguous"):
    return Case(op="row_sum", shape="odd", axes=(), inputs=inputs, dtype=dtype, layout=layout)


def catalog_of(**caveats):
    """A catalogue of one op with one contender, `mine`, of those caveats."""

    @impl("row_sum", name="mine", caveats=caveats)
    def mine(x):
        return x.sum(1)

    return opbench.load(module("ops", op=OP), module("theirs", f=mine), entry_points=False)


OP = Op(
    name="row_sum",
    oracle=lambda x: x.sum(1),
    axes={"N": "rows"},
    inputs={"normal": lambda N: {"x": N}, "nonfinite": lambda N: {"x": N}},
    quick={"small": {"N": 1}},
    dtypes=("float32", "bfloat16"),
    cost=lambda N: None,
)


def mine(**caveats):
    return catalog_of(**caveats).impl("row_sum", "mine")


@pytest.mark.parametrize(
    ("on", "machine", "excused"),
    [
        (case(), WIDE, True),
        (case(), NARROW, False),
        (case(), {}, True),  # it may
        (case("float32"), WIDE, False),
        (case(inputs="normal"), WIDE, False),
        (case(inputs="normal", layout="nonfinite"), WIDE, True),
    ],
)
def test_wrong_result_is_expected_where_the_caveat_shows_or_may(on, machine, excused):
    contender = mine(nonfinite=Caveat("leaks", on_wide))
    assert expected_failure(WRONG, contender, on, machine) == ("leaks" if excused else "")


@pytest.mark.parametrize("verdict", [Wrong("inputs", "changed"), Failed("check", "?"), RIGHT])
def test_other_failures_are_not_expected(verdict):
    assert expected_failure(verdict, mine(nonfinite="leaks"), case(), WIDE) == ""


def test_text_without_condition_is_a_caveat_everywhere():
    contender = mine(nonfinite="leaks")
    assert all(expected_failure(WRONG, contender, case(), m) == "leaks" for m in (WIDE, NARROW, {}))


@pytest.mark.parametrize(
    ("machine", "dtype", "found", "stage"),
    [
        (WIDE, "bfloat16", RIGHT, "caveat"),
        (WIDE, "bfloat16", WRONG, "value"),
        (NARROW, "bfloat16", RIGHT, ""),
        (NARROW, "bfloat16", WRONG, "value"),
        ({}, "bfloat16", RIGHT, ""),
        (WIDE, "float32", RIGHT, ""),
        (WIDE, "bfloat16", Unsupported("?"), ""),
    ],
)
def test_caveat_that_does_not_show_where_it_should_is_wrong(machine, dtype, found, stage):
    catalog = catalog_of(nonfinite=Caveat("leaks", on_wide))
    contender = catalog.impl("row_sum", "mine")
    on = case(dtype)
    item = Checked("mine", on, found, expected_failure(found, contender, on, machine))
    (judged,) = enforce_caveats(catalog, [item], machine)
    assert getattr(judged.verdict, "stage", "") == stage
    assert ("drop the caveat" in getattr(judged.verdict, "reason", "")) == (stage == "caveat")


@pytest.mark.parametrize(
    ("on", "grad", "due"),
    [
        (case("float32"), ("x",), False),
        (replace(case("float32"), direction="both"), ("x",), True),
        (case("int64"), ("x",), True),  # it has no gradient
        (case("float32"), (), True),
        (case("float32", "normal", "nonfinite"), ("x",), True),
    ],
)
def test_caveat_need_not_show_where_gradients_are_left_out(on, grad, due):
    @impl("row_sum", name="mine", caveats={"nonfinite": "leaks into gradients"})
    def mine(x):
        return x.sum(1)

    catalog = opbench.load(module("ops", op=replace(OP, grad=grad)), module("theirs", f=mine))
    (judged,) = enforce_caveats(catalog, [Checked("mine", on, RIGHT)], {})
    assert isinstance(judged.verdict, Wrong) == due


def test_caveat_has_to_show_on_one_case_only():
    catalog = catalog_of(nonfinite="leaks")
    items = [Checked("mine", case(), RIGHT), Checked("mine", case(), WRONG, "leaks")]
    assert enforce_caveats(catalog, items, WIDE) == items


def test_records_name_the_caveats_that_may_show():
    contender = mine(nonfinite=Caveat("leaks", on_wide), normal="is odd")
    assert caveats_on(contender, case(), WIDE) == (("nonfinite", "leaks"), ("normal", "is odd"))
    assert caveats_on(contender, case(), NARROW) == (("normal", "is odd"),)
    assert caveats_on(contender, case("float32"), WIDE) == (("normal", "is odd"),)


def test_condition_with_an_unknown_name_is_a_declaration_error():
    with pytest.raises(DeclarationError, match=r"condition asks for 'weather'.*layout, machine"):
        catalog_of(nonfinite=Caveat("leaks", lambda weather: True))


def test_condition_may_name_everything_documented():
    asked = {}

    def condition(dtype, device, direction, board, layout, machine):
        asked.update(locals())
        return math.isfinite(1)

    assert (
        expected_failure(WRONG, mine(nonfinite=Caveat("leaks", condition)), case(), WIDE) == "leaks"
    )
    assert asked["machine"] == WIDE
    assert (asked["dtype"], asked["layout"], asked["board"]) == (
        "bfloat16",
        "contiguous",
        "compute",
    )


@pytest.mark.parametrize("variable", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
def test_limit_of_onednn_is_part_of_the_environment(monkeypatch, variable):
    free = describe()
    monkeypatch.setenv(variable, "sse41")
    held = describe()
    assert dict(held.volatile)["onednn_isa"] in ("SSE41", "")
    assert dict(held.stable)["onednn_max_cpu_isa"] == "SSE41"
    assert held.key != free.key
    monkeypatch.setenv(variable, "ALL")
    assert dict(describe().volatile)["onednn_isa"] == dict(free.volatile)["onednn_isa"]
