"""The check catches every known-wrong contender, and verifies caveats both ways."""

import importlib
import subprocess
import sys

import pytest
import torch

import opbench
from opbench.harness.correctness import checks
from opbench.harness.correctness.reference import build_reference
from opbench.harness.execution.observer import NullObserver
from opbench.harness.execution.process import WorkerError
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.pipeline.check import check
from opbench.harness.planning.cases import plan_checks
from opbench.harness.planning.selection import Selection
from opbench.results.records import Right, Unsupported, Wrong
from tests.harness.runs import LOADED, new_run
from tests.harness.test_catalog import module

#: What each known-wrong contender of tests/loaded is caught at.
STAGES = {
    "first_token": "value",
    "zeros": "value",
    "all_fill": "value",
    "off_by_one": "value",
    "sum_not_mean": "value",
    "other_dtype": "dtype",
    "other_shape": "shape",
    "changes_input": "inputs",
    "cached_by_identity": "value",
    "cached_by_content": "cache",
    "cached_and_shared": "cache",
    "neighbours_nan": "value",
    "no_gradient": "gradient",
    "gradient_of_sum": "gradient",
    "half_accumulator": "value",
    "returns_a_list": "shape",
    "aliases_its_input": "aliasing",
    "false_modesty": "caveat",
}


@pytest.fixture(scope="module")
def wrong_catalog():
    return opbench.load(LOADED / "wrong_patch_pooling.py")


@pytest.fixture(scope="module")
def report(wrong_catalog):
    selection = Selection(
        names=("patch_pooling",),
        impls=tuple(STAGES),
        dtypes=("float32",),
        threads=1,
        # The smallest of the shapes that are timed will do.
        expression="not wide and not blt and not per_token and not border",
    )
    return check(wrong_catalog, plan_checks(wrong_catalog, selection))


def test_every_known_wrong_contender_has_an_expected_stage(wrong_catalog):
    planted = {
        name
        for name, contender in wrong_catalog.impls["patch_pooling"].items()
        if contender.function.__module__.startswith("wrong_patch_pooling")
    }
    assert set(STAGES) == planted


@pytest.mark.parametrize("name", STAGES)
def test_known_wrong_contender_fails_at_the_expected_stage(report, name):
    verdicts = [c.verdict for c in report.checked if c.contender == name]
    stages = {verdict.stage for verdict in verdicts if isinstance(verdict, Wrong)}
    assert STAGES[name] in stages


#: Who is right on what is timed: on finite values, and some of them as far as no gradient is asked.
RIGHT_ON_NORMAL = {"false_modesty", "neighbours_nan"}
RIGHT_FORWARD = {"no_gradient", "gradient_of_sum"}
TIMED = [("forward", name) for name in sorted(set(STAGES) - RIGHT_ON_NORMAL - RIGHT_FORWARD)]
TIMED += [("backward", name) for name in sorted(set(STAGES) - RIGHT_ON_NORMAL)]


@pytest.mark.parametrize(("direction", "name"), TIMED)
def test_known_wrong_contender_is_not_timed(wrong_catalog, tmp_path, direction, name):
    selection = Selection(
        names=("patch_pooling",),
        impls=(name,),
        directions=(direction,),
        expression="tiny",
        inputs=("normal",),
        threads=1,
    )
    records = opbench.run(wrong_catalog, opbench.plan(wrong_catalog, selection), new_run(tmp_path))
    assert [type(r.outcome) for r in records] == [Wrong]


def test_expected_failure_that_shows_is_admitted(catalog):
    selection = Selection(
        names=("patch_pooling",),
        impls=("einsum",),
        dtypes=("float32",),
        inputs=("nonfinite",),
        expression="odd",
    )
    (checked,) = check(catalog, plan_checks(catalog, selection)).checked
    assert isinstance(checked.verdict, Wrong)
    assert "leak" in checked.admitted


def test_contender_is_not_timed_where_it_is_expected_to_fail(catalog, tmp_path):
    selection = Selection(
        names=("patch_pooling",),
        impls=("einsum", "index_add"),
        inputs=("nonfinite",),
        expression="tiny",
    )
    records = opbench.run(catalog, opbench.plan(catalog, selection), new_run(tmp_path))
    outcomes = {record.contender: record.outcome for record in records}
    assert isinstance(outcomes["einsum"], Unsupported)
    assert "admits" in outcomes["einsum"].reason


def test_differences_of_pairs_are_multiples_of_the_tolerance(catalog):
    selection = Selection(
        names=("patch_pooling",),
        impls=("index_add", "scatter_add", "loop"),
        dtypes=("float32",),
        inputs=("normal",),
        expression="odd and not sliced and not transposed",
    )
    report = check(catalog, plan_checks(catalog, selection))
    assert all(isinstance(item.verdict, Right) for item in report.checked)
    names = {frozenset((pair.one, pair.other)) for pair in report.pairs}
    assert len(names) == 3
    assert all(0 <= pair.units < 1 for pair in report.pairs)


def test_compiling_for_new_shapes_is_not_taken_for_caching(catalog):
    """The groups that boundaries make follow from their values, and so do shapes."""
    shapes = set()

    def compiles_anew(boundaries, *rest, **options):
        """As torch.compile with static shapes: the first call of each kind does more."""
        kind = int(boundaries.sum()) % 2
        if kind not in shapes:
            shapes.add(kind)
            torch.compile(lambda x: x + 1, backend="eager")(torch.ones(len(shapes)))
        return contender.function(boundaries, *rest, **options)

    contender = catalog.impl("boundary_downsample", "index_add")
    selection = Selection(names=("boundary_downsample",), expression="tiny", impls=("index_add",))
    (race,) = opbench.plan(catalog, selection)
    reference = build_reference(catalog.op("boundary_downsample"), race.case, gradients=False)
    assert isinstance(checks.check(reference, compiles_anew), Right)


def test_the_compiler_does_not_give_up_after_a_few_shapes():
    """Else it gives up after a few shapes, and what is checked is no longer what it compiled."""
    seen = []

    def prepare(function):
        importlib.import_module("torch._dynamo")  # as compiling does
        return function

    def notes(x, *, scale=1.0):
        seen.append(torch._dynamo.config.recompile_limit)
        return scale * x.sum(1)

    strangers = opbench.load(LOADED / "row_sum.py", entry_points=False)
    opbench.impl("row_sum", prepare=prepare)(notes)
    mine = module("mine", notes=notes, op=strangers.ops["row_sum"])
    catalog = opbench.load(mine, entry_points=False)
    report = check(catalog, plan_checks(catalog, Selection(threads=1)))
    assert {type(item.verdict) for item in report.checked} == {Right}
    assert set(seen) == {256}


def test_the_compiler_is_not_imported_without_compiled_contenders():
    """It takes as long to import as torch itself."""
    program = (
        "import sys, opbench\ncatalog = opbench.load()\n"
        "names = {'names': ('patch_pooling',), 'expression': 'odd', 'impls': ('index_add',)}\n"
        "selection = opbench.Selection(**names)\n"
        "assert opbench.check(catalog, opbench.plan_checks(catalog, selection)).checked\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_parallel_checks_give_the_verdicts_of_serial_ones(wrong_catalog, report):
    chosen = Selection(
        names=("patch_pooling",),
        impls=("first_token", "changes_input", "no_gradient"),
        expression="odd or only",
        dtypes=("float32", "float64"),
        threads=1,
    )
    races = plan_checks(wrong_catalog, chosen)
    modules = (str(LOADED / "wrong_patch_pooling.py"),)
    with Supervisor(modules) as one, Supervisor(modules) as other:
        found = check(wrong_catalog, races, supervisors=[one, other])
    alone = check(wrong_catalog, races)
    assert {(c.contender, c.case.key, c.verdict) for c in found.checked} == {
        (c.contender, c.case.key, c.verdict) for c in alone.checked
    }


def test_interrupted_parallel_checks_end(wrong_catalog):
    races = plan_checks(wrong_catalog, Selection(names=("patch_pooling",), impls=("first_token",)))

    class Impatient(NullObserver):
        def begin_case(self, race):
            raise KeyboardInterrupt

    supervisor = Supervisor((str(LOADED / "wrong_patch_pooling.py"),))
    with pytest.raises(KeyboardInterrupt), supervisor:
        check(wrong_catalog, races, supervisors=[supervisor], observer=Impatient())
    with pytest.raises(WorkerError, match="broken off"):
        supervisor.environment()


def test_contender_without_gradient_is_checked_on_its_values():
    catalog = opbench.load(LOADED / "row_sum.py", entry_points=False)
    selection = Selection(impls=("without_gradient",), expression="not border")
    found = check(catalog, plan_checks(catalog, selection))
    verdicts = {type(item.verdict) for item in found.checked if item.case.inputs == "normal"}
    assert verdicts == {Right}
