"""The history as a browser shows it."""

import re

from playwright.sync_api import expect

from tests.dashboards.plugin.drawn import (
    assert_fits,
    assert_harmless,
    chooser,
    hover_first_mark,
    lines,
)


def open_changed(visitor, **more):
    """The history of the op that changed."""
    return visitor.open(view="history", op="patch_pooling", **more)


def test_series_are_relative_to_an_anchor_and_a_change_is_marked(stocked, tmp_path):
    frame = open_changed(stocked)
    drawn = lines(frame)
    assert len(drawn["changed"]["x"]) == 24
    assert all(20 < value < 60 for value in drawn["changed"]["y"])
    expect(frame.locator(".chart .annotation").first).to_contain_text("1.29x")
    changes = frame.get_by_label("Changes")
    expect(changes).to_contain_text("from run-013 to run-014 (another source)")
    assert_fits(frame)
    stocked.page.screenshot(path=tmp_path / "history.png")


def test_hovering_shows_the_run(stocked):
    text = hover_first_mark(open_changed(stocked))
    for part in ("run-000", "2026-01-01", "anchor_dispatch", "source", "environment"):
        assert part in text


def test_a_case_is_chosen_and_is_in_the_address(stocked):
    frame = open_changed(stocked)
    cases = chooser(frame, "case")
    other = cases.locator("option").nth(1).get_attribute("value")
    cases.select_option(other)
    stocked.page.wait_for_url(re.compile("case="))
    expect(chooser(frame, "case")).to_have_value(other)


def test_real_runs_are_a_history_that_is_too_short_for_changes(pair, tmp_path):
    frame = pair.open(view="history")
    drawn = lines(frame)
    assert set(drawn) == {"loop", "index_add", "einsum"}
    assert [len(drawn[name]["x"]) for name in ("loop", "index_add", "einsum")] == [1, 2, 2]
    expect(frame.get_by_label("Changes")).to_contain_text("12 are needed")
    pair.page.screenshot(path=tmp_path / "short.png")


def test_hostile_names_are_text(stocked):
    frame = stocked.open(view="history", op="<img src=x onerror=document.title='harmed'>")
    frame.get_by_label("Series").first.wait_for()
    assert_harmless(frame)


def test_a_change_names_the_commits_around_it(stocked):
    changes = open_changed(stocked).get_by_label("Changes")
    expect(changes).to_contain_text("git log old1..new1")
