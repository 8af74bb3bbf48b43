"""Two recorded runs compared by the real command: real runs, and one that was made elsewhere."""

import json
import shutil
import subprocess
import sys

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.results.records.anchors import ANCHORS
from tests.places import LOADED

MINE = LOADED / "row_sum.py"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with two runs of the same contenders, one after the other."""
    root = tmp_path_factory.mktemp("compare")
    words = ["row_sum", "--load", str(MINE), "--budget", "0.1", "--threads", "1", "--in-process"]
    for name in ("before", "after"):
        assert main(["run", *words, "--out", str(root), "--id", name]) == Exit.OK
    return root


def changed(runs, name, **edits):
    """A copy of the second run of which the text of its files is edited."""
    folder = runs / name
    shutil.copytree(runs / "after", folder)
    for file, edit in edits.items():
        path = next(folder.glob(f"{file}.*"))
        path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


def slowed(text):
    """Every line of the contender `loop`, a thousand times as slow."""
    lines = []
    for line in text.splitlines():
        data = json.loads(line)
        outcome = data.get("outcome", {})
        if data.get("contender") == "loop" and "samples_s" in outcome:
            outcome["samples_s"] = [1000 * time_s for time_s in outcome["samples_s"]]
        lines.append(json.dumps(data))
    return "\n".join(lines) + "\n"


def test_two_runs_of_one_process_are_no_pass(runs, capsys):
    # However busy the machine is meanwhile.
    code = main(["compare", f"{runs}/before", f"{runs}/after"])
    assert code in (Exit.INCONCLUSIVE, Exit.REGRESSION)
    reported = capsys.readouterr().out
    assert "after against before, unpaired" in reported
    assert "race both with --processes 10" in reported
    for name in ANCHORS:
        assert f"  {name} on cpu, 1 thread: " in reported


def test_a_contender_a_thousand_times_as_slow_is_slower(runs, capsys):
    # Of the first run and a copy of it, since what two runs tell depends on the machine.
    folder = runs / "slow"
    shutil.copytree(runs / "before", folder)
    records = folder / "records.jsonl"
    records.write_text(slowed(records.read_text(encoding="utf-8")), encoding="utf-8")
    pair = [f"{runs}/before", str(folder)]
    assert main(["compare", *pair, "row_sum", "--min-slowdown", "90%"]) == Exit.REGRESSION
    table, headline = capsys.readouterr().out.split("compared: ", 1)
    assert "slower" in headline.splitlines()[0]
    assert "loop" in next(line for line in table.splitlines() if "slower" in line)
    assert "slower with the same source: the machine, or something that they call" in headline
    assert "detectable was a slowdown of" in headline

    # Judged by all of them, and reported of the others alone.
    rest = ["-k", "not loop", "--min-slowdown", "90%", "--json"]
    assert main(["compare", *pair, *rest]) == Exit.OK
    plain = json.loads(capsys.readouterr().out)
    found = [item["finding"] for item in plain["findings"]]
    assert found
    assert all(f["contender"] != "loop" and f["method"] == "unpaired" for f in found)


def test_ops_and_contenders_are_selected(runs, capsys):
    again = shutil.copytree(runs / "before", runs / "copy")
    pair = ["compare", f"{runs}/before", str(again), "--json"]
    assert main([*pair, "--impl", "loop,summed"]) == Exit.INCONCLUSIVE
    found = json.loads(capsys.readouterr().out)["findings"]
    assert {item["finding"]["contender"] for item in found} == {"loop", "summed"}
    # What neither run has was not meant.
    for words in (["--impl", "nobody"], ["-k", "nobody"], ["-k", "and and"]):
        assert main([*pair, *words]) == Exit.USAGE
    assert main([*pair[:3], "row_sums"]) == Exit.USAGE
    assert "no op in" in (reported := capsys.readouterr().err)
    assert "did you mean 'row_sum'" in reported


def test_a_run_is_not_compared_with_itself(runs, capsys, monkeypatch):
    monkeypatch.chdir(runs)
    assert main(["compare", "after", f"{runs}/after"]) == Exit.USAGE
    assert "are the same run" in capsys.readouterr().err


def test_a_contender_that_is_gone_is_no_pass(runs, capsys):
    def without(text):
        return "".join(line for line in text.splitlines(True) if '"contender":"summed"' not in line)

    folder = changed(runs, "gone", records=without)
    words = ["compare", f"{runs}/after", str(folder), "--min-slowdown", "90%"]
    assert main(words) == Exit.INCONCLUSIVE
    assert "vanished" in capsys.readouterr().out
    whole = changed(runs, "whole")
    assert main(["compare", f"{runs}/after", str(whole), "--min-slowdown", "90%"]) == Exit.OK


def test_runs_of_two_environments_are_not_compared(runs, capsys):
    def elsewhere(text):
        data = json.loads(text)
        stable = [[n, "2.0" if n == "torch" else v] for n, v in data["environment"]["stable"]]
        data["environment"] |= {"key": "elsewhere", "stable": stable}
        return json.dumps(data)

    folder = changed(runs, "elsewhere", run=elsewhere)
    assert main(["compare", f"{runs}/before", str(folder)]) == Exit.NOTHING
    reported = capsys.readouterr()
    assert "  torch: " in reported.err
    assert "2.0 in head" in reported.err
    assert reported.out == ""


def test_comparing_needs_no_torch(runs):
    code = (
        "import sys; from opbench.harness.cli.app import main; "
        f"main(['compare', r'{runs}/before', r'{runs}/after']); "
        "assert not any(name.startswith('torch.') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
