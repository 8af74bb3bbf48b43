"""Runs of a log directory are read when asked for, again only when they changed."""

import pytest

from opbench.dashboards.plugin import log_folder as module
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.errors import SelectionError
from tests.results.examples import make_run, record


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_FRESH_S", 0.0)
    return LogFolder(str(tmp_path))


def test_a_run_is_read_again_only_when_it_changed(tmp_path, log):
    folder = make_run(tmp_path)
    first = log.run("example")
    assert log.run("example") is first
    folder.append(record())
    assert len(log.run("example").content) == len(first.content) + 1


def test_a_run_that_came_later_is_found(tmp_path, log):
    assert log.summaries() == ()
    make_run(tmp_path)
    assert [one.id for one in log.summaries()] == ["example"]


@pytest.mark.parametrize("name", ["../example", "/etc", "", "example/traces", "a" * 10_000])
def test_a_name_that_no_run_has_is_refused(tmp_path, log, name):
    make_run(tmp_path)
    with pytest.raises(SelectionError, match="there is no run"):
        log.run(name)


def test_runs_that_were_not_used_for_long_are_let_go(tmp_path, log, monkeypatch):
    make_run(tmp_path, "one")
    make_run(tmp_path, "other")
    first = log.run("one")
    monkeypatch.setattr(module, "_MOST_KEPT", 1)
    second = log.run("other")
    assert log.run("other") is second
    again = log.run("one")
    assert again is not first
    assert again.content == first.content
