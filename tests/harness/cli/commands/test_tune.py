"""`opbench tune` as a user types it, on a stranger's op and tiny shapes."""

import json
import os
import signal
import subprocess
import sys
from functools import partial

import pytest

from opbench.harness.cli.app import main
from opbench.results.choosing.table_file import read_table
from opbench.results.records.anchors import without_anchors
from opbench.results.records.run_folder import open_run
from tests.harness.processes import PATIENCE, gone, interruptible, within
from tests.harness.runs import MINE

#: Any regret is small enough, so that it takes the six shapes that span two axes.
FEW = ["--budget", "20ms", "--threads", "1", "--until-regret", "100"]
RANGE = ["--sweep", "N=2..64", "--sweep", "M=4..64"]
MORE = """
from opbench import impl


@impl("row_sum")
def mine(x, *, scale=1.0):
    return x.sum(dim=1) * scale  # {}
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def cases(folder):
    """The contenders that a run has of each of its shapes."""
    found = {}
    for record in without_anchors(open_run(folder).records()):
        found.setdefault(record.case.shape, set()).add(record.contender)
    return found


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A run that was tuned, and what the command printed."""
    root = tmp_path_factory.mktemp("tuned")
    words = ["tune", "row_sum", *MINE, *RANGE, *FEW, "--out", str(root), "--id", "one"]
    table = root / "table.json"
    done = subprocess.run(
        [sys.executable, "-m", "opbench", *words, "-o", str(table)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return root / "one", done, table


def test_it_says_what_it_raced_and_chooses(tuned):
    folder, done, table = tuned
    lines = [line for line in done.stderr.splitlines() if "to span the range" in line]
    assert len(lines) == len(cases(folder)) == 6
    assert lines[0].startswith("opbench tune: 1. N=")
    assert "expected between" in lines[-1]
    assert "row_sum · normal float32 forward t1 · 6 shapes" in done.stdout
    assert "a regret of 100 is reached" in done.stdout
    assert f"run: {folder}" in done.stdout
    assert read_table(table).op == "row_sum"


def test_its_run_is_one_like_any_other(tuned, capsys):
    folder, _, _ = tuned
    assert main(["show", str(folder)]) == 0
    assert main(["choose", str(folder), *MINE]) == 0
    assert "6 shapes" in capsys.readouterr().out


def test_a_new_contender_is_timed_with_the_best_alone(tuned, tmp_path, capsys):
    folder, _, _ = tuned
    more = tmp_path / "mine.py"
    more.write_text(MORE.format("as it was"))
    before = (folder / "records.jsonl").read_bytes()
    words = ["tune", "row_sum", str(folder), "--load", str(more), "--in-process"]
    words += ["--budget", "20ms", "--until-regret", "100", "--out", str(tmp_path)]
    assert main([*words, "--id", "two", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {item["why"] for item in document["rounds"]} == {"missing"}
    assert {"mine"} == {item["contenders"][-1] for item in document["rounds"]}
    found = cases(tmp_path / "two")
    assert set(found) == set(cases(folder))
    assert all("mine" in names and len(names) == 2 for names in found.values())
    assert (folder / "records.jsonl").read_bytes() == before
    times = document["choices"][0]["sections"][0]["measured"][0]["time_s_ratio_low_high"]
    assert {"mine", "summed", "loop"} <= set(times)
    # A source that changed is a new contender.
    more.write_text(MORE.format("as it is"))
    words[2:3] = [str(folder), str(tmp_path / "two")]
    assert main([*words, "--id", "three"]) == 0
    assert {len(names) for names in cases(tmp_path / "three").values()} == {2}
    assert main([*words[:3], str(tmp_path / "three"), *words[4:], "--id", "four"]) == 0
    assert "nothing to race; a regret of 100 is reached" in capsys.readouterr().out


def test_the_contenders_that_are_named_are_added(tuned, tmp_path, capsys):
    folder, _, _ = tuned
    more = tmp_path / "mine.py"
    more.write_text(MORE.format(""))
    words = ["tune", "row_sum", str(folder), "--load", str(more), "--impl", "mine"]
    words += ["--in-process", "--budget", "20ms", "--max-shapes", "6", "--out", str(tmp_path)]
    assert main([*words, "--id", "two", "--until-regret", "100"]) == 0
    assert all("mine" in names for names in cases(tmp_path / "two").values())
    assert main([*words, "--id", "three", "--impl", "mien"]) == 2
    assert "did you mean 'mine'" in capsys.readouterr().err


def test_a_killed_tune_goes_on(tuned, tmp_path):
    words = ["tune", "row_sum", *MINE, *RANGE, *FEW, "--out", str(tmp_path), "--id", "one"]
    command = [sys.executable, "-m", "opbench", *words, "--in-process"]
    folder, kills = tmp_path / "one", 0
    for number, lines in ((signal.SIGKILL, 12), (signal.SIGINT, 25)):
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TOKEN": str(tmp_path)},
            preexec_fn=interruptible,
        )
        recorded = partial(_has_lines, folder / "records.jsonl", lines)
        assert within(PATIENCE, lambda p=process, r=recorded: r() or p.poll() is not None)
        kills += process.poll() is None
        process.send_signal(number)
        _, error = process.communicate()
        if process.returncode == 130:
            assert f"`opbench tune --resume {folder}`" in error
        assert gone(str(tmp_path))
        command = [sys.executable, "-m", "opbench", "tune", "--resume", str(folder)]
        command.append("--in-process")
    assert kills
    subprocess.run(command, check=True, capture_output=True)
    run = open_run(folder)
    assert run.unfinished() == ()
    assert set(cases(folder)) == set(cases(tuned[0]))
    assert {"summed", "loop"} <= set.intersection(*cases(folder).values())


def _has_lines(path, number):
    return path.is_file() and path.read_text().count("\n") >= number


def test_where_the_regret_is_not_reached_that_is_inconclusive(tmp_path, capsys):
    words = ["tune", "row_sum", *MINE, "--like", "9", "--max-shapes", "1", "--in-process", "-q"]
    words += ["--budget", "20ms", "--threads", "1", "--out", str(tmp_path)]
    assert main([*words, "--id", "one"]) == 0
    assert main([*words, "--id", "two", "--until-regret", "1.02"]) == 3
    assert "isn't reached: more shapes with --resume, --max-shapes" in capsys.readouterr().out
    resume = ["tune", "--resume", str(tmp_path / "two"), "--in-process", "-q"]
    assert main([*resume, "--max-shapes", "1"]) == 0
    assert len(cases(tmp_path / "two")) == 2
    assert main([*resume, "--like", "10"]) == 2
    assert "goes on as it was begun: leave --like out" in capsys.readouterr().err


def test_shapes_that_are_served_are_raced(tmp_path, capsys):
    file = tmp_path / "shapes.jsonl"
    sizes = ((4, 16), (8, 16), (32, 8))
    lines = [{"op": "row_sum", "axes": {"N": n, "M": m}, "count": n} for n, m in sizes]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = ["tune", "row_sum", *MINE, "--shapes", str(file), "--in-process", "-q", *FEW]
    assert main([*words, "--out", str(tmp_path), "--id", "one"]) == 0
    assert set(cases(tmp_path / "one")) == {"N4_M16", "N8_M16", "N32_M8"}
    assert "recorded calls" not in capsys.readouterr().err
    trained = [{**line, "requires_grad": True, "dtype": "bfloat16"} for line in lines]
    file.write_text("".join(json.dumps(line) + "\n" for line in trained))
    assert main([*words, "--out", str(tmp_path), "--id", "two"]) == 0
    said = capsys.readouterr().err
    assert "warning: 44 of the recorded calls need gradients" in said
    assert "warning: 44 of the recorded calls are in bfloat16" in said
    file.write_text("nothing\n")
    assert main(words) == 2
    assert "shapes.jsonl:1: not a shape with its count" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "give one op; none was given"),
        (["row_sum"], "say for which sizes to choose: a range, --sweep"),
        (["row_sum", "softmax", *RANGE], "give one op; row_sum and softmax was given"),
        (["row_sun", *RANGE], "did you mean 'row_sum'"),
        (["row_sum", "--sweep", "K=2..8"], "row_sum has no axis 'K'"),
        (["row_sum", "--sweep", "N=2..64/3"], "says nothing to tune"),
        (["row_sum", "--shape", "N=4"], "row_sum lacks M"),
        (["row_sum", "--like", "9", *RANGE], "give one of --like, --shapes"),
        (["row_sum", *RANGE, "--until-regret", "0.9"], "give a ratio such as 1.02"),
        (["row_sum", *RANGE, "--until-regret", "nan"], "give a ratio such as 1.02"),
        (["row_sum", "runs/none", *RANGE], "runs/none is not a run"),
        (["row_sum", *RANGE, "--max-shapes", "0"], "give a whole number from 1"),
        (["row_sum", *RANGE, "--impl", "sumed"], "did you mean 'summed'"),
        (["row_sum", *RANGE, "--accept", "nomral"], "did you mean 'normal'"),
        (["row_sum", "--shapes", "none.jsonl"], "--shapes"),
        (["row_sum", "--like", "5", "--grid", "full"], "there is no range of sizes"),
        (["row_sum", *RANGE, "--prefer", "sumed"], "did you mean 'summed'"),
        (["row_sum", *RANGE, "-o", "no/such/table.json"], "there is no folder no/such; make it"),
    ],
)
def test_what_is_refused(words, reason, capsys, tmp_path):
    try:
        code = main(["tune", *words, *MINE, "--in-process", "--out", str(tmp_path)])
    except SystemExit as error:
        code = error.code
    assert code == 2
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_axis_that_no_call_shows_has_one_value(capsys, tmp_path, catalog):
    op = catalog.op("moe_combine_sorted")
    hidden = next(axis for axis in op.axes if "uneven" in op.axes[axis] or axis == "E")
    words = ["tune", op.name, "--sweep", f"{hidden}=2..16", "--in-process"]
    assert main([*words, "--out", str(tmp_path)]) == 2
    assert f"{hidden} (" in capsys.readouterr().err
