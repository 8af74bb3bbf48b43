"""Names of runs, and files that outputs may not be written to."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from pathlib import Path

import pytest

from opbench.results.errors import RunFolderError
from opbench.results.formats import FORMATS
from opbench.results.records import run_folder
from opbench.results.records.output_paths import ensure_apart_from_runs
from tests.results.examples import info, make_run


def contents(folder):
    """Every file below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", " x", "x ", ".", "..", ".git", "-x", "--out", "a/b", "../../x", "/abs", "a\\b"),
        *("a\nb", "a\r", "a\tb", "a\x00b", "a\x7f", "a\u2028b", "a\u202eb", "\udc80", "x" * 256),
        "é" * 128,
    ],
)
def test_a_name_that_is_a_path_or_cannot_be_read_makes_nothing(tmp_path, name):
    with pytest.raises(RunFolderError, match="name"):
        run_folder.create(tmp_path / "runs", info(name))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x", "2026-01-02 03.04", "größe", "a:b", "実行", "x" * 255])
def test_other_names_are_folders_in_the_folder_of_runs(tmp_path, name):
    assert run_folder.create(tmp_path, info(name)).path == tmp_path / name


def linked(run):
    (run.parent / "link.csv").symlink_to(run / "run.json")
    return run.parent / "link.csv"


def linked_folder(run):
    (run.parent / "elsewhere").symlink_to(run)
    return run.parent / "elsewhere" / "new.csv"


def linked_hard(run):
    os.link(run / "records.jsonl", run.parent / "hard.csv")
    return run.parent / "hard.csv"


def of_another_run(run):
    return make_run(run.parent, "other").path / "records.jsonl"


def of_a_damaged_run(run):
    (run_folder.create(run.parent, info("damaged")).path / "run.json").write_text("")
    return run.parent / "damaged" / "records.jsonl"


@pytest.mark.parametrize("form", sorted(FORMATS))
@pytest.mark.parametrize(
    "target",
    [
        lambda run: run / "run.json",
        lambda run: run / "new.csv",
        lambda run: run / "traces" / "new.csv",
        lambda run: run.parent / "nowhere" / ".." / run.name / "records.jsonl",
        *(linked, linked_folder, linked_hard, of_another_run, of_a_damaged_run),
    ],
)
def test_no_export_changes_a_run(tmp_path, form, target):
    run = make_run(tmp_path)
    (tmp_path / "nowhere").mkdir()
    run.traces.mkdir()
    place = target(run.path)
    before = contents(tmp_path)

    with pytest.raises(RunFolderError, match="name another file"):
        FORMATS[form](run.path, place)

    assert contents(tmp_path) == before


def test_an_export_beside_the_runs_is_written_and_written_anew(tmp_path):
    run = make_run(tmp_path)
    for _ in range(2):
        FORMATS["csv"](run.path, tmp_path / "run.csv")

    assert "index_add" in (tmp_path / "run.csv").read_text()


def test_run_json_of_another_program_is_no_run(tmp_path):
    (tmp_path / "run.json").write_text('{"script": "make"}')

    ensure_apart_from_runs(tmp_path / "here.csv")


def test_devices_are_written_to():
    ensure_apart_from_runs(Path("/dev/stdout"))


def test_a_pipe_is_written_to_where_somebody_reads_it(tmp_path):
    run, pipe, received = make_run(tmp_path), tmp_path / "pipe", []
    os.mkfifo(pipe)
    with pytest.raises(RunFolderError, match="nobody reads this pipe"):
        FORMATS["csv"](run.path, pipe)

    reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
    reader.start()
    while not received:
        # The reader may not have come to its pipe yet.
        with contextlib.suppress(RunFolderError):
            FORMATS["csv"](run.path, pipe)
            reader.join()

    assert "index_add" in received[0]


def test_no_run_is_made_in_another(tmp_path):
    run = make_run(tmp_path)

    with pytest.raises(RunFolderError, match="lies in the run"):
        run_folder.create(run.path / "traces", info("inner"))

    assert not run.traces.exists()


def test_git_sees_no_run_and_a_file_of_somebodys_is_left_alone(tmp_path):
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ".gitignore").write_text("*.tmp\n")

    make_run(tmp_path / "runs", "one")
    make_run(tmp_path / "deep" / "runs", "two")

    status = ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"]
    found = subprocess.run(status, check=True, capture_output=True, text=True).stdout
    assert found == "?? runs/.gitignore\n"
    assert (tmp_path / "runs" / ".gitignore").read_text() == "*.tmp\n"
