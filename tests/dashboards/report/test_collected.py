"""What a report holds of the backend's answers."""

import pytest

from opbench.dashboards.report.collected import Collected, question
from opbench.dashboards.report.named_runs import log_of
from tests.results.examples import make_run


@pytest.fixture
def log(tmp_path):
    return log_of([make_run(tmp_path)])


def test_alike_answers_are_held_once(log):
    collected = Collected(log)
    collected.ask("leaderboard")
    collected.ask("leaderboard", run="example")
    assert len(collected.tags) == 2
    assert len(collected.bodies) == 1


def test_a_repeated_question_has_the_same_answer(log):
    collected = Collected(log)
    collected.ask("roofline", run="example")
    collected.repeat("roofline", {"run": "example"}, op="patch_pooling")
    one, other = collected.tags.values()
    assert one == other


def test_a_refusal_is_kept_as_it_was_said(log):
    collected = Collected(log)
    assert collected.ask("compare", run="example") == {}
    assert "not of a gate" in collected.refusals[question("compare", {"run": "example"})]


def test_an_answer_beyond_the_limit_is_left_out_and_smaller_ones_are_not(log):
    collected = Collected(log, most=700)
    collected.ask("leaderboard")
    collected.ask("run", run="example")
    assert collected.left_out == 1
    assert list(collected.tags) == ["run\nrun=example"]


def test_the_order_of_parameters_makes_no_other_question():
    assert question("x", {"b": "2", "a": "1"}) == question("x", {"a": "1", "b": "2"})
