"""Exports: what is written can be read by others."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

from opbench.results.errors import NothingRecordedError, RunFolderError
from opbench.results.formats import FORMATS
from opbench.results.records import run_folder
from opbench.results.report import frames
from opbench.results.report.markdown import escape, render
from opbench.results.report.table import Table
from tests.results.examples import case, info, make_run, profile, record, records
from tests.results.gates import make_gate


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs")).path


@pytest.mark.parametrize("by", ["job", "sample"])
@pytest.mark.parametrize(
    ("name", "read"),
    [("csv", pd.read_csv), ("json", pd.read_json), ("parquet", pd.read_parquet)],
)
def test_tables_come_back(run, tmp_path, name, read, by):
    target = tmp_path / f"run.{name}"
    expected = frames.read(run, by=by)

    FORMATS[name](run, target, by=by)

    found = read(target)
    assert list(found.columns) == list(expected.columns)
    assert len(found) == len(expected)
    time = "median_s" if by == "job" else "time_s"
    pd.testing.assert_series_equal(found[time], expected[time])
    assert found["axis_S"].tolist() == expected["axis_S"].tolist()


def test_json_has_no_nan(run, tmp_path):
    FORMATS["json"](run, tmp_path / "run.json")

    rows = json.loads((tmp_path / "run.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert rows[4]["median_s"] is None
    assert rows[0]["calls"] == 5


def test_parquet_takes_an_axis_of_several_types(tmp_path):
    run = run_folder.create(tmp_path, info())
    for value in (1, "left", 2.5):
        run.append(record(on=case(axes=(("side", value),))))
    run.append(record(on=case(axes=())))

    FORMATS["parquet"](run.path, tmp_path / "run.parquet")

    found = pd.read_parquet(tmp_path / "run.parquet")["axis_side"]
    assert found.tolist()[:3] == ["1", "left", "2.5"]
    assert pd.isna(found[3])


def test_markdown_has_a_leaderboard_per_case(run, tmp_path):
    FORMATS["markdown"](run, tmp_path / "run.md")

    text = (tmp_path / "run.md").read_text("utf-8")
    assert text.startswith("# example\n")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## boundary_upsample",
        "## patch_pooling",
        "## Operators",
    ]
    boards, operators = text.split("## Operators")
    assert boards.count("### ") == len({r.case for r in records()})
    assert "| aten::bmm | 2.00 | 30.0 µs |" in operators
    assert r"0 \* NaN leaks \| spreads" in text


def test_cells_are_taken_literally_and_empty_notes_left_out():
    table = Table("a|b", ("contender", "note"), (("_x_ y_z", ""),))

    assert render(table) == "### a\\|b\n\n| contender |\n| :--- |\n| \\_x\\_ y_z |\n"
    assert escape("two\nlines <b> [l](u)") == r"two lines \<b> \[l\](u)"


@pytest.mark.parametrize("name", FORMATS)
def test_no_export_is_empty(tmp_path, name):
    """Of a run that holds nothing of what a format tells, there is no file."""
    empty, gate = run_folder.create(tmp_path, info("empty")), make_gate(tmp_path)
    profiled = run_folder.create(tmp_path, info("profiled"))
    profiled.append(profile())

    fits = {
        "markdown": (gate, profiled),
        "winners": (),
        "pytest-benchmark": (),
    }.get(name, (gate,))
    for folder in (empty, gate, profiled):
        target = tmp_path / f"{folder.path.name}.out"
        if folder in fits:
            FORMATS[name](folder.path, target)
            content = target.read_bytes()
            assert b"copies" in content or b"aten::bmm" in content
            continue
        with pytest.raises(NothingRecordedError, match=str(folder.path)):
            FORMATS[name](folder.path, target)
        assert not target.exists()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("by", ["job", "sample"])
def test_names_that_files_and_tables_do_not_take(tmp_path, name, by):
    run = run_folder.create(tmp_path, info())
    axes = (("n", 10**30), ("s", "\\ud83d"))
    run.append(record("\\ud83d", on=case(axes=axes)), record("µ漢", on=case(axes=(("n", 1),))))

    FORMATS[name](run.path, tmp_path / "out", by=by)

    text = (tmp_path / "out").read_bytes()
    assert b"ud83d" in text
    if name in ("csv", "json", "parquet"):
        assert b"1" + b"0" * 30 in text


def test_numbers_of_the_standing_are_in_pytest_benchmarks_file(run, tmp_path):
    FORMATS["pytest-benchmark"](run, tmp_path / "x.json")

    items = json.loads((tmp_path / "x.json").read_text())["benchmarks"]
    reported = {item["extra_info"]["verdict"] for item in items}
    assert {"best", "tied", "slower"} <= reported
    for item in items:
        assert item["extra_info"]["low"] <= item["extra_info"]["ratio"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_target_that_cannot_be_written(run, tmp_path, name):
    with pytest.raises(RunFolderError, match="is a folder; name a file in it"):
        FORMATS[name](run, tmp_path)
    with pytest.raises(RunFolderError, match=r"there is no folder .*; make it"):
        FORMATS[name](run, tmp_path / "missing" / "file")
    with pytest.raises(RunFolderError, match=r"cannot be written: .*; name another file"):
        FORMATS[name](run, tmp_path / ("x" * 300))


def test_formats_are_imported_when_they_are_used():
    code = (
        "import sys, opbench.results.formats as f; "
        "print(sorted(f.FORMATS), 'pandas' in sys.modules, f'{f.__name__}.csv' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    names = "['csv', 'json', 'markdown', 'parquet', 'pytest-benchmark', 'winners']"
    assert found.stdout.strip() == f"{names} False False"


def test_results_do_not_need_torch():
    code = (
        "import sys, pkgutil, importlib\nfrom opbench import results\n"
        "for module in pkgutil.walk_packages(results.__path__, 'opbench.results.'):\n"
        "    importlib.import_module(module.name)\n"
        "import pandas\n"
        "print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False"


def test_winners(run, tmp_path):
    FORMATS["winners"](run, tmp_path / "winners.md")

    text = (tmp_path / "winners.md").read_text("utf-8")
    assert "`opbench run patch_pooling` on 2026-01-02" in text
    assert "8 of 9 cases have a contender that was timed" in text
    assert r"- cpu: Example \| 2 cores" in text
    (line,) = [x for x in text.splitlines() if x.startswith("| large normal float32 forward |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[2] == "index_add"
    assert cells[5] == "segment_reduce"  # within 1% of the best
    assert cells[6].startswith("einsum 2.")
    assert cells[7].startswith("loop 9.0")
    (nobody,) = [x for x in text.splitlines() if x.startswith("| nobody ")]
    assert nobody.count("| -") == 6
