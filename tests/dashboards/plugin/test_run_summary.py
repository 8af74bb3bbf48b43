"""A summary counts lines without decoding them."""

from opbench.dashboards.plugin.run_summary import Summariser
from tests.results.examples import make_run, record, records


def test_lines_are_counted_by_their_kinds(tmp_path):
    folder = make_run(tmp_path)
    summariser = Summariser("example", folder.path, tmp_path)
    summary = summariser.summary()
    assert summary.head == folder.info
    assert summary.lines == {"Started": len(records()) + 1, "Record": len(records()), "Profile": 1}
    folder.append(record())
    assert summariser.summary().lines["Record"] == len(records()) + 1


def test_lines_that_are_no_records_are_a_fault(tmp_path):
    folder = make_run(tmp_path)
    with (folder.path / "records.jsonl").open("ab") as file:
        file.write(b'garbage\n{"type":"Record","contender\n')
    faults = Summariser("example", folder.path, tmp_path).summary().faults
    assert faults == ("lines of records.jsonl that are no records: 2",)


def test_a_head_that_can_not_be_read_is_a_fault(tmp_path):
    folder = make_run(tmp_path)
    (folder.path / "run.json").write_bytes(b"\xff")
    summary = Summariser("example", folder.path, tmp_path).summary()
    assert summary.head is None
    assert "run.json cannot be read" in summary.faults[0]
    assert summary.lines["Record"] == len(records())
