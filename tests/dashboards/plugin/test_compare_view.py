"""The comparison as a browser shows it."""

import re

from playwright.sync_api import expect

from tests.dashboards.plugin.drawn import (
    assert_fits,
    assert_harmless,
    chooser,
    hover_first_mark,
    lines,
)


def column(frame, name, label="Findings"):
    """The texts of a column of a table."""
    cells = frame.get_by_label(label).locator(f'[data-column="{name}"]')
    cells.first.wait_for()
    return cells.all_inner_texts()


def test_a_gate_comes_up_with_its_verdicts(stocked, tmp_path):
    frame = stocked.open(view="compare")
    expect(frame.get_by_label("Summary")).to_contain_text("4 compared: 1 slower, 1 inconclusive")
    assert column(frame, "contender") == ["copies", "unsteady", "improved", "steady"]
    assert column(frame, "verdict")[0] == "slower (accepted)"
    assert set(lines(frame)) == {"slower", "inconclusive", "faster", "same"}
    assert_fits(frame)
    stocked.page.screenshot(path=tmp_path / "compare.png")


def test_the_inconclusive_says_why_and_what_could_have_been_seen(stocked):
    frame = stocked.open(view="compare", run="gate")
    reason = frame.get_by_label("Inconclusive, and why")
    expect(reason).to_contain_text("unsteady")
    expect(reason).to_contain_text("show slowdowns from")
    assert all(text.endswith("%") for text in column(frame, "detectable"))


def test_accepted_and_uncompared_are_there_with_their_reasons(stocked):
    frame = stocked.open(view="compare", run="gate")
    expect(frame.get_by_label("Summary")).to_contain_text("accepted until 2027-03-31")
    (accepted,) = (text for text in column(frame, "accepted") if text)
    assert accepted == "until 2027-03-31 by ada: sums in float64 since #12"
    assert column(frame, "base", "Not compared") == ["main has no such contender"]
    expect(frame.get_by_label("The base against itself")).to_contain_text("none shows a difference")


def test_a_mark_shows_its_interval_and_what_it_was_made_of(stocked):
    frame = stocked.open(view="compare", run="gate")
    text = hover_first_mark(frame)
    for part in ("ratio", "detectable: a slowdown of", "twins", "spread"):
        assert part in text


def test_two_runs_are_compared_and_chosen(stocked, tmp_path):
    frame = stocked.open(view="compare", run="run-020", base="run-003")
    expect(frame.get_by_label("Summary")).to_contain_text("run-020 against run-003, unpaired")
    assert set(column(frame, "contender")) == {"steady", "changed"}
    chooser(frame, "against").select_option("run-002")
    stocked.page.wait_for_url(re.compile("base=run-002"))
    expect(frame.get_by_label("Summary")).to_contain_text("run-020 against run-002")
    stocked.page.screenshot(path=tmp_path / "runs.png")


def test_two_real_runs_are_compared_in_what_both_have(pair, tmp_path):
    frame = pair.open(view="compare")
    expect(frame.get_by_label("Summary")).to_contain_text("later against real, unpaired")
    assert sorted(column(frame, "contender")) == ["einsum", "index_add"]
    assert all(float(ratio) > 0 for ratio in column(frame, "ratio"))
    assert set(column(frame, "verdict")) <= {
        "slower",
        "same",
        "faster",
        "no slower",
        "inconclusive",
    }
    pair.page.screenshot(path=tmp_path / "pair.png")


def test_a_single_real_run_says_what_to_do(real):
    frame = real.open(view="compare")
    expect(frame.locator(".nothing")).to_contain_text("opbench gate --base REF")


def test_hostile_runs_are_text(stocked):
    frame = stocked.open(view="compare", run="hostile", base="example")
    frame.get_by_label("Summary").wait_for()
    assert_harmless(frame)
    frame = stocked.open(view="compare", run="<img src=x>", base="<img src=y>")
    frame.get_by_label("Summary").wait_for()
    assert_harmless(frame)
