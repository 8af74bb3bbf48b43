"""The regions of sizes as a browser shows them: below the lines of a crossover, and as a map."""

import json
import re

import pytest
from playwright.sync_api import expect

from opbench.harness.cli.app import main
from tests.dashboards.plugin.drawn import assert_fits, assert_harmless, chooser, traces


def regions(frame):
    return frame.get_by_role("region", name="Regions")


def said(place):
    """The lines of a list, without what sets names apart."""
    place.locator("li").first.wait_for()
    return [re.sub(r"[\u2066-\u2069]", "", text) for text in place.locator("li").all_inner_texts()]


def leaves(tree):
    """The contenders of the regions of a table, from small sizes to large."""
    return [tree] if isinstance(tree, str) else [*leaves(tree["then"]), *leaves(tree["else"])]


def thresholds(tree):
    if isinstance(tree, str):
        return []
    return [tree["at_most"], *thresholds(tree["then"]), *thresholds(tree["else"])]


def test_a_real_run_has_the_regions_that_choose_prints(swept, swept_run, capsys, tmp_path):
    main(["choose", "moe_combine", str(swept_run), "--json"])
    (section,) = json.loads(capsys.readouterr().out)[0]["sections"]
    frame = swept.open(view="winners")
    table = frame.get_by_role("table", name="Regions")
    table.locator("tbody tr").first.wait_for()
    assert table.locator("tbody td:last-child").all_inner_texts() == leaves(section["regions"])
    text = table.inner_text()
    assert all(f" {at:.0f}" in text for at in thresholds(section["regions"]))
    (points,) = [one for one in traces(frame, ".map") if one["name"] == "measured"]
    assert len(points["x"]) == 9
    assert_fits(frame)
    swept.page.screenshot(path=tmp_path / "map.png", full_page=True)


def test_along_an_axis_of_a_real_run_the_strip_is_from_the_first_size_to_the_last(swept, tmp_path):
    frame = swept.open(view="crossover", x="D")
    frame.get_by_role("list", name="Contenders").wait_for()
    strip = [one for one in traces(frame) if one["strip"]]
    areas = [one for one in strip if not one["texts"][0:1]]
    assert min(min(one["x"]) for one in areas) <= 8
    assert max(max(one["x"]) for one in areas) >= 512
    assert_fits(frame)
    swept.page.screenshot(path=tmp_path / "strip.png", full_page=True)


def test_thresholds_are_numbers_in_words(stocked):
    frame = stocked.open(view="crossover", run="crossing", x="S")
    frame.get_by_role("list", name="Contenders").wait_for()
    first, second = said(regions(frame).locator("ul.plain").first)
    at = re.fullmatch(r"S up to (\d+): starts_fast", first)[1]
    assert second == f"S above {at}: runs_fast"
    assert 100_000 < int(at) < 10_000_000
    assert said(frame.get_by_role("list", name="Contenders"))[0].endswith("runs_fast")


def test_stretches_are_reached_by_keys_and_read_out(stocked):
    frame = stocked.open(view="crossover", run="crossing", x="S")
    frame.get_by_role("list", name="Contenders").wait_for()
    frame.get_by_role("application", name="lines of the contenders").focus()
    for key in ("ArrowRight", "ArrowUp", "End"):
        frame.page.keyboard.press(key)
    expect(frame.locator(".said")).to_contain_text("chosen: runs_fast; S above")


def test_a_map_over_other_axes_and_at_another_size_is_in_the_address(stocked, tmp_path):
    frame = stocked.open(view="winners", run="grid")
    chooser(frame, "at").select_option("B=100")
    chooser(frame, "over").select_option("D,B")
    chooser(frame, "at").select_option("S=1000")
    stocked.page.wait_for_url(re.compile("over=D%2CB.*at=S%3D1000"))
    frame = stocked.open(view="winners", run="grid", over="D,B", at="S=1000")
    frame.get_by_role("table", name="Regions").wait_for()
    expect(chooser(frame, "at")).to_have_value("S=1000")
    points = {one["name"]: one for one in traces(frame, ".map") if one["name"]}
    assert len(points["measured"]["x"]) == 8
    assert len(points["measured at other sizes"]["x"]) == 16
    stocked.page.screenshot(path=tmp_path / "slice.png", full_page=True)


def test_points_of_a_map_are_reached_by_keys_and_read_out(stocked):
    frame = stocked.open(view="winners", run="grid")
    frame.get_by_role("application", name="map of the sizes").focus()
    for key in ("ArrowUp", "Home"):
        frame.page.keyboard.press(key)
    expect(frame.locator(".said")).to_contain_text("which took")


def test_a_map_is_closed_and_opened_by_keys(stocked):
    frame = stocked.open(view="winners", run="grid")
    summary = frame.locator(".region-map summary")
    expect(frame.get_by_role("table", name="Regions")).to_be_visible()
    summary.press("Enter")
    expect(frame.get_by_role("table", name="Regions")).to_be_hidden()
    stocked.page.wait_for_url(re.compile("map=none"))
    summary.press("Enter")
    expect(frame.get_by_role("table", name="Regions")).to_be_visible()


def test_an_op_of_one_size_has_no_map(stocked):
    frame = stocked.open(view="winners", run="crossing")
    frame.locator(".winner").first.wait_for()
    expect(frame.locator(".region-map")).to_have_count(0)


@pytest.mark.parametrize("view", ["crossover", "winners"])
def test_hostile_names_are_text(stocked, view):
    frame = stocked.open(view=view, run="hostile")
    if view == "crossover":
        expect(regions(frame)).to_contain_text("wrong on <img src=x onerror")
    assert_harmless(frame)
    assert_fits(frame)
