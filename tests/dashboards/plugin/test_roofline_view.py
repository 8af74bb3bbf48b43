"""The roofline as a browser shows it."""

from playwright.sync_api import expect

from tests.dashboards.plugin.drawn import (
    assert_fits,
    assert_harmless,
    hover_first_mark,
    lines,
)

ARITHMETIC, MEMORY = '[aria-label^="arithmetic"]', '[aria-label^="bytes per second"]'


def test_a_real_run_without_ceilings_says_how_to_measure_them(real, tmp_path):
    frame = real.open(view="roofline")
    assert {"loop", "index_add", "einsum"} <= set(lines(frame, ARITHMETIC))
    if "ceiling of memory" not in lines(frame, MEMORY):
        note = frame.locator("main").get_by_role("status").first
        expect(note).to_contain_text("opbench calibrate --ceilings")
    assert_fits(frame)
    real.page.screenshot(path=tmp_path / "roofline.png")


def test_marks_lie_under_the_measured_roofs(stocked, tmp_path):
    frame = stocked.open(view="roofline", run="crossing")
    roof = lines(frame, MEMORY)["ceiling of memory"]
    assert roof["x"] == [4096, 1 << 20, 1 << 30]
    assert roof["y"] == [40, 80, 20]
    assert max(lines(frame, MEMORY)["runs_fast"]["y"]) < 80
    roofs = [name for name in lines(frame, ARITHMETIC) if "GFLOP/s" in name]
    assert roofs == [
        "main memory: 20.0 GB/s; float32: 100 GFLOP/s",
        "fastest cache: 80.0 GB/s; float32: 100 GFLOP/s",
    ]
    stocked.page.screenshot(path=tmp_path / "roofs.png")


def test_what_is_left_of_the_ceiling_is_in_the_table(stocked):
    frame = stocked.open(view="roofline", run="crossing")
    first = frame.locator(".grid-row").first
    first.wait_for()
    reached = float(first.locator('[data-column="share"]').inner_text().split("%")[0])
    left = float(first.locator('[data-column="left"]').inner_text().removesuffix("%"))
    assert abs(reached + left - 100) < 1
    label = first.locator(".share").get_attribute("aria-label")
    assert label.endswith(f"{left}% left")


def test_hovering_shows_the_work_and_the_share(stocked):
    frame = stocked.open(view="roofline", run="crossing")
    text = hover_first_mark(frame, MEMORY)
    for part in ("GFLOP/s", "operations", "ceiling", "left"):
        assert part in text


def test_hostile_names_are_text(stocked):
    frame = stocked.open(view="roofline", run="hostile")
    hover_first_mark(frame, MEMORY)
    assert_harmless(frame)
