"""The crossover as a browser shows it."""

import re

import pytest
from playwright.sync_api import expect

from tests.dashboards.plugin.drawn import (
    assert_fits,
    assert_harmless,
    chooser,
    hover_first_mark,
    lines,
    traces,
)


def test_a_real_run_has_a_line_with_a_band_for_each_contender(real, tmp_path):
    frame = real.open(view="crossover")
    drawn = lines(frame)
    assert set(drawn) == {"loop", "index_add", "einsum"}
    assert all(len(line["x"]) == 2 for line in drawn.values())
    assert sum(trace["band"] for trace in traces(frame)) == 3
    assert_fits(frame)
    real.page.screenshot(path=tmp_path / "crossover.png")


def test_hovering_shows_all_that_is_known_of_a_point(real):
    text = hover_first_mark(real.open(view="crossover"))
    for part in ("time", "samples", "ratio to the best", "GB/s", "peak memory", "B=2"):
        assert part in text


def test_a_crossing_is_named_with_the_sizes_around_it(stocked, tmp_path):
    frame = stocked.open(view="crossover", run="crossing")
    item = frame.get_by_label("Crossings").locator("li")
    item.wait_for()
    text = re.sub(r"[\u2066-\u2069]", "", item.inner_text())
    assert text.startswith("starts_fast is quicker up to s2 normal float32 forward (100 kB")
    assert "runs_fast from s3 normal float32 forward (1.00 MB" in text
    assert "certain, the intervals" in text
    assert "The best of all changes here" in text
    expect(frame.locator(".chart .annotation")).to_have_text("starts_fast → runs_fast")
    stocked.page.screenshot(path=tmp_path / "crossing.png")


def test_lines_that_never_cross_are_said_not_to(stocked):
    frame = stocked.open(view="crossover", run="run-000")
    expect(frame.get_by_label("Crossings")).to_contain_text("There is one case along this axis")


def test_another_axis_and_another_measure_are_in_the_address(stocked):
    frame = stocked.open(view="crossover", run="crossing")
    traces(frame)
    chooser(frame, "along").select_option("S")
    chooser(frame, "show").select_option("share")
    stocked.page.wait_for_url(re.compile("x=S.*y=share"))
    frame = stocked.open(view="crossover", run="crossing", x="S", y="share")
    drawn = lines(frame)["runs_fast"]
    assert drawn["x"] == [10**power for power in range(3, 8)]
    assert all(0 < share < 100 for share in drawn["y"])


@pytest.mark.parametrize(("measure", "most"), [("rate", 10), ("memory", 3_500_000)])
def test_rates_and_memory(stocked, measure, most):
    frame = stocked.open(view="crossover", run="crossing", y=measure)
    assert max(lines(frame)["runs_fast"]["y"]) == pytest.approx(most, rel=0.6)


def test_without_ceilings_the_page_says_how_to_measure_them(stocked):
    frame = stocked.open(view="crossover", run="example", y="share")
    expect(frame.locator(".note").first).to_contain_text("opbench calibrate --ceilings")


def test_hostile_names_are_text(stocked):
    frame = stocked.open(view="crossover", run="hostile")
    assert len(lines(frame)) == 6
    frame.get_by_label("Crossings").locator("li").first.wait_for()
    hover_first_mark(frame)
    assert_harmless(frame)
    assert_fits(frame)


def test_no_chart_offers_to_be_sent_anywhere(stocked):
    frame = stocked.open(view="crossover", run="crossing")
    traces(frame)
    offers = frame.eval_on_selector_all(".modebar-btn", "all => all.map(one => one.dataset.title)")
    assert "Download plot as a PNG" in offers
    assert not any("Share" in offer or "Cloud" in offer for offer in offers)
