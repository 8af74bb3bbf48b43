"""Runs move to pytest-benchmark and back, by the real commands."""

import json
import subprocess
import sys

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.results.records.run_folder import runs_in
from tests.places import LOADED
from tests.results.benchmark_files import document, entry

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


def written(path, *entries, **changes):
    path.write_text(json.dumps(document(*entries, **changes)))
    return str(path)


def test_several_files_make_a_run_each(tmp_path, capsys):
    files = [written(tmp_path / f"{n}.json", entry(f"t.py::test_{n}")) for n in range(3)]
    out = ["--out", str(tmp_path / "runs")]

    assert main(["import", *files, *out]) == Exit.OK
    assert main(["import", *files[:2], "--id", "mine", *out]) == Exit.OK
    found = runs_in(tmp_path / "runs")
    assert len(found) == 5
    assert {"mine-1", "mine-2"} < {run.path.name for run in found}
    assert capsys.readouterr().out.count("run: ") == 5


def test_what_cannot_be_read_is_named_and_the_rest_is_imported(tmp_path, capsys):
    bad = entry("t.py::test_zero", stats={"data": [0.0, 1e-7]})
    mixed = written(tmp_path / "mixed.json", entry(), bad, 7)
    none = written(tmp_path / "none.json", bad)
    whole = written(tmp_path / "whole.json", entry(), datetime=None)
    out = ["--out", str(tmp_path / "runs")]

    assert main(["import", mixed, *out]) == Exit.INCONCLUSIVE
    err = capsys.readouterr().err
    assert f"{mixed}: left out: t.py::test_zero has a sample (of 2) that is no time: 0.0" in err
    assert f"{mixed}: left out: benchmark 3 is no object: 7" in err
    assert main(["import", none, *out]) == Exit.USAGE
    assert "test_zero" in capsys.readouterr().err
    assert main(["import", whole, *out]) == Exit.OK
    assert "has no date" in capsys.readouterr().err
    assert main(["import", none, mixed, whole, *out]) == Exit.USAGE
    assert len(runs_in(tmp_path / "runs")) == 4


@pytest.mark.parametrize("contender", [[], ["--contender", "s"]])
def test_odd_names_and_numbers_are_shown_and_exported(tmp_path, capsys, contender):
    texts = [
        "\ud83d",
        "漢字",
        "[/bold] $a_{$ $b",
        "a|b\nc",
        "\u202eabc",
        "x" * 900,
        "\x00\x1b[1m",
        "",
    ]
    numbers = [10**30, 10**400, -(2**63), 1.0, True, None, [1, {}], 1e999]
    entries = [
        entry(f"t.py::test[{s}-{n}]", params={"s": s, "n": n}, stats={"median": 1e-3})
        for s, n in zip(texts, numbers, strict=True)
    ]
    file = written(tmp_path / "x.json", *entries)
    assert main(["import", file, "--out", str(tmp_path), "--id", "odd", *contender]) == Exit.OK
    run = str(tmp_path / "odd")

    assert main(["show", run]) == Exit.OK
    assert main(["history", "--runs", str(tmp_path)]) == Exit.OK
    assert main(["publish", run]) == Exit.OK
    for name in ("csv", "json", "markdown", "parquet", "pytest-benchmark", "winners"):
        target = str(tmp_path / f"out.{name}")
        assert main(["export", run, "--format", name, "-o", target]) == Exit.OK, name
    assert main(["import", str(tmp_path / "out.pytest-benchmark"), "--out", str(tmp_path)]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_a_file_of_thousands_is_written_at_once(tmp_path, monkeypatch):
    """Each line pushed to the disk by itself takes ten times as long."""
    synced = []
    monkeypatch.setattr("opbench.results.records.run_folder.os.fsync", synced.append)
    file = written(tmp_path / "x.json", *(entry(f"t.py::test[{n}]") for n in range(3000)))

    assert main(["import", file, "--out", str(tmp_path), "--id", "many"]) == Exit.OK
    assert len(synced) == 1
