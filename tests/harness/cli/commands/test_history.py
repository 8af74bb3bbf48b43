"""`opbench history`: what it prints, and its exit codes."""

import json
import shutil
import subprocess
import sys

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from tests.results.histories import make_runs, noisy


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    times = {"index_add": noisy([3e-6] * 20), "einsum": noisy([3e-6] * 12 + [4.5e-6] * 8)}
    return make_runs(root, times, bare=(0,))


def test_the_series_of_an_op_and_where_it_changed(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["history", "patch_pooling", "--runs", str(runs)]) == Exit.OK
    out, err = capsys.readouterr()
    assert "history · 20 runs" in out
    assert "index_add" in out
    assert "from run-011 to run-012" in " ".join(out.split())
    assert "█" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "runs without anchors: 1, the latest of them run-000" in err


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_both_runs_of_a_change_are_named_at_any_width(tmp_path, capsys, monkeypatch, width):
    make_runs(tmp_path, {"a": noisy([1e-4] * 8 + [2e-4] * 8)})
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["history", "--runs", str(tmp_path)]) == Exit.OK
    out = capsys.readouterr().out
    assert "from run-007 to run-008" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= width


def test_as_json(runs, capsys):
    words = ["history", "--runs", str(runs), "--json", "-k", "not index_add"]
    assert main(words) == Exit.OK
    (series,) = json.loads(capsys.readouterr().out)["series"]
    assert series["contender"] == "einsum"
    assert len(series["points"]) == 20
    (change,) = series["changes"]
    assert change["after"]["run"] == "run-012"
    assert change["ratio"] == pytest.approx(1.5, rel=0.03)


def test_only_these_contenders_and_only_large_changes(runs, capsys):
    words = ["history", "--runs", str(runs), "--impl", "einsum", "--json"]
    for least, changes in (("40%", 1), ("60%", 0)):
        assert main([*words, "--min-change", least]) == Exit.OK
        (series,) = json.loads(capsys.readouterr().out)["series"]
        assert series["contender"] == "einsum"
        assert len(series["changes"]) == changes


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nix"], "named 'nix'; known: patch_pooling"),
        (["patch_poling"], "named 'patch_poling' (did you mean 'patch_pooling'?)"),
        # Opbench has one, but no run tells of it.
        (["batched_softmax"], "named 'batched_softmax'; known: patch_pooling"),
        (["--impl", "einsum,loop"], "named 'loop'; known: einsum, index_add"),
        (["--impl", "einsun"], "named 'einsun' (did you mean 'einsum'?)"),
        (["-k", "nobody"], "matches -k 'nobody'"),
        (["-k", "and"], "is not an expression"),
    ],
)
def test_an_op_of_no_run_is_a_wrong_command_line(runs, capsys, words, message):
    assert main(["history", *words, "--runs", str(runs)]) == Exit.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1].startswith("opbench history: ")
    assert message in printed.err


def test_an_op_that_no_run_measured_exits_with_6(runs, tmp_path, capsys):
    """As nobody can tell whether it is slower, it isn't well."""
    shutil.copytree(runs / "run-001", tmp_path / "runs" / "run-001")
    path = tmp_path / "runs" / "run-001" / "records.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line.get("contender") == "einsum":
            line["outcome"] = {"type": "Wrong", "stage": "value", "reason": "off", "error": None}
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    words = ["history", "--runs", str(tmp_path / "runs"), "--impl", "einsum"]
    assert main(words) == Exit.NOTHING
    assert "measured what is selected" in capsys.readouterr().err


def test_no_run_at_all(tmp_path, capsys):
    assert main(["history", "--runs", str(tmp_path)]) == Exit.USAGE
    assert "there is no run in" in capsys.readouterr().err


def test_it_does_not_wait_for_torch(runs):
    program = f"""
import sys
from opbench.harness.cli.app import main
code = main(["history", "--runs", {str(runs)!r}])
print(code, "torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 False"
