"""Answers are made once for a state of the runs, and hold no number that JSON lacks."""

import gzip
import importlib
import math
import threading

import pytest

from opbench.dashboards.plugin import log_folder
from opbench.dashboards.plugin.answers import Answers, finite
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.dashboards.plugin.routes import MODULES
from opbench.results.errors import SelectionError
from tests.harness.processes import PATIENCE
from tests.results.examples import make_run, record


@pytest.fixture
def answers(tmp_path, monkeypatch):
    monkeypatch.setattr(log_folder, "_FRESH_S", 0.0)
    return Answers(LogFolder(str(tmp_path)))


def test_an_answer_is_made_again_when_a_run_has_changed(tmp_path, answers):
    folder = make_run(tmp_path)
    first = answers.of("/leaderboard", {})
    assert answers.of("/leaderboard", {}) is first
    folder.append(record("newcomer"))
    again = answers.of("/leaderboard", {})
    assert b"newcomer" not in gzip.decompress(first)
    assert b"newcomer" in gzip.decompress(again)


def test_the_list_of_runs_does_not_wait_for_a_leaderboard(tmp_path, answers, monkeypatch):
    make_run(tmp_path)
    begun, go_on = threading.Event(), threading.Event()

    def boards(run):
        begun.set()
        assert go_on.wait(PATIENCE)
        return ()

    monkeypatch.setattr(ReadRun, "boards", boards)
    thread = threading.Thread(target=answers.of, args=("/leaderboard", {}))
    thread.start()
    try:
        assert begun.wait(PATIENCE)
        assert b"example" in gzip.decompress(answers.of("/runs", {}))
    finally:
        go_on.set()
        thread.join()


def test_the_list_of_runs_does_not_wait_for_a_run_to_be_decoded(tmp_path, answers):
    make_run(tmp_path)
    with answers.log._reading:
        assert b"example" in gzip.decompress(answers.of("/runs", {}))


def test_what_is_not_there_is_an_error(answers):
    with pytest.raises(SelectionError, match="there is no run 'x'"):
        answers.of("/leaderboard", {"run": ["x"]})


@pytest.mark.parametrize("name", sorted(MODULES.values()))
def test_every_route_has_a_module_that_answers(name):
    assert callable(importlib.import_module(f"opbench.dashboards.plugin.data.{name}").answer)


@pytest.mark.parametrize(
    ("value", "sent"),
    [(1.23456789, 1.2346), (1e-300, 1e-300), (math.inf, None), (math.nan, None), (None, None)],
)
def test_numbers_have_five_digits_and_are_finite(value, sent):
    assert finite(value) == sent
