"""`opbench history`: what it prints, and its exit codes."""

import json
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


def test_the_series_of_an_op_and_where_it_changed(runs, capsys):
    assert main(["history", "patch_pooling", "--runs", str(runs)]) == Exit.OK
    out, err = capsys.readouterr()
    assert "history · 20 runs" in out
    assert "index_add" in out
    assert "run-012" in out
    assert "█" in out
    assert "runs without anchors: 1, the latest of them run-000" in err


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
    words = ["history", "--runs", str(runs), "--impl", "einsum,loop", "--json"]
    for least, changes in (("40%", 1), ("60%", 0)):
        assert main([*words, "--min-change", least]) == Exit.OK
        (series,) = json.loads(capsys.readouterr().out)["series"]
        assert series["contender"] == "einsum"
        assert len(series["changes"]) == changes


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nix"], Exit.USAGE, "there is no op named 'nix'"),
        (["batched_softmax"], Exit.NOTHING, "measured what is selected"),
        (["-k", "nobody"], Exit.NOTHING, "measured what is selected"),
        (["-k", "and"], Exit.USAGE, "is not an expression"),
    ],
)
def test_nothing_to_show(runs, capsys, words, code, message):
    assert main(["history", *words, "--runs", str(runs)]) == code
    assert message in capsys.readouterr().err


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
