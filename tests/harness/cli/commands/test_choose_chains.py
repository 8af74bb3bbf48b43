"""`opbench choose` of a stranger's chain, on recorded runs of it and of its parts."""

import dataclasses
import json
import runpy
import shutil

import pytest
import torch

import opbench
from opbench.harness.choosing.chains import part_shape
from opbench.harness.cli.app import main
from opbench.harness.machine.environment import describe
from opbench.harness.preparation.resolve import fingerprint
from opbench.results.errors import OpFaultError
from opbench.results.records import Case, run_folder
from tests.places import LOADED
from tests.results.examples import info, measured, record

FILE = LOADED / "chained.py"
THEIRS = ["--load", str(FILE)]
#: Seconds of a call, by op and contender: alone the tripled one and `sum` win.
SPEEDS = {
    "double_sum": {
        "times_two+sum": 3e-5,
        "times_two+wrong_rows_alone": 3.5e-5,
        "wrong_tripled+sum": 4e-5,
        "wrong_tripled+wrong_rows_alone": 3.2e-5,
        "fused": 2e-5,
    },
    "doubled": {"times_two": 2e-5, "wrong_tripled": 1e-5},
    "summed": {"sum": 1e-5, "wrong_rows_alone": 2e-5},
}


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="module")
def theirs():
    return opbench.load(FILE, entry_points=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, theirs):
    """By op, a run of it, as this machine would have recorded it."""
    root, here = tmp_path_factory.mktemp("runs"), describe()
    return {op: str(run_of(root, op, here, theirs).path) for op in SPEEDS}


def run_of(root, op, here, theirs, speeds=None):
    made = run_folder.create(root, dataclasses.replace(info(op), environment=here))
    axes = (("N", 8), ("M", 4))
    threads = torch.get_num_threads()
    on = Case(op=op, shape="small", axes=axes, inputs="normal", threads=threads)
    for name, time in (speeds or SPEEDS[op]).items():
        prints = {
            "fingerprint": fingerprint(theirs.impl(op, name)),
            "environment_key": here.key,
            "compiled": False,
        }
        made.append(record(name, measured(time, noise=0.001, seed=len(name)), on, **prints))
    return made


def test_a_chain_is_compared_with_its_parts(runs, capsys):
    assert main(["choose", "chains", *runs.values(), *THEIRS]) == 0
    out = capsys.readouterr().out
    assert " · whole, and by its parts" in out
    row = next(line for line in out.splitlines() if line.startswith("small"))
    cells = row.split()
    assert cells[:4] == ["small", "fused", "times_two+sum", "1.50x"]
    assert cells[6:8] == ["wrong_tripled+sum", "2.00x"]
    assert "who wins alone was shown to lose in company on 1 of 1 shape: small" in out
    # The suite is of chains: its parts weren't asked for.
    assert "doubled · normal" not in out


def test_what_was_not_raced_alone_is_asked_for(runs, capsys):
    assert main(["choose", "double_sum", runs["double_sum"], runs["summed"], *THEIRS]) == 0
    out = capsys.readouterr().out
    assert "doubled wasn't raced alone on what it gets here" in out
    assert "opbench run doubled --shape N=8,M=4" in out
    assert "summed wasn't raced" not in out
    assert "lose in company" not in out


def test_a_contender_that_is_declared_no_more_takes_no_part(runs, tmp_path, capsys):
    run = shutil.copytree(runs["double_sum"], tmp_path / "double_sum")
    lines = (run / "records.jsonl").read_text()
    (run / "records.jsonl").write_text(lines.replace('"fused"', '"gone"'))
    assert '"gone"' in (run / "records.jsonl").read_text()
    assert main(["choose", "double_sum", str(run), *THEIRS]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("small"))
    assert row.split()[:4] == ["small", "times_two+sum", "times_two+sum", "1.00x"]


def test_as_json(runs, capsys):
    assert main(["choose", *runs.values(), *THEIRS, "--json"]) == 0
    found = {item["op"]: item["chain"] for item in json.loads(capsys.readouterr().out)}
    assert found["doubled"] == [[]]
    ((company,),) = found["double_sum"]
    assert company["shape"] == "small"
    assert company["picked"] == "wrong_tripled+sum"
    assert company["loses"] is True


@pytest.fixture(scope="module")
def composed(tmp_path_factory, theirs):
    """A run in which a composed contender has no rival."""
    root, speeds = tmp_path_factory.mktemp("composed"), {"times_two+sum": 3e-5}
    return str(run_of(root, "double_sum", describe(), theirs, speeds).path)


def test_what_is_composed_is_dispatched(composed, tmp_path, theirs):
    table = str(tmp_path / "table.json")
    assert main(["choose", "double_sum", composed, *THEIRS, "-o", table]) == 0
    run = opbench.dispatch("double_sum", table, catalog=theirs)
    assert run(torch.ones(8, 4)).tolist() == [8.0] * 8
    assert run.which(torch.ones(8, 4)) == "times_two+sum"


def test_what_is_composed_is_written_down_with_its_parts(composed, tmp_path):
    module = tmp_path / "chosen.py"
    command = ["choose", "double_sum", composed, *THEIRS, "--emit", "python"]
    assert main([*command, "-o", str(module)]) == 0
    text = module.read_text()
    assert "functools.partial(doubled_then_summed, times_two, by_sum)" in text
    assert "opbench" not in text.partition("import")[2]
    names = runpy.run_path(str(module))
    assert names["double_sum"](torch.ones(8, 4), turned=True).tolist() == [16.0] * 4


def test_a_suite_that_no_run_has_is_named(runs, capsys):
    assert main(["choose", "chains", runs["summed"], *THEIRS]) == 2
    assert "named 'chains'" in capsys.readouterr().err


def test_a_part_with_other_axes_is_the_fault_of_the_chain(theirs):
    op = dataclasses.replace(
        theirs.op("double_sum"),
        parts={"doubled": lambda N: {"N": N}, "summed": lambda N, M: 1 // 0},
    )
    with pytest.raises(OpFaultError, match="returned the axes N; doubled has N, M"):
        part_shape(op, theirs.op("doubled"), {"N": 8, "M": 4})
    with pytest.raises(OpFaultError, match="raised ZeroDivisionError"):
        part_shape(op, theirs.op("summed"), {"N": 8, "M": 4})
