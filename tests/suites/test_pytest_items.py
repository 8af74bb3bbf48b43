"""`pytest opbench/suites`, as a user of pytest-benchmark runs it."""

import json
import subprocess
import sys

import pytest

from opbench.results.formats.pytest_benchmark_import import read_benchmarks
from opbench.results.ranking.leaderboard import boards_of
from tests.places import LOADED, ROOT

BRIEF = ["--benchmark-max-time=0.01", "--benchmark-min-rounds=2", "-q", "-p", "no:cacheprovider"]


def run_suites(*words):
    command = [sys.executable, "-m", "pytest", "opbench/suites", *BRIEF, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The JSON of the pooling op's tiny case, and the storage that the run was saved to."""
    folder = tmp_path_factory.mktemp("benchmarks")
    done = run_suites(
        "-k",
        "patch_pooling-tiny and not compile",
        f"--benchmark-json={folder / 'out.json'}",
        f"--benchmark-storage={folder / 'storage'}",
        "--benchmark-save=first",
    )
    assert done.returncode == 0, done.stdout
    return json.loads((folder / "out.json").read_text()), folder


def test_an_item_per_contender_grouped_by_case(saved):
    items = saved[0]["benchmarks"]
    assert {item["extra_info"]["contender"] for item in items} >= {"loop", "index_add", "einsum"}
    (group,) = {item["group"] for item in items}
    assert group == "patch_pooling tiny text float32 forward B=2 S=64 D=32 P=16"
    for item in items:
        assert item["extra_info"]["op"] == "patch_pooling"
        assert item["extra_info"]["bytes"] > 0
        assert 0 <= item["extra_info"]["error"] <= 1
        assert item["params"]["contender"] == item["extra_info"]["contender"]
        assert item["fullname"] == f"opbench::{item['name']}"


def test_the_json_is_a_run(saved, tmp_path):
    """Every sample is kept, and that they were not taken in shared rounds."""
    document, folder = saved
    run = read_benchmarks(folder / "out.json").create(tmp_path, "imported")
    records = {record.contender: record for record in run.records()}
    for item in document["benchmarks"]:
        outcome = records[item["extra_info"]["contender"]].outcome
        assert list(outcome.samples_s) == item["stats"]["data"]
        assert outcome.calls == item["stats"]["iterations"]
        assert outcome.rounds == ()
        assert outcome.bytes == item["extra_info"]["bytes"]
    (board,) = boards_of(run)
    assert board.case.key == document["benchmarks"][0]["extra_info"]["case"]
    assert {row.verdict for row in board.rows} == {"best", "undecided"}
    assert "timed by itself" in board.rows[0].note
    assert run.info.command[:2] == ("pytest", "opbench/suites")
    assert dict(run.info.environment.stable)["torch"]
    assert {record.environment_key for record in records.values()} == {run.info.environment.key}


def test_storage_and_compare(saved):
    done = run_suites(
        "-k",
        "patch_pooling-tiny and index_add and not compile",
        f"--benchmark-storage={saved[1] / 'storage'}",
        "--benchmark-compare",
    )
    assert done.returncode == 0, done.stdout
    assert "(0001_first)" in done.stdout
    assert "(NOW)" in done.stdout


def test_wrong_contenders_fail_and_unsupported_ones_are_skipped():
    done = run_suites(
        "-k",
        "row_sum-tall",
        "-rs",
        f"--opbench-load={LOADED / 'row_sum.py'}",
        f"--opbench-load={LOADED / 'row_sum_trouble.py'}",
    )
    assert done.returncode == 1
    assert "planted_wrong of row_sum: value:" in done.stdout
    assert "planted_raise of row_sum: prepare: RuntimeError: no luck today" in done.stdout
    assert "takes at most 100 rows" in done.stdout
    assert "2 failed, 2 passed, 2 skipped" in done.stdout


def test_the_backward_pass_and_a_dtype():
    words = ["-k", "row_sum-small-normal-float64-backward and summed", "--opbench-pass=backward"]
    done = run_suites(*words, "--opbench-dtype=float64", f"--opbench-load={LOADED / 'row_sum.py'}")
    # The pooling ops have float64 too; the op that was loaded is the one selected.
    assert "1 passed" in done.stdout, done.stdout


def test_module_that_cannot_be_loaded_ends_the_collection_with_the_reason():
    done = run_suites("--opbench-load=nowhere.py")
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert "there is no file nowhere.py" in done.stdout
