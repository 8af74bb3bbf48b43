"""The run folder: written line by line, read whatever became of its writer."""

from __future__ import annotations

import json
import os

import pytest

from results import codec, store
from results.errors import RunFolderError
from results.record import Failed, Record, Rules, Started, Unsupported
from results.stats import median
from tests.results.examples import case, info, make_run, measured, profile, record, records


@pytest.fixture
def run(tmp_path):
    return store.create(tmp_path, info())


def test_lines_come_back_in_order(run):
    lines = [Started("index_add", case()), record(), profile()]

    for line in lines:
        run.append(line)

    assert list(run.lines()) == lines
    assert run.info == info()
    assert run.traces == run.path / "traces"
    assert run.tensorboard == run.path / "tensorboard"


def test_a_run_without_lines_is_empty(run):
    assert list(run.lines()) == []
    assert run.records() == run.profiles() == run.unfinished() == ()
    assert store.read(run.path).empty
    assert store.read(run.path, by="sample").empty


def test_a_line_that_was_cut_off_is_skipped_and_does_not_spoil_the_next(run):
    run.append(record("first"))
    with (run.path / "records.jsonl").open("ab") as file:
        file.write(b'{"type":"Record","contender":"cut \xc3')

    assert [r.contender for r in run.records()] == ["first"]
    run.append(record("next"))
    assert [r.contender for r in run.records()] == ["first", "next"]


def test_a_line_of_another_version_is_an_error_that_says_where(run):
    run.append(record())
    with (run.path / "records.jsonl").open("a") as file:
        file.write('{"type":"Right","error":1,"extra":2}\n')

    with pytest.raises(RunFolderError, match=r"records\.jsonl:2: .*another version"):
        run.records()


def test_the_later_of_two_records_counts(run):
    run.append(record(outcome=Unsupported("no compiler")))
    run.append(record("other"))
    run.append(record(outcome=measured()))

    first, other = run.records()
    assert (first.contender, other.contender) == ("index_add", "other")
    assert first.outcome == measured()


def test_profiles_are_read(run):
    run.append(profile())
    run.append(profile())

    assert run.profiles() == (profile(),)


def test_what_was_begun_and_left_no_record_is_unfinished(run):
    for line in (Started("a", case()), record("a"), Started("b", case())):
        run.append(line)

    assert run.unfinished() == (Started("b", case()),)


def test_a_newer_schema_is_refused(tmp_path):
    run = store.create(tmp_path, info(schema=99))

    with pytest.raises(RunFolderError, match=r"schema 99.*install a newer opbench"):
        _ = run.info


def test_a_head_that_is_no_head_is_refused(run):
    (run.path / "run.json").write_text('{"type":"Right","error":0}')

    with pytest.raises(RunFolderError, match="not the head of a run"):
        _ = run.info


def test_an_existing_run_is_not_overwritten(tmp_path, run):
    with pytest.raises(RunFolderError, match="exists already; give another --id or --out"):
        store.create(tmp_path, info())


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(RunFolderError, match="cannot be made: Not a directory; give --out"):
        store.create(tmp_path / "file", info())


def test_what_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match=r"is not a run: it has no run\.json"):
        store.open_run(tmp_path)


def test_the_latest_run(tmp_path):
    with pytest.raises(RunFolderError, match=r"there is no run in .*make one"):
        store.latest(tmp_path)
    for number, name in enumerate(("newer", "older")):
        made = store.create(tmp_path, info(name))
        os.utime(made.path / "run.json", (1e9 - number, 1e9 - number))

    assert store.latest(tmp_path).path.name == "newer"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2025-12-31T23:00:00+00:00", "2026-01-01T00:30:00+01:00"),
        ("2026-01-01T12:00:00+09:00", "2026-01-01T05:00:00+01:00"),
        ("not a date", "1999-01-01T00:00:00+00:00"),
    ],
)
def test_the_latest_run_is_known_by_when_it_began_and_not_by_its_files(tmp_path, before, after):
    """As in a clone or an unpacked archive, where every file was written just now."""
    early = store.create(tmp_path, info("z-early", created=before))
    late = store.create(tmp_path, info("a-late", created=after))
    os.utime(early.path / "run.json", (2e9, 2e9))
    os.utime(late.path / "run.json", (1e9, 1e9))

    assert store.latest(tmp_path).path == late.path


def test_a_run_that_cannot_be_read_is_not_the_latest_and_hides_no_other(tmp_path):
    broken, good = (store.create(tmp_path, info(name)) for name in ("broken", "good"))
    (broken.path / "run.json").write_text("")
    os.utime(good.path / "run.json", (1e9, 1e9))

    assert store.latest(tmp_path).path == good.path


def test_read_by_job(tmp_path):
    frame = store.read(make_run(tmp_path).path)

    assert len(frame) == len(records())
    assert set(frame["outcome"]) == {"Measured", "Wrong", "Unsupported", "Failed"}
    assert str(frame["axis_B"].dtype) == "int64"
    assert str(frame["calls"].dtype) == "Int64"
    assert {"op", "shape", "direction", "axis_order", "reason", "peak_bytes"} <= set(frame.columns)
    assert not {"samples_s", "rounds"} & set(frame.columns)
    first = records()[0]
    assert frame["median_s"][0] == median(first.outcome.samples_s)
    failed = frame[frame["outcome"] == "Failed"].iloc[0]
    assert failed["reason"].startswith("ran out of memory")


def test_read_by_sample(tmp_path):
    frame = store.read(make_run(tmp_path).path, by="sample")

    timed = [r.outcome for r in records() if isinstance(r, Record) and hasattr(r.outcome, "rounds")]
    assert len(frame) == sum(len(outcome.samples_s) for outcome in timed)
    assert frame["time_s"].tolist()[:40] == list(timed[0].samples_s)
    assert frame["round"].tolist()[:40] == list(timed[0].rounds)
    assert "median_s" not in frame.columns


def test_read_by_sample_where_nothing_was_measured(run):
    run.append(record(outcome=Unsupported("no")))

    assert store.read(run.path, by="sample").empty


def test_read_by_something_else(run):
    with pytest.raises(ValueError, match="by='week' is not one of job, sample"):
        store.read(run.path, by="week")


def test_a_run_of_schema_1_is_read(tmp_path):
    """As it was written before failures had a cause and runs had rules."""
    folder = store.create(tmp_path, info())
    head = json.loads((folder.path / "run.json").read_text())
    del head["rules"], head["warnings"]
    (folder.path / "run.json").write_text(json.dumps(head | {"schema": 1}))
    line = json.loads(codec.dumps(record("a", Failed("measure", "crashed"))))
    del line["output"], line["outcome"]["cause"]
    (folder.path / "records.jsonl").write_text(json.dumps(line) + "\n")

    assert folder.info.rules == Rules()
    assert folder.records() == (record("a", Failed("measure", "crashed")),)
