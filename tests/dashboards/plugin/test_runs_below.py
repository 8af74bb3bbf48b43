"""Runs are found below the log directory, at some depth, and not behind links."""

import os

import pytest

from opbench.dashboards.plugin.runs_below import runs_below


def make(path):
    path.mkdir(parents=True)
    (path / "run.json").write_text("{}")


def ids(listing):
    return [place.id for place in listing.places]


def test_runs_are_named_by_their_paths(tmp_path):
    for name in ("a", "b/c", "b/d/e/f"):
        make(tmp_path / name)
    assert ids(runs_below(str(tmp_path))) == ["a", "b/c", "b/d/e/f"]


def test_the_log_directory_may_be_a_run_itself(tmp_path):
    make(tmp_path / "run")
    assert ids(runs_below(str(tmp_path / "run"))) == ["."]


def test_nothing_within_a_run_is_one(tmp_path):
    make(tmp_path / "a")
    make(tmp_path / "a" / "traces" / "b")
    assert ids(runs_below(str(tmp_path))) == ["a"]


def test_what_lies_too_deep_is_reported(tmp_path):
    make(tmp_path / "1/2/3/4/5")
    listing = runs_below(str(tmp_path))
    assert ids(listing) == []
    assert "more than 4 folders deep" in listing.faults[0]


def test_links_are_not_followed_and_those_out_are_reported(tmp_path):
    make(tmp_path / "logs" / "a")
    make(tmp_path / "outside")
    (tmp_path / "logs" / "out").symlink_to("../outside")
    (tmp_path / "logs" / "latest").symlink_to("a")
    (tmp_path / "logs" / "loop").symlink_to(".")
    listing = runs_below(str(tmp_path / "logs"))
    assert ids(listing) == ["a"]
    assert listing.faults == ("out is a link out of the log directory: it is not followed",)


def test_a_log_directory_that_is_a_link_is_looked_into(tmp_path):
    make(tmp_path / "logs" / "a")
    (tmp_path / "link").symlink_to("logs")
    assert ids(runs_below(str(tmp_path / "link"))) == ["a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_can_not_be_read_is_reported(tmp_path):
    make(tmp_path / "a")
    (tmp_path / "locked").mkdir(mode=0)
    listing = runs_below(str(tmp_path))
    assert ids(listing) == ["a"]
    assert "locked cannot be read" in listing.faults[0]


@pytest.mark.parametrize("logdir", ["", "gs://bucket/runs", "/nowhere/at/all"])
def test_a_log_directory_that_is_no_folder_has_no_runs_and_says_so(logdir):
    listing = runs_below(logdir)
    assert listing.places == ()
    assert listing.faults


def test_names_that_are_no_text_are_escaped(tmp_path):
    make(tmp_path / os.fsdecode(b"a\xff"))
    assert ids(runs_below(str(tmp_path))) == ["a\\udcff"]


def test_the_stamp_changes_with_the_records(tmp_path):
    make(tmp_path / "a")
    before = runs_below(str(tmp_path)).stamp
    assert runs_below(str(tmp_path)).stamp == before
    (tmp_path / "a" / "records.jsonl").write_text("\n")
    assert runs_below(str(tmp_path)).stamp != before
