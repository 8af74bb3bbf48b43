"""`opbench choose` as a user types it, on a recorded run of a stranger's op."""

import dataclasses
import itertools
import json

import pytest
import torch

import opbench
from opbench.harness.cli.app import main
from opbench.harness.machine.environment import describe
from opbench.harness.preparation.resolve import fingerprint
from opbench.results.records import Case, Unsupported, run_folder
from tests.harness.runs import MINE
from tests.places import LOADED
from tests.results.examples import info, measured, record

SPEEDS = {"summed": (2e-5, 2e-10), "without_gradient": (2e-6, 1e-9)}


@pytest.fixture(scope="module")
def strangers():
    return opbench.load(LOADED / "row_sum.py", entry_points=False)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, strangers):
    """A run of twelve shapes, as this machine would have recorded it."""
    here = describe()
    impls = strangers.impls["row_sum"]
    records = []
    for rows, columns in itertools.product((4, 16, 64, 256), (16, 128, 1024)):
        on = Case(
            op="row_sum",
            shape=f"N{rows}_M{columns}",
            axes=(("N", rows), ("M", columns)),
            inputs="normal",
        )
        for name, (fixed, each) in SPEEDS.items():
            time = measured(fixed + each * rows * columns, noise=0.002, seed=len(name))
            prints = {"fingerprint": fingerprint(impls[name]), "environment_key": here.key}
            records.append(record(name, time, on, **prints))
        known = fingerprint(impls["elsewhere"])
        records.append(record("elsewhere", Unsupported("needs a module"), on, fingerprint=known))
        records.append(record("gone", measured(1e-7), on))
    root = tmp_path_factory.mktemp("runs")
    made = run_folder.create(root, dataclasses.replace(info("races"), environment=here))
    made.append(*records)
    return made


def test_it_prints_regions_regret_and_what_is_left_out(folder, capsys):
    assert main(["choose", "row_sum", str(folder.path), *MINE]) == 0
    out = capsys.readouterr().out
    assert "row_sum · normal float32 forward t1 · 12 shapes" in out
    assert "without_gradient" in out.split("over the best, held out")[0]
    assert "always the best single one" in out
    assert "outside of N=4..256, M=16..1024 nothing was measured" in out
    assert "left out: gone: is not there any more" in out
    assert "left out: elsewhere: unsupported: needs a module" in out


def test_one_shape_is_answered_in_a_sentence(folder, capsys):
    shapes = ["--shape", "N=4,M=16", "--shape", "small,N=5", "--shape", "N=9999,M=1"]
    assert main(["choose", str(folder.path), *MINE, *shapes]) == 0
    lines = " ".join(capsys.readouterr().out.split())
    assert "N=4,M=16: without_gradient, which took 2." in lines
    assert "small,N=5: without_gradient; on shapes that were left out" in lines
    assert "opbench run row_sum --shape small,N=5" in lines
    assert "as this is outside of what was measured (N=4..256, M=16..1024)" in lines
    assert main(["choose", str(folder.path), *MINE, "--shape", "N=4"]) == 2
    assert "row_sum lacks M" in capsys.readouterr().err


def test_a_table_is_written_that_dispatch_takes(folder, capsys, tmp_path, strangers):
    file = tmp_path / "table.json"
    assert main(["choose", str(folder.path), *MINE, "-o", str(file)]) == 0
    assert f'opbench.dispatch("row_sum", "{file}")' in capsys.readouterr().out
    total = opbench.dispatch("row_sum", file, catalog=strangers)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert total.which(torch.ones(4, 16)) == "without_gradient"
        assert total.which(torch.ones(256, 1024)) == "summed"
        assert torch.equal(total(torch.ones(4, 16)), torch.full((4,), 16.0))
    finally:
        torch.set_num_threads(threads)


def test_a_module_is_written_that_needs_no_opbench(folder, capsys, tmp_path):
    file = tmp_path / "chosen.py"
    words = ["choose", str(folder.path), *MINE, "--emit", "python"]
    assert main([*words, "-o", str(file)]) == 0
    assert "use: from chosen import row_sum" in capsys.readouterr().out
    made = {}
    exec(file.read_text(), made)
    assert torch.equal(made["row_sum"](torch.ones(4, 16)), torch.full((4,), 16.0))
    assert main(words) == 2
    assert "give -o with a file" in capsys.readouterr().err


def test_json_has_what_a_table_has(folder, capsys):
    assert main(["choose", str(folder.path), *MINE, "--json", "--prefer", "summed"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["op"], found["axes"]) == ("row_sum", {"N": "x.shape[0]", "M": "x.shape[1]"})
    assert found["sections"][0]["regret"]["chosen"]["shapes"] == 12


def test_weights_are_read(folder, capsys, tmp_path):
    file = tmp_path / "shapes.jsonl"
    file.write_text('{"op": "row_sum", "axes": {"N": 4, "M": 16}, "count": 1000}\n')
    assert main(["choose", str(folder.path), *MINE, "--weights", str(file)]) == 0
    assert "always the best single one (without_gradient)" in capsys.readouterr().out
    file.write_text("nothing\n")
    assert main(["choose", str(folder.path), *MINE, "--weights", str(file)]) == 2
    assert "shapes.jsonl:1: not a shape with its count" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["softmax"], 2, "there is no op in"),
        (["runs/none"], 2, "runs/none is not a run: it has no run.json"),
        (["--accept", "nomral"], 2, "did you mean 'normal'"),
        (["--prefer", "sumed"], 2, "did you mean 'summed'"),
        (["-k", "zzz"], 2, "matches -k 'zzz'"),
        (["--pass", "backward"], 6, "no race of what is selected"),
        (["--max-memory", "2M"], 6, "takes up to 3.50 MB (--max-memory 2.10 MB)"),
    ],
)
def test_what_is_refused(folder, capsys, arguments, code, reason):
    assert main(["choose", *arguments, str(folder.path), *MINE]) == code
    assert reason in capsys.readouterr().err


def test_without_a_run_it_says_how_to_make_one(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["choose"]) == 2
    assert "make one with `opbench run`" in capsys.readouterr().err


def test_a_shape_is_answered_for_in_the_situation_that_it_is_of(tmp_path, capsys, catalog):
    op, here = catalog.op("patch_merging"), describe()
    records = []
    for name, order in (("tiny", "row"), ("swin_56", "swin")):
        axes = tuple(op.quick[name].items())
        assert ("order", order) in axes
        on = Case(op=op.name, shape=name, axes=axes, inputs="normal", board="materialise")
        first, contender = next(iter(catalog.impls[op.name].items()))
        records.append(record(first, measured(1e-6), on, fingerprint=fingerprint(contender)))
    head = dataclasses.replace(info("orders"), environment=here)
    made = run_folder.create(tmp_path, head)
    made.append(*records)
    assert main(["choose", str(made.path), "--shape", "tiny"]) == 0
    out = capsys.readouterr().out
    assert "order=row: tiny:" in " ".join(out.split())
    assert "order=swin" not in out
    assert main(["choose", str(made.path), "--shape", "tiny,order=column"]) == 6
    assert "nothing like it was raced" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["run.json", "records.jsonl", "new.json"])
def test_a_table_is_no_file_of_a_run(folder, capsys, name):
    before = {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}
    assert main(["choose", str(folder.path), *MINE, "-o", str(folder.path / name)]) == 2
    assert "whose files are left as they are; name another file" in capsys.readouterr().err
    now = {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}
    assert now == before


def test_a_table_that_cannot_be_written_is_one_line(folder, capsys, tmp_path):
    file = tmp_path / "missing" / "table.json"
    assert main(["choose", str(folder.path), *MINE, "-o", str(file)]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_recorded_shapes_are_weights_and_shapes_to_race_and_to_answer_for(
    folder, capsys, tmp_path, strangers
):
    file = tmp_path / "shapes.jsonl"
    with opbench.record_shapes(file, catalog=strangers):
        for rows, times in ((4, 2), (20, 3)):
            for _ in range(times):
                strangers.call("row_sum", torch.ones(rows, 16), impl="summed")
    assert main(["choose", str(folder.path), *MINE, "--weights", str(file)]) == 0
    assert "row_sum" in capsys.readouterr().out
    assert main(["choose", str(folder.path), *MINE, "--shapes", str(file)]) == 0
    answers = capsys.readouterr().out.splitlines()
    assert ["N=20,M=16" in answers[0], "N=4,M=16" in answers[-1]] == [True, True]
    words = ["row_sum", *MINE, "--shapes", str(file)]
    assert main(["list", "cases", *words, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [case["axes"] for case in listed] == ["N=20 M=16", "N=4 M=16"]
    brief = ["--threads", "1", "--budget", "50ms", "--in-process", "--impl", "summed", "-q"]
    where = ["--out", str(tmp_path), "--id", "mine"]
    assert main(["run", *words, *brief, *where]) == 0
    first = capsys.readouterr().out
    assert [line.split()[1] for line in first.splitlines()] == ["N20_M16", "N4_M16"]
    file.unlink()
    assert main(["run", "--resume", str(tmp_path / "mine"), "-q"]) == 0
    assert capsys.readouterr().out == first


def test_shapes_of_other_ops_are_refused(folder, capsys, tmp_path):
    file = tmp_path / "shapes.jsonl"
    file.write_text('{"op": "conv2d", "axes": {"N": 4}}\n')
    for words in (["choose", str(folder.path)], ["run", "row_sum"], ["list", "cases", "row_sum"]):
        assert main([*words, *MINE, "--shapes", str(file)]) == 2
        assert "--shapes: there is no shape of row_sum in the file" in capsys.readouterr().err
