"""Runs that were named one by one."""

from opbench.dashboards.report.named_runs import log_of
from tests.results.examples import make_run


def test_only_the_named_runs_are_there(tmp_path):
    one, _ = make_run(tmp_path, "one"), make_run(tmp_path, "other")
    assert [run.id for run in log_of([one, one]).summaries()] == ["one"]


def test_runs_of_one_name_are_called_by_their_folders(tmp_path):
    runs = [make_run(tmp_path / folder, "same") for folder in ("new", "old")]
    log = log_of(runs)
    assert [run.id for run in log.summaries()] == ["new/same", "old/same"]
    assert log.run("old/same").records() == runs[1].records()


def test_a_run_behind_a_link_is_read(tmp_path):
    run = make_run(tmp_path / "elsewhere")
    link = tmp_path / "link"
    link.symlink_to(run.path)
    assert [one.faults for one in log_of([type(run)(link)]).summaries()] == [()]
