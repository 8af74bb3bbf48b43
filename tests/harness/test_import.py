"""Runs move to pytest-benchmark and back, by the real commands."""

import json
import subprocess
import sys
from pathlib import Path

from harness.cli import main
from harness.exits import Exit

LOADED = Path(__file__).parent.parent / "loaded"
MINE = LOADED / "row_sum.py"


def test_a_run_goes_there_and_back(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--load", str(MINE), "--budget", "0.1", "--threads", "1", "--in-process"]
    assert main(["run", "row_sum", "--id", "one", *words]) == Exit.OK
    assert main(["export", "runs/one", "--format", "pytest-benchmark", "-o", "one.json"]) == Exit.OK
    assert main(["import", "one.json", "--id", "two"]) == Exit.OK
    assert "run: runs/two" in capsys.readouterr().out

    shown = []
    for run in ("one", "two"):
        assert main(["show", f"runs/{run}", "--json"]) == Exit.OK
        shown.append(json.loads(capsys.readouterr().out)["boards"])
    assert shown[0] == shown[1]
    assert (tmp_path / "runs/one/records.jsonl").stat().st_size > 0

    # The file's items are those that the plugin collects: pytest-benchmark finds each in it.
    command = [sys.executable, "-m", "pytest", "--opbench", str(MINE), "--opbench-threads=1"]
    command += ["-q", "-p", "no:cacheprovider", "--benchmark-max-time=0.01"]
    storage = tmp_path / "storage"
    storage.mkdir()
    (tmp_path / "one.json").rename(storage / "0001_one.json")
    for compared in (str(storage / "0001_one.json"), "0001"):
        more = [f"--benchmark-compare={compared}", f"--benchmark-storage={storage}"]
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert done.stdout.count("(NOW)") == done.stdout.count("001_one)") == 5


def test_what_cannot_be_imported_says_why(tmp_path, capsys):
    path = tmp_path / "no.json"
    path.write_text("{}")
    assert main(["import", str(path), "--out", str(tmp_path)]) == Exit.USAGE
    assert "opbench import: " in capsys.readouterr().err
    assert main(["import", str(tmp_path / "none.json"), "--out", str(tmp_path)]) == Exit.USAGE
    assert "cannot be read" in capsys.readouterr().err
