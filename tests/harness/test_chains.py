"""Contenders that are composed of others: how they are declared, joined, called and checked."""

import subprocess
import sys
import types

import pytest
import torch

import opbench
from opbench.harness.preparation.resolve import fingerprint, is_compiled
from opbench.results.errors import DeclarationError
from tests.harness.verdicts import Exam
from tests.places import LOADED

FILE = LOADED / "chained.py"
EXAM = Exam("chained.py")
COMPOSED = ("times_two+sum", "times_two+wrong_rows_alone", "wrong_tripled+sum")


@pytest.fixture(scope="module")
def theirs():
    return opbench.load(FILE, entry_points=False)


def with_chain(*tags):
    """A module that has the ops of the file and other contenders of the chain."""
    module = types.ModuleType("more")
    vars(module).update({f"tag_{number}": tag for number, tag in enumerate(tags)})
    return opbench.load(FILE, module, entry_points=False)


def function():
    def composed(first, second, x, *, turned=False):
        return second(first(x), turned=turned)

    return composed


def test_every_choice_of_parts_is_a_contender(theirs):
    assert set(theirs.impls["double_sum"]) == {
        *COMPOSED,
        "wrong_tripled+wrong_rows_alone",
        "fused",
    }
    contender = theirs.impl("double_sum", "times_two+sum")
    assert contender.made_of == (("doubled", "times_two"), ("summed", "sum"))
    assert [part.name for part in contender.parts] == ["times_two", "sum"]


def test_chains_are_a_suite_and_in_that_of_their_module(theirs):
    assert theirs.suites["chains"] == ("double_sum",)
    assert theirs.suites["chained"] == ("doubled", "summed", "double_sum")


def test_a_module_that_is_called_chains_has_all_of_its_ops_in_the_suite(tmp_path):
    file = tmp_path / "chains.py"
    file.write_text(FILE.read_text())
    suites = opbench.load(file, entry_points=False).suites
    assert suites == {"chains": ("double_sum", "doubled", "summed")}


def test_a_composed_contender_is_called_as_any(theirs):
    x = torch.tensor([[1.0, 2], [3, 4]])
    run = theirs.call
    assert run("double_sum", x, impl="times_two+sum").tolist() == [6, 14]
    assert run("double_sum", x, impl="times_two+sum", turned=True).tolist() == [8, 12]


def test_it_runs_where_its_parts_do(theirs):
    tests = theirs.impl("double_sum", "times_two+sum").supports
    assert tests.refusal({"dtype": "int64"}) == "takes floating-point inputs only"
    assert theirs.impl("double_sum", "wrong_tripled+sum").supports.refusal({}) is None


@pytest.mark.parametrize("name", ["fused", "times_two+sum"])
def test_right_ones_pass(name):
    assert EXAM.faults("double_sum", name) == []


@pytest.mark.parametrize("name", COMPOSED[1:])
def test_a_wrong_part_is_found_in_company(name):
    assert EXAM.faults("double_sum", name)


def test_a_chain_has_the_source_of_its_parts(theirs):
    prints = {fingerprint(impl) for impl in theirs.impls["double_sum"].values()}
    assert len(prints) == len(theirs.impls["double_sum"])


def test_a_chain_is_compiled_where_a_part_is(catalog):
    compiled = {n: is_compiled(i) for n, i in catalog.impls["moe_forward"].items() if "+" in n}
    assert compiled == {name: "cpp" in name.split("+") for name in compiled}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"doubled": ("times_two",)}, "parts=doubled; the op's are doubled, summed"),
        ({"summed": ("sum",), "doubled": ("times_two",)}, "the op's are doubled, summed"),
        (
            {"doubled": ("times_too",), "summed": ("sum",)},
            "there is no contender 'times_too' of doubled .did you mean 'times_two'",
        ),
    ],
)
def test_parts_that_do_not_fit_are_named(parts, message):
    with pytest.raises(DeclarationError, match=message):
        with_chain(opbench.chain("double_sum", parts)(function()))


def test_an_op_without_parts_has_no_composed_contender():
    with pytest.raises(DeclarationError, match="parts=doubled; the op's are none"):
        with_chain(opbench.chain("summed", {"doubled": ("times_two",)})(function()))


def test_a_part_that_asks_for_its_own_arguments_is_refused():
    small = opbench.supported("takes few")(lambda x: x.numel() < 10)
    part = opbench.impl("doubled", name="small", supports=small)(lambda x: x + x)
    own = opbench.chain("double_sum", {"doubled": ("small",), "summed": ("sum",)})(function())
    with pytest.raises(DeclarationError, match="small of doubled refuses some calls by x"):
        with_chain(part, own)


def test_the_function_takes_its_parts_first():
    def lacking(first, x, *, turned=False):
        return first(x)

    parts = {"doubled": ("times_two",), "summed": ("sum",)}
    with pytest.raises(DeclarationError, match="the op gives it"):
        with_chain(opbench.chain("double_sum", parts)(lacking))


@pytest.mark.parametrize("parts", [{}, {"doubled": ()}, {"doubled": "times_two"}, "doubled"])
def test_parts_that_are_none_are_refused_when_they_are_declared(parts):
    with pytest.raises(DeclarationError, match=r"parts is .* it has to be a mapping of ops"):
        opbench.chain("double_sum", parts)


def test_an_op_of_parts_that_are_not_there_is_refused(theirs):
    module = types.ModuleType("alone")
    module.double_sum = theirs.op("double_sum")
    with pytest.raises(DeclarationError, match="'double_sum': parts: there is no op 'doubled'"):
        opbench.load(module, entry_points=False)


def test_the_shape_of_a_part_asks_for_axes(theirs):
    op = theirs.op("double_sum")
    with pytest.raises(DeclarationError, match=r"parts.'doubled'. asks for 'K'"):
        type(op)(
            name="other",
            oracle=op.oracle,
            axes=op.axes,
            inputs=op.inputs,
            quick=op.quick,
            cost=op.cost,
            parts={"doubled": lambda K: {"N": K}},
        )


def test_a_failure_is_reproduced_by_a_program(tmp_path):
    command = (sys.executable, "-m", "opbench", "check", "double_sum", "--load", str(FILE))
    chosen = ("--impl", "wrong_tripled+sum", "--jobs", "1", "-k", "small", "--reproduce")
    shown = subprocess.run((*command, *chosen), capture_output=True, text=True, cwd=tmp_path)
    program = "# wrong_tripled+sum" + shown.stdout.partition("# wrong_tripled+sum")[2]
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        (sys.executable, "program.py"), capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stderr.strip().splitlines()[-1].startswith("AssertionError: output 0: off by more")
