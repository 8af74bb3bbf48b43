"""The worked example of docs/training.md, walked with few steps and contenders."""

import json
import re
import runpy
import subprocess
import sys
from itertools import islice

import pytest
import torch

from benchmarks import training
from opbench.results.choosing.table_file import read_table
from tests.places import ROOT

TEXT, STEPS, LENGTH = ROOT / "docs" / "choosing.md", 6, 128
#: By op, contenders that need no compiler; those that the model runs first aren't among them.
CONTENDERS = {
    "patch_pooling": "segment_reduce,embedding_bag",
    "boundary_downsample": "index_add,segment_reduce",
    "boundary_upsample": "index_select,repeat_interleave",
}
PROGRAM = [sys.executable, "-W", "error", str(training.EXAMPLE), str(TEXT)]
PROGRAM += ["--steps", str(STEPS), "--length", str(LENGTH)]


def ran(folder, *words):
    """What a command printed, in a folder."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def opbench(folder, *words):
    return ran(folder, sys.executable, "-m", "opbench", *words)


@pytest.fixture(scope="module")
def model():
    return runpy.run_path(str(training.EXAMPLE))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder with the shapes that training calls, and what the program printed."""
    folder = tmp_path_factory.mktemp("walk")
    return folder, opbench(folder, "record-shapes", "-o", "shapes.jsonl", "--", *PROGRAM)


@pytest.fixture(scope="module")
def tables(recorded):
    folder = recorded[0] / "tables"
    folder.mkdir()
    for op, names in CONTENDERS.items():
        words = ["tune", op, "--shapes", "shapes.jsonl", "--pass", "both", "--threads", "1"]
        words += ["--impl", names, "--budget", "20ms", "--until-regret", "100", "-q"]
        words += ["--in-process", "--id", op, "-o", f"tables/{op}.json"]
        opbench(recorded[0], *words)
    return folder


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_recorded_shapes_are_those_of_the_ops_that_the_model_calls(recorded):
    lines = map(json.loads, (recorded[0] / "shapes.jsonl").read_text().splitlines())
    counts = {}
    for line in lines:
        assert line["requires_grad"]
        counts[line["op"]] = counts.get(line["op"], 0) + line["count"]
    assert counts == {
        "patch_pooling": STEPS,
        "boundary_downsample": STEPS,
        "boundary_upsample": 2 * STEPS,
        "batched_cross_entropy_loss": STEPS,
    }


def test_by_the_tables_it_trains_the_same(recorded, tables, model):
    # Warnings are errors: no call is outside of what was measured.
    by_tables = ran(recorded[0], *PROGRAM, "--tables", str(tables))
    before, after = (float(re.search(r"step 6: (\S+)", t)[1]) for t in (recorded[1], by_tables))
    assert after == pytest.approx(before, rel=1e-4)
    chosen = {op: set(read_table(tables / f"{op}.json").contenders) for op in CONTENDERS}
    assert all(names <= set(CONTENDERS[op].split(",")) for op, names in chosen.items())


def test_the_loss_falls(model):
    steps = model["steps"](model["FIRST"], TEXT.read_bytes(), batch=2, length=256)
    losses = list(islice(steps, 50))
    assert losses[0] > 8  # bits: as one who knows nothing of bytes
    assert sum(losses[-10:]) / 10 < 0.7 * losses[0]


def test_no_byte_sees_what_comes_after_it(model):
    torch.manual_seed(0)
    byte_model = model["ByteModel"](model["FIRST"])
    x = torch.tensor([list(b"One word, two words. Then others, and more of them.")])
    y = torch.tensor([list(b"One word, two words. Then others: x.y z (of what?).")])
    same = int((x == y).long().cumprod(1).sum())
    found, other = byte_model(x), byte_model(y)
    torch.testing.assert_close(found[:, :same], other[:, :same])
    assert not torch.allclose(found[:, same:], other[:, same:])


def test_the_ways_are_compared_step_by_step(tables, model, capsys):
    ways = training.ways(model["FIRST"], tables)
    text = TEXT.read_bytes()
    running = {name: model["steps"](ops, text, length=LENGTH) for name, ops in ways.items()}
    times, apart = training.trained(running, rounds=2, steps=2)
    assert {name: list(of) for name, of in times.items()} == {name: [1, 2] for name in ways}
    assert 0 < apart < 1e-3
    training.show(times, apart)
    assert "as first written" in capsys.readouterr().out
