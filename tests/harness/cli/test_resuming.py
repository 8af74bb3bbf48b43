"""Going on with a run: what is kept, what may change, and what is raced anew."""

import contextlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.results.ranking.leaderboard import boards_of
from opbench.results.records import Measured, Record, Started
from opbench.results.records.run_folder import open_run
from tests.harness.runs import LOADED

RUN = ["run", "row_sum", "-k", "small", "--impl", "summed,without_gradient", "--threads", "1"]
BEGIN = [*RUN, "--load", str(LOADED / "row_sum.py"), "--in-process", "--budget", "100ms"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of two contenders."""
    folder = tmp_path_factory.mktemp("finished")
    with contextlib.chdir(folder):
        assert main([*BEGIN, "--id", "one"]) == Exit.OK
    return folder


@pytest.fixture
def run(finished, here):
    """The finished run, to be gone on with."""
    shutil.copytree(finished / "runs", "runs")
    return open_run("runs/one")


def timed(folder):
    """The measurements of the contenders, by name."""
    return {r.contender: r.outcome for r in folder.records() if r.case.op == "row_sum"}


def leave_undecided(folder):
    """Put equal samples of few rounds in the place of what was measured."""
    for record in folder.records():
        if record.case.op == "row_sum":
            few = replace(record.outcome, samples_s=(1e-5,) * 4, rounds=(0, 1, 2, 3), calls=20)
            folder.append(replace(record, outcome=few))
    (board,) = boards_of(folder)
    assert {row.verdict for row in board.rows} == {"best", "undecided"}


def test_an_undecided_case_raced_for_longer_counts_anew(run, capsys):
    leave_undecided(run)
    before = timed(run)
    assert main(["run", "--resume", "runs/one", "--budget", "300ms", "--in-process"]) == Exit.OK
    assert "racing 1 undecided case anew, for 300ms each" in capsys.readouterr().err
    after = timed(run)
    for name, measured in after.items():
        assert len(measured.samples_s) > 4
        # So that nothing of before is ever paired with anything of now.
        assert min(measured.rounds) > max(before[name].rounds)


def test_a_new_race_broken_off_leaves_no_false_pairs(run):
    """The outcome of one contender is recorded, that of the other isn't any more."""
    leave_undecided(run)
    assert main(["run", "--resume", "runs/one", "--budget", "300ms", "--in-process"]) == Exit.OK
    records = run.path / "records.jsonl"
    lines = records.read_text().splitlines(keepends=True)
    assert '"type":"Record"' in lines[-1]
    records.write_text("".join(lines[:-1]))
    one, other = timed(run).values()
    assert not set(one.rounds) & set(other.rounds)
    (board,) = boards_of(run)
    assert {row.verdict for row in board.rows} == {"best", "undecided"}


def test_without_a_budget_nothing_is_raced_anew(run, capsys):
    leave_undecided(run)
    before = timed(run)
    assert main(["run", "--resume", "runs/one"]) == Exit.OK
    assert timed(run) == before
    printed = capsys.readouterr()
    assert "nothing is decided after 4 of the " in printed.out
    assert "opbench run --resume runs/one --budget " in printed.out


def test_decided_cases_are_not_raced_anew(run, capsys):
    for record in run.records():
        if record.case.op == "row_sum":
            factor = 1 + (record.contender == "summed")
            times = tuple(factor * 1e-5 for _ in range(30))
            run.append(
                replace(
                    record,
                    outcome=replace(record.outcome, samples_s=times, rounds=tuple(range(30))),
                )
            )
    before = timed(run)
    assert main(["run", "--resume", "runs/one", "--budget", "9s", "--in-process"]) == Exit.OK
    assert "nothing is undecided" in capsys.readouterr().err
    assert timed(run) == before


def test_a_shorter_budget_takes_nothing_away(run, capsys):
    leave_undecided(run)
    for record in run.records():
        if isinstance(record.outcome, Measured) and record.case.op == "row_sum":
            run.append(replace(record, outcome=replace(record.outcome, calls=10**6)))
    before = timed(run)
    assert main(["run", "--resume", "runs/one", "--budget", "1s", "--in-process"]) == Exit.OK
    assert "raced for longer than 1s before, and left alone now" in capsys.readouterr().err
    assert timed(run) == before


def test_missing_contenders_get_the_given_budget(run, capsys):
    records = run.path / "records.jsonl"
    kept = [
        line
        for line in records.read_text().splitlines(keepends=True)
        if not ('"type":"Record"' in line and '"summed"' in line)
    ]
    records.write_text("".join(kept))
    old = timed(run)["without_gradient"]
    assert main(["run", "--resume", "runs/one", "--budget", "200ms", "--in-process"]) == Exit.OK
    assert min(timed(run)["summed"].rounds) > max(old.rounds)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["conv2d"], "OP"),
        (["row_sum", "--impl", "loop"], "--impl"),
        (["-k", "tall"], "-k"),
        (["--seed", "3"], "--seed"),
        (["--tie", "5%"], "--tie"),
        (["--precision", "5%"], "--precision"),
        (["--processes", "2"], "--processes"),
        (["--out", "elsewhere"], "--out"),
        (["--id", "other"], "--id"),
        (["--cache", "cold", "--grid", "full"], "--cache, --grid"),
        (["--load", "other.py"], "--load"),
    ],
)
def test_options_that_a_run_cannot_change_are_refused(run, capsys, more, named):
    before = (run.path / "records.jsonl").read_bytes()
    assert main(["run", "--resume", "runs/one", *more]) == Exit.USAGE
    assert f"leave {named} out" in capsys.readouterr().err
    assert (run.path / "records.jsonl").read_bytes() == before


def test_options_equal_to_those_of_the_run_are_allowed(run):
    same = [*RUN[1:], *("--load", str(LOADED / "row_sum.py")), *("--out", "runs", "--id", "one")]
    assert main(["run", "--resume", "runs/one", *same, "--json", "-q"]) == Exit.OK


@pytest.mark.parametrize("verb", ["profile", "import"])
def test_only_runs_of_races_are_resumed(here, capsys, verb):
    if verb == "profile":
        words = ["profile", "row_sum", *BEGIN[2:-2], "--id", "one"]
    else:
        Path("b.json").write_text(json.dumps(BENCHMARKS))
        words = ["import", "b.json", "--id", "one"]
    assert main(words) == Exit.OK
    before = sorted(p.name for p in Path("runs/one").iterdir())
    assert main(["run", "--resume", "runs/one"]) == Exit.USAGE
    assert "was not made by `opbench run`" in capsys.readouterr().err
    assert sorted(p.name for p in Path("runs/one").iterdir()) == before


#: What pytest-benchmark writes of one benchmark.
BENCHMARKS = {
    "machine_info": {"node": "a", "cpu": {}, "python_version": "3.12"},
    "commit_info": {},
    "benchmarks": [
        {
            "group": None,
            "name": "test_it",
            "fullname": "t.py::test_it",
            "params": None,
            "param": None,
            "extra_info": {},
            "stats": {"data": [0.1, 0.2], "iterations": 1, "rounds": 2},
        }
    ],
    "datetime": "2026-01-01T00:00:00+00:00",
    "version": "5.0.0",
}


def test_another_environment_is_another_run(run, capsys):
    head = run.path / "run.json"
    head.write_text(head.read_text().replace(run.info.environment.key, "another"))
    before = (run.path / "records.jsonl").read_bytes()
    assert main(["run", "--resume", "runs/one", "--budget", "9s", "--in-process"]) == Exit.NOTHING
    assert "can't go on here" in capsys.readouterr().err
    assert (run.path / "records.jsonl").read_bytes() == before


def test_jobs_begun_without_a_record_are_done(run):
    (case,) = {record.case for record in run.records() if record.case.op == "row_sum"}
    lines = (line for line in run.lines() if isinstance(line, Started | Record))
    assert sum(isinstance(line, Started) for line in lines if line.case == case) == 2
