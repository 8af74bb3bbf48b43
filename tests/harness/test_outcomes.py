"""Whose fault it is: a contender's is an outcome, an op's is reported once, of the op."""

import json
import subprocess

import pytest

import opbench
from opbench.harness.outcomes import catch, one_line
from opbench.results.errors import OpFaultError, UnsupportedError
from opbench.results.records import Failed, Unsupported
from tests.harness.projects import COMMAND, SHORT, gate, repository

OPS = """\
import torch
from opbench import Cost, Op, impl


def declare(**changes):
    fields = dict(
        name="times",
        oracle=lambda x, weight, *, by=1: x * weight * by,
        axes={"N": "elements"},
        inputs={"normal": lambda N, rng: {name: torch.ones(N) for name in ("x", "weight")}},
        quick={"small": {"N": 8}, "large": {"N": 16}},
        dtypes=("float32", "float64"),
        cost=lambda N, e: Cost(N, 3 * N * e),
        grad=("x",),
    )
    return Op(**{**fields, **changes})


times = declare(FAULT)


@impl("times")
def one(x, w):
    return x * w


@impl("times")
def other(x, w):
    return w * x
"""

#: What is wrong with the op, and what is reported of it.
FAULTS = {
    "inputs={'normal': lambda N: {'x': torch.ones(N), 'wieght': 1}}": (
        "inputs['normal'] returned x, wieght; the arguments are x, weight and the options by"
    ),
    "inputs={'normal': lambda N: {'x': 1, 'weight': 1, 'bi': 3}}": (
        "inputs['normal'] returned x, weight, bi; the arguments are"
    ),
    "inputs={'normal': lambda N: torch.rand(N, generator=rng)}": (
        "inputs['normal'] raised NameError: name 'rng' is not defined"
    ),
    "inputs={'normal': lambda N: torch.rand(N)}": "inputs['normal'] returned Tensor, not a mapping",
    "inputs={'normal': lambda N: exit(0)}": "inputs['normal'] raised SystemExit: 0",
    "oracle=lambda x, weight: x.foo": "oracle raised AttributeError: 'Tensor' object has no",
    "oracle=lambda x, weight: None": "oracle returned NoneType, not a tensor",
    "oracle=lambda x, weight: x.mul_(weight)": "oracle raised RuntimeError: a leaf Variable",
    "magnitude=lambda x, weight: foo": "magnitude raised NameError: name 'foo' is not defined",
    "magnitude=lambda x, weight: x.sum()": "magnitude returned the shapes [[]]; the oracle returns",
    "oracle=lambda x, weight: (x, weight), magnitude=lambda x, weight: x": (
        "magnitude returned the shapes [[8]]; the oracle returns [[8], [8]]"
    ),
    "canonical=lambda output: output.foo": "canonical raised AttributeError",
    "cost=lambda N: 3 * N": "cost returned 24; it has to be a Cost(flops=..., bytes=...)",
    "cost=lambda N: None": "cost returned None; it has to be a Cost",
    "cost=lambda N: Cost(float('nan'), 1)": "cost returned Cost(flops=nan, bytes=1); it has to be",
    "cost=lambda N: 1 / 0": "cost raised ZeroDivisionError",
    "cost=lambda N: Cost('8', 1)": "cost returned Cost(flops='8', bytes=1); it has to be",
    "cost=lambda N: Cost(10**400, 1)": "cost returned Cost(flops=1000",
    "validate=lambda x: x.dim() == 1": (
        "validate, of its own inputs['normal'], returned True; it has to raise a ValueError"
    ),
    "validate=lambda x: foo": "validate, of its own inputs['normal'], raised NameError",
    "boards=('consume',), consumer=lambda output: foo": "oracle raised NameError",
}


def project(folder, fault):
    (folder / "ops.py").write_text(OPS.replace("FAULT", fault))


def command_in(folder, *words):
    command = (*COMMAND, *words, "--load", "./ops.py")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(("fault", "reported"), FAULTS.items(), ids=FAULTS)
def test_fault_of_an_op_is_reported_once_with_its_line(tmp_path, monkeypatch, fault, reported):
    monkeypatch.chdir(tmp_path)
    project(tmp_path, fault)
    catalog = opbench.load("./ops.py", entry_points=False)
    selection = opbench.Selection(threads=1, expression="not border")
    report = opbench.check(catalog, opbench.plan_checks(catalog, selection))
    (text,) = report.faults
    assert text.startswith(f"op times (./ops.py:19): {reported}")
    assert "(on small normal float32" in text
    # Nobody is judged; what has no rows can't be laid out in each way.
    assert {type(item.verdict) for item in report.checked} <= {Unsupported}
    assert all(item.verdict.reason.startswith("layout ") for item in report.checked)


def test_check_with_a_fault_of_an_op_ends_with_code_2(tmp_path):
    project(tmp_path, "validate=lambda x: foo")
    done = command_in(tmp_path, "check", "times", "--jobs", "2", "--quiet")
    assert done.returncode == 2, done.stdout
    assert done.stderr.count("\n") == 1
    reported = "op times (./ops.py:19): validate, of its own inputs['normal'], raised NameError"
    assert done.stderr.startswith(f"opbench check: {reported}")
    assert "FAILED" not in done.stdout


def test_inputs_without_a_generator_parameter_are_seeded_too(tmp_path):
    project(tmp_path, "inputs={'normal': lambda N: {'x': torch.randn(N), 'weight': torch.ones(N)}}")
    code = (
        "import opbench, torch; from opbench.harness.preparation.inputs import build\n"
        "catalog = opbench.load('ops.py', entry_points=False); torch.rand(3)\n"
        "(race, *_) = opbench.plan(catalog, opbench.Selection(names=('times',)))\n"
        "print(build(catalog.op('times'), race.case).args[0].tolist())"
    )
    python = (COMMAND[0], "-c", code)
    done = [subprocess.run(python, cwd=tmp_path, capture_output=True, text=True) for _ in range(2)]
    assert done[0].stdout == done[1].stdout != ""


@pytest.mark.parametrize("words", ["run --budget 0.1", "run --budget 0.1 --in-process", "profile"])
def test_other_ops_are_raced_after_a_fault_of_one(tmp_path, words):
    project(tmp_path, "oracle=lambda x, weight: foo")
    verb, *rest = words.split()
    wanted = ("times", "patch_pooling", "-k", "times or tiny", "--impl", "one,other,index_add")
    done = command_in(tmp_path, verb, *wanted, *rest, "--threads", "1", "--id", "r")
    assert done.returncode == 2
    first, last = done.stderr.splitlines()[-2:]
    assert first.startswith(f"opbench {verb}: op times (./ops.py:19): oracle raised NameError")
    assert first.endswith("(on small normal float32 forward: N=8, and on 1 more)")
    assert last == "what was done of the rest is in runs/r"
    lines = (tmp_path / "runs/r/records.jsonl").read_text().splitlines()
    assert any("index_add" in line for line in lines)
    assert not any(json.loads(line).get("contender") == "one" for line in lines)


def test_gate_reports_a_fault_of_an_op(tmp_path):
    root = repository(tmp_path / "project", {"ops.py": OPS.replace("FAULT", "")})
    (root / "ops.py").write_text(OPS.replace("FAULT", "oracle=lambda x, weight: foo"))
    done = gate(root, "--base", "main", "--load", "ops.py", "--threads", "1", *SHORT)
    assert done.code == 2, done.error
    assert "ops.py:19): oracle raised NameError: name 'foo' is not defined" in done.error
    assert "Traceback" not in done.error


def test_pytest_reports_a_fault_of_an_op(tmp_path):
    project(tmp_path, "oracle=lambda x, weight: foo")
    command = (COMMAND[0], "-m", "pytest", "-p", "no:cacheprovider", "--opbench", "ops.py")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "op times (./ops.py:19): oracle raised NameError: name 'foo' is not" in done.stdout
    assert "one of times" not in done.stdout


def test_catch_returns_results_and_outcomes_and_passes_faults_of_ops():
    def refuse():
        raise UnsupportedError("needs more")

    def fail():
        raise ValueError("first line:\n  second\nthird")

    def blame():
        raise OpFaultError("op x: oracle", "raised")

    assert catch("check", lambda: 3) == 3
    assert catch("check", refuse) == Unsupported("needs more")
    failed = catch("check", fail)
    assert isinstance(failed, Failed)
    assert failed.reason == "ValueError: first line: second"
    with pytest.raises(OpFaultError, match=r"^op x: oracle raised$"):
        catch("check", blame)


def test_exception_is_shown_in_one_line():
    assert one_line(ValueError("one\ntwo")) == "ValueError: one"
    assert one_line(ValueError("\n\n  one:\n\n  two\n")) == "ValueError: one: two"
    assert one_line(ValueError()) == "ValueError: no message"
    assert len(one_line(ValueError("x" * 999))) < 330
