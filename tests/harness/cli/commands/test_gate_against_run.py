"""The gate against a recorded run, by the real command."""

import json

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.commands import gate_against_run
from opbench.harness.cli.exit_codes import Exit
from tests.places import LOADED

MINE = LOADED / "row_sum.py"
WORDS = ["row_sum", "-k", "small", "--load", str(MINE), "--threads", "1"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with the run of two contenders."""
    folder = tmp_path_factory.mktemp("gate_run")
    words = [*WORDS, "--impl", "summed,loop", "--budget", "0.1", "--in-process"]
    assert main(["run", *words, "--out", str(folder), "--id", "base"]) == Exit.OK
    return folder


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Two processes, for a moment each."""
    monkeypatch.setattr(gate_against_run, "PROCESSES", 2)
    monkeypatch.setattr(gate_against_run, "LEAST_S", 0.2)


def gate(root, *words):
    return main(["gate", "--base-run", f"{root}/base", *WORDS, "--out", str(root), *words])


def test_a_recorded_run_says_that_it_is_weak(root, capsys, tmp_path):
    summary = tmp_path / "summary.md"
    code = gate(root, "--id", "now", "--budget", "0.2", "--summary", str(summary))
    # On a machine that others use, what unpaired runs say may be anything.
    assert code in (Exit.OK, Exit.INCONCLUSIVE, Exit.REGRESSION)
    reported = capsys.readouterr().out
    assert "now against base, unpaired" in reported
    assert "`opbench gate --base REF`" in reported
    assert "summed" in reported
    assert "without_gradient" not in reported  # the run doesn't have it
    assert "## opbench gate, against a recorded run" in summary.read_text()


def test_another_environment_is_refused(root, capsys):
    head = root / "base" / "run.json"
    text = head.read_text()
    data = json.loads(text)
    data["environment"]["key"] = "elsewhere"
    head.write_text(json.dumps(data))
    try:
        assert gate(root, "--id", "refused") == Exit.NOTHING
    finally:
        head.write_text(text)
    assert "made in different environments" in capsys.readouterr().err
    assert not (root / "refused").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--head", "main"], "leave --head out"),
        (["--impl", "without_gradient"], "has nothing of what is selected"),
    ],
)
def test_heads_that_a_recorded_run_cannot_be_compared_with(root, capsys, words, message):
    assert gate(root, *words) == Exit.USAGE
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("summary", ["nowhere/summary.md", "base/summary.md", "base/run.json", "."])
def test_an_unwritable_summary_is_refused_before_measuring(root, capsys, summary):
    before = (root / "base" / "run.json").read_bytes()
    assert gate(root, "--id", "unsaid", "--summary", str(root / summary)) == Exit.USAGE
    assert "opbench gate: " in capsys.readouterr().err
    assert not (root / "unsaid").exists()
    assert (root / "base" / "run.json").read_bytes() == before


def test_verdicts_are_printed_though_the_summary_cannot_be(root, capsys):
    """A disk may be full when a gate has ended, and wasn't when it began."""
    code = gate(root, "--id", "full", "--budget", "0.2", "--json", "--summary", "/dev/full")
    printed = capsys.readouterr()
    assert code == Exit.USAGE
    assert json.loads(printed.out)["type"] == "Comparison"
    assert "the summary /dev/full cannot be written: No space left on device" in printed.err


def test_a_gate_without_a_verdict_leaves_no_empty_summary(root, tmp_path):
    """Whoever reads it takes one that is there for a verdict; what was there before stays."""
    new, old = tmp_path / "new.md", tmp_path / "old.md"
    old.touch()
    for summary in (new, old):
        assert gate(root, "--impl", "nobody", "--summary", str(summary)) == Exit.USAGE
    assert not new.exists()
    assert old.exists()
