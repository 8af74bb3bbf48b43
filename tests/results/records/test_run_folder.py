"""The run folder: written line by line, read whatever became of its writer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from opbench.results.errors import RunFolderError
from opbench.results.ranking.leaderboard import boards_of
from opbench.results.records import Rules, Started, Unsupported, codec, run_folder
from opbench.results.regression.report import report_of
from tests.results.examples import STORED, case, info, measured, profile, record


@pytest.fixture
def run(tmp_path):
    return run_folder.create(tmp_path, info())


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


def test_a_line_that_was_cut_off_is_skipped_and_does_not_spoil_the_next(run):
    run.append(record("first"))
    with (run.path / "records.jsonl").open("ab") as file:
        file.write(b'{"type":"Record","contender":"cut \xc3')

    assert [r.contender for r in run.records()] == ["first"]
    run.append(record("next"))
    assert [r.contender for r in run.records()] == ["first", "next"]


def test_a_line_and_a_head_are_parsed_from_their_bytes(run):
    assert run_folder.parse_line(codec.dumps(record()).encode()) == record()
    assert run_folder.parse_head(codec.dumps(info()).encode(), "run.json") == info()
    with pytest.raises(RunFolderError, match="RunInfo is no line of a run"):
        run_folder.parse_line(codec.dumps(info()).encode())
    with pytest.raises(RunFolderError, match="head cannot be read: not the head of a run"):
        run_folder.parse_head(codec.dumps(record()).encode(), "head")


DAMAGED = (
    b"garbage",
    b'{"type":"Record","contender":"cut',
    b'{"type":"Right","error":1,"extra":2}',
    b"\x00\xff\xfe",
    b"[]",
    codec.dumps(case()).encode(),
    codec.dumps(record(outcome=measured(rounds=()))).encode(),
    codec.dumps(record()).replace('"calls":5', '"calls":0').encode(),
    codec.dumps(record()).replace('"rounds":[0,', '"rounds":[').encode(),
)


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_line_that_cannot_be_read_is_named_and_the_others_are_read(run, caplog, damaged):
    run.append(record("first"))
    with (run.path / "records.jsonl").open("ab") as file:
        file.write(damaged + b"\n")
    run.append(record("next"))

    assert [r.contender for r in run.records()] == ["first", "next"]
    (message,) = caplog.messages
    assert message.startswith(f"{run.path / 'records.jsonl'}:2: ")


def test_many_such_lines_are_counted(run, caplog):
    run.append(record("first"))
    with (run.path / "records.jsonl").open("a") as file:
        file.write("garbage\n" * 20)

    assert len(run.records(ops=("patch_pooling",))) == 1
    assert len(caplog.messages) == 6
    assert caplog.messages[-1].endswith("15 more lines cannot be read")


def test_garbage_in_place_of_all_lines_is_an_error(run):
    (run.path / "records.jsonl").write_bytes(b"garbage\ngarbage\n")

    with pytest.raises(RunFolderError, match=r"records.jsonl holds no line that can be read; 1: "):
        run.records()


def test_the_first_line_of_all_may_be_cut_off(run):
    (run.path / "records.jsonl").write_text('{"type":"Started","conten')

    assert run.records() == ()


def test_a_folder_in_place_of_a_file(run):
    (run.path / "records.jsonl").mkdir()
    with pytest.raises(RunFolderError, match=r"records\.jsonl cannot be read: it is no file"):
        run.records()
    with pytest.raises(RunFolderError, match=r"records\.jsonl cannot be written: Is a directory"):
        run.append(record())
    (run.path / "run.json").unlink()
    (run.path / "run.json").mkdir()
    with pytest.raises(RunFolderError, match=r"run\.json cannot be read: it is no file"):
        _ = run_folder.open_run(run.path).info


def test_a_pipe_in_place_of_a_file_is_not_waited_for(run):
    os.mkfifo(run.path / "records.jsonl")

    with pytest.raises(RunFolderError, match=r"records\.jsonl cannot be read: it is no file"):
        run.records()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to show")
def test_a_full_disk_names_the_file(run):
    (run.path / "records.jsonl").symlink_to("/dev/full")

    with pytest.raises(RunFolderError, match=r"records\.jsonl cannot be written: No space left"):
        run.append(record())


def test_a_run_that_could_not_be_written_whole_is_none(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_folder.os, "fsync", fail)
    with pytest.raises(RunFolderError, match="No space left"):
        run_folder.create(tmp_path, info(), [record()])
    with pytest.raises(RunFolderError, match="is not a run"):
        run_folder.open_run(tmp_path / "example")


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


def test_a_job_without_a_record_is_unfinished(run):
    for line in (Started("a", case()), record("a"), Started("b", case())):
        run.append(line)

    assert run.unfinished() == (Started("b", case()),)


def test_a_newer_schema_is_refused(tmp_path):
    run = run_folder.create(tmp_path, info(schema=99))

    with pytest.raises(RunFolderError, match=r"schema 99.*install a newer opbench"):
        _ = run.info


def test_a_head_that_is_no_head_is_refused(run):
    (run.path / "run.json").write_text('{"type":"Right","error":0}')

    with pytest.raises(RunFolderError, match="not the head of a run"):
        _ = run.info


HEADS = (
    b"",
    b'{"type":"RunInfo","id":',
    b"\xff\xfe{\x00",
    b"null",
    b'{"type":"Right","error":0}',
    codec.dumps(info()).replace('"id":"example"', '"id":null').encode(),
    codec.dumps(info(rules=Rules(error=0.0))).encode(),
    codec.dumps(info(schema=99)).encode(),
)


@pytest.mark.parametrize("head", HEADS)
def test_a_damaged_run_is_named_and_the_others_are_read(tmp_path, caplog, head):
    whole = run_folder.create(tmp_path, info("whole"))
    damaged = run_folder.create(tmp_path, info("damaged"))
    (damaged.path / "run.json").write_bytes(head)

    with pytest.raises(RunFolderError, match=rf"{damaged.path / 'run.json'} cannot be read: "):
        _ = damaged.info
    assert run_folder.runs_in(tmp_path) == (whole,)
    (message,) = caplog.messages
    assert f"{damaged.path / 'run.json'} cannot be read" in message


def test_a_head_that_is_a_link_to_nothing_is_named(tmp_path, caplog):
    """As git-annex leaves of a file that it didn't fetch."""
    run_folder.create(tmp_path, info("whole"))
    run_folder.create(tmp_path, info("linked"))
    (tmp_path / "linked" / "run.json").unlink()
    (tmp_path / "linked" / "run.json").symlink_to("nowhere")
    (tmp_path / ".copy").mkdir()
    (tmp_path / ".copy" / "run.json").write_text("")
    assert [run.path.name for run in run_folder.runs_in(tmp_path)] == ["whole"]
    assert "linked/run.json cannot be read: No such file or directory" in caplog.text
    assert ".copy" not in caplog.text


def test_no_run_that_can_be_read(tmp_path):
    (run_folder.create(tmp_path, info()).path / "run.json").write_bytes(b"")

    with pytest.raises(RunFolderError, match="there is no run that can be read in"):
        run_folder.runs_in(tmp_path)


@pytest.mark.parametrize("created", ["", "yesterday", "0001-01-01", "9999-12-31T23:59:59-23:59"])
def test_a_head_without_a_date_counts_as_oldest(created):
    assert isinstance(run_folder.start_time(info(created=created)), float)


def test_an_existing_run_is_not_overwritten(tmp_path, run):
    with pytest.raises(RunFolderError, match="exists already; give another --id or --out"):
        run_folder.create(tmp_path, info())


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(RunFolderError, match="cannot be made: Not a directory; give --out"):
        run_folder.create(tmp_path / "file", info())


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match=r"is not a run: it has no run\.json"):
        run_folder.open_run(tmp_path)


def test_the_latest_run(tmp_path):
    with pytest.raises(RunFolderError, match=r"there is no run in .*make one"):
        run_folder.latest(tmp_path)
    for number, name in enumerate(("newer", "older")):
        made = run_folder.create(tmp_path, info(name))
        os.utime(made.path / "run.json", (1e9 - number, 1e9 - number))

    assert run_folder.latest(tmp_path).path.name == "newer"


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
    early = run_folder.create(tmp_path, info("z-early", created=before))
    late = run_folder.create(tmp_path, info("a-late", created=after))
    os.utime(early.path / "run.json", (2e9, 2e9))
    os.utime(late.path / "run.json", (1e9, 1e9))

    assert run_folder.latest(tmp_path).path == late.path


def test_a_run_that_cannot_be_read_is_not_the_latest_and_hides_no_other(tmp_path, caplog):
    broken, good = (run_folder.create(tmp_path, info(name)) for name in ("broken", "good"))
    (broken.path / "run.json").write_text("")
    os.utime(good.path / "run.json", (1e9, 1e9))

    assert run_folder.latest(tmp_path).path == good.path
    (message,) = caplog.messages
    assert str(broken.path / "run.json") in message


@pytest.mark.parametrize("name", ["schema-1", "schema-2", "schema-3", "schema-3-calibrated"])
def test_a_stored_run_of_each_schema_is_read_whole(name, caplog):
    run = run_folder.open_run(STORED / name)

    lines = (run.path / "records.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(list(run.lines())) == len(lines)
    assert caplog.messages == []
    assert run.info.schema == int(name.split("-")[1])


@pytest.mark.parametrize(
    ("name", "rules", "cause", "printed"),
    [
        ("schema-1", Rules(), "raised", ""),
        # Of two processes, which schema 1 did not have.
        ("schema-2", Rules(tie=0.02), "crashed", "compiling …"),
    ],
)
def test_a_stored_run_of_races_has_its_leaderboard(name, rules, cause, printed):
    """What a schema lacks is at its default."""
    run = run_folder.open_run(STORED / name)

    assert run.info.rules == rules
    first, second = boards_of(run)
    assert [(row.contender, row.verdict) for row in first.rows] == [
        ("index_add", "best"),
        ("loop", "slower"),
        ("einsum", "wrong"),
        ("triton", "unsupported"),
    ]
    assert [row.verdict for row in second.rows] == ["failed"]
    by_name = {record.contender: record for record in run.records()}
    assert by_name["cpp"].outcome.cause == cause
    assert by_name["index_add"].output == printed
    assert [s.contender for s in run.unfinished()] == ["unfinished"]
    assert len(run.ceilings()) == (run.info.schema > 1)
    (profile,) = run.profiles()
    assert profile.side == ""


@pytest.mark.parametrize("name", ["schema-3", "schema-3-calibrated"])
def test_a_stored_gate_has_its_report(name):
    report = report_of(run_folder.open_run(STORED / name))

    # No pairs verified what twins confirmed: a gate of today would have timed them.
    verdicts = {finding.contender: finding.verdict for finding in report.findings}
    assert verdicts == {"index_add": "same", "loop": "inconclusive"}
    assert {item.contender: item.status for item in report.uncompared} == {
        "cpp": "head",
        "fresh": "new",
    }
    assert not report.is_void
    assert (report.calibration is not None) == (name == "schema-3-calibrated")


def test_whether_a_run_can_be_added_to(run):
    run.ensure_writable()
    run.ensure_writable()
    assert list(run.lines()) == []
    run.traces.rmdir()
    run.traces.touch()
    with pytest.raises(RunFolderError, match="traces cannot be made: File exists"):
        run.ensure_writable()
