"""A run in parts: raced by several processes, stored, collected, read by its URL."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from opbench.results.errors import RunFolderError
from opbench.results.records import Record
from opbench.results.records.run_folder import open_run, runs_in
from opbench.results.store import attempts
from opbench.results.store.attempts import StoredRun
from opbench.results.store.collecting import collect
from tests.behaviour.commands import run
from tests.harness.processes import PATIENCE, gone, interruptible, within
from tests.harness.runs import BRIEF, MINE

RACE = ("run", "row_sum", *MINE, *BRIEF, "-q", "--in-process")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def store(tmp_path):
    return f"file://{tmp_path}/store"


def part(store, text, *words):
    return run(*RACE, "--store", store, "--id", "n", "--part", text, *words)


def test_two_parts_make_one_run(store, tmp_path):
    assert part(store, "1/2").code == 0
    early = run("collect", store, "n", "--id", "early")
    assert (early.code, "not finished: 2-of-2; cases may be missing" in early.err) == (3, True)
    assert part(store, "2/2").code == 0
    again = part(store, "2/2")
    assert (again.code, "1 of 1 cases are in file://" in again.err) == (0, True)
    # What the store has is nowhere else.
    assert [folder.path.name for folder in runs_in(tmp_path / "runs")] == ["early"]
    done = run("collect", store, "n")
    assert (done.code, done.out.partition(" on ")[0]) == (0, "runs/n: 2 cases")
    shapes = {record.case.shape for record in open_run(tmp_path / "runs/n").records()}
    assert shapes >= {"small", "tall"}
    by_url = json.loads(run("show", f"{store}/runs/n", "--json").out)["boards"]
    assert by_url == json.loads(run("show", "runs/n", "--json").out)["boards"]
    assert {board["case"]["shape"] for board in by_url} == {"small", "tall"}
    assert run("collect", store, "n").code == 2


def test_more_parts_than_cases_are_harmless(store):
    done = part(store, "3/3")
    assert (done.code, "part 3-of-3 has no case: there are 2" in done.err) == (0, True)
    whole = json.loads(part(store, "1/1", "--json").out)
    assert whole["run"] == f"{store}/runs/n"


def test_other_options_make_another_run(store, tmp_path):
    assert part(store, "1/2").code == 0
    other = part(store, "2/2", "--tie", "5%")
    assert (other.code, "other options (tie); give another --id" in other.err) == (2, True)
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--part", "1/2"), "--part is a share of a run in a store: give --store as well"),
        (("--store", "file:///x"), "--store takes --id, by which the parts of a run find"),
        (("--store", "nosuch://x", "--id", "n"), "'nosuch://x' is no store"),
        (("--store", "runs", "--id", "n"), "'runs' is no store: give a URL as file:///mnt/bench"),
        (("--store", "file:///x", "--id", "n", "--part", "3/2"), "invalid value '3/2'"),
        (("--store", "file:///x", "--id", "n", "--part", "0/2"), "give a part such as 3/8"),
        (("--store", "file:///proc/x", "--id", "n"), "cannot be read or written"),
    ],
)
def test_what_cannot_be_stored_is_said_before_anything_is_raced(words, reason, monkeypatch):
    monkeypatch.setattr(attempts, "_WAITS_S", ())
    done = run(*RACE, *words)
    assert (done.code, reason in done.err) == (2, True), done.err
    assert list(Path("runs").glob("*")) == []


def test_what_a_store_refuses_stays_here_and_is_stored_later(store, tmp_path, monkeypatch):
    def refuse(*_):
        raise RunFolderError("the store is down")

    with monkeypatch.context() as patch:
        patch.setattr(StoredRun, "put", refuse)
        done = part(store, "1/1")
    assert (done.code, "the store is down; what was measured is in runs/" in done.err) == (2, True)
    (folder,) = runs_in(tmp_path / "runs")
    raced = folder.records()
    own = folder.path / "mine.txt"
    own.touch()
    assert run("run", "--resume", str(folder.path), "-q", "--budget", "9").code == 2
    assert run("run", "--resume", str(folder.path), "-q", "--in-process").code == 0
    assert own.exists()
    (collected,) = collect(StoredRun(store, "n"))
    # Beside the ceilings of this machine, where they are known.
    assert {line for line in collected.lines if isinstance(line, Record)} == set(raced)
    assert collected.whole


def test_a_part_that_is_killed_is_done_by_another_process(store, tmp_path):
    """The second does what the first had not stored, and nothing else."""
    command = [sys.executable, "-m", "opbench", *RACE, "--store", store, "--id", "n"]
    environment = {**os.environ, "TOKEN": str(tmp_path)}
    with subprocess.Popen(command, env=environment, preexec_fn=interruptible) as process:
        stored = tmp_path / "store/runs/n/parts"
        # The anchors are stored with the first case, which leaves the second to be killed.
        assert within(PATIENCE, lambda: len(list(stored.rglob("*.done"))) >= 4)
        process.send_signal(signal.SIGKILL)
    assert gone(str(tmp_path))
    before = set(stored.rglob("*.jsonl"))
    assert part(store, "1/1").code == 0
    (collected,) = collect(StoredRun(store, "n"))
    assert (collected.cases, collected.whole, collected.unusable) == (2, True, ())
    assert collected.repeated == 0
    assert before <= set(stored.rglob("*.jsonl"))
