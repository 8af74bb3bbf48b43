"""A run as the plugin reads it equals the run on disk, as far as that can be read."""

import pytest

from opbench.dashboards.plugin.read_run import RunReader
from opbench.results.errors import RunFolderError
from opbench.results.ranking.leaderboard import boards_of
from opbench.results.records import SCHEMA, Started
from tests.results.examples import case, make_run, record


@pytest.fixture
def folder(tmp_path):
    return make_run(tmp_path)


@pytest.fixture
def reader(folder, tmp_path):
    return RunReader("example", folder.path, tmp_path)


def append(folder, text):
    with (folder.path / "records.jsonl").open("ab") as file:
        file.write(text)


def test_a_whole_run_is_read_as_it_is(folder, reader):
    run = reader.read()
    assert run.info == folder.info
    assert run.records() == folder.records()
    assert run.profiles() == folder.profiles()
    assert run.unfinished() == folder.unfinished()
    assert run.boards() == boards_of(folder)
    assert run.faults == ()
    assert not run.is_cut_off


def test_what_was_added_is_there_at_the_next_reading(folder, reader):
    before = reader.read()
    folder.append(record(on=case(shape="unfinished")))
    after = reader.read()
    assert before.unfinished()
    assert not after.unfinished()
    assert after.boards() == boards_of(folder)
    assert len(after.boards()) == len(before.boards()) + 1


def test_a_board_that_did_not_change_is_not_made_again(folder, reader):
    before = reader.read().boards()
    folder.append(record(on=case(shape="unfinished")))
    after = reader.read().boards()
    assert all(one is other for one, other in zip(before, after, strict=False))


def test_a_board_is_made_again_where_a_contender_was_raced_anew(folder, reader):
    first, *_ = reader.read().boards()
    folder.append(record("index_add", on=first.case))
    assert reader.read().boards()[0] == boards_of(folder)[0] != first


def test_a_last_line_that_is_cut_off_is_no_fault_but_said(folder, reader):
    append(folder, b'{"type":"Rec')
    run = reader.read()
    assert run.is_cut_off
    assert run.faults == ()
    assert run.records() == folder.records()


def test_lines_that_can_not_be_read_are_named_and_the_others_read(folder, reader):
    append(folder, b'{"type":"Rec\n{"type":"Unheard"}\n\xff\xfe\n[1]\n')
    folder.append(Started("late", case()))
    run = reader.read()
    assert len(run.faults) == 4
    assert "was cut off" in run.faults[0]
    assert "not a record of opbench" in run.faults[1]
    assert run.content[-1] == Started("late", case())


def test_of_many_faults_the_first_are_named(folder, reader):
    append(folder, b"[1]\n" * 100)
    faults = reader.read().faults
    assert len(faults) == 21
    assert faults[-1] == "80 more lines cannot be read"


def test_a_run_of_a_newer_opbench_has_a_fault_and_no_head(folder, reader):
    path = folder.path / "run.json"
    path.write_text(path.read_text().replace(f'"schema":{SCHEMA}', f'"schema":{SCHEMA + 1}'))
    run = reader.read()
    assert "install a newer opbench" in run.faults[0]
    with pytest.raises(RunFolderError, match=r"example: run\.json cannot be read"):
        _ = run.info


def test_records_that_lead_out_are_not_read(folder, tmp_path):
    secret = tmp_path / "secret.jsonl"
    (folder.path / "records.jsonl").rename(secret)
    (folder.path / "records.jsonl").symlink_to(secret)
    run = RunReader("example", folder.path, folder.path).read()
    assert run.content == ()
    assert run.faults == ("records.jsonl is a link out of the log directory: it is not followed",)


def test_a_run_without_records_is_empty(folder, reader):
    assert reader.read().content
    (folder.path / "records.jsonl").unlink()
    run = reader.read()
    assert run.content == ()
    assert run.faults == ()
