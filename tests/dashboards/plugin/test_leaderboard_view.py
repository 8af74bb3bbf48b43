"""The leaderboard as a browser shows it."""

import os
import re

import pytest
from playwright.sync_api import expect

from opbench.results.records.run_folder import RunFolder
from tests.dashboards.conftest import CONTENDERS
from tests.results.examples import record


def column(frame, name):
    """The texts of a column, in the order of the rows."""
    return frame.locator(f'[data-column="{name}"]').all_inner_texts()


def header(frame, title):
    return frame.get_by_role("columnheader").get_by_role("button", name=title, exact=True)


def test_a_real_run_is_a_table_of_its_contenders(real, tmp_path):
    frame = real.open()
    expect(frame.locator(".count")).to_have_text("12 of 16 rows")
    assert set(column(frame, "contender")) >= {"loop", "index_add"}
    assert sum(verdict.startswith("best") for verdict in column(frame, "verdict")) == 4
    folded = frame.locator(".folded")
    folded.locator("summary").click()
    expect(folded).to_contain_text("triton: runs on CUDA devices only")
    real.page.screenshot(path=tmp_path / "leaderboard.png")


def test_unsupported_contenders_are_shown_on_request(real):
    frame = real.open()
    frame.get_by_label("show unsupported").check()
    expect(frame.locator(".count")).to_have_text("16 rows")
    assert column(frame, "verdict").count("unsupported") == 4
    assert "unsupported=1" in real.page.url


def test_a_click_on_a_header_sorts_and_another_turns_it_round(synthetic):
    frame = synthetic.open(filter="float32")
    header(frame, "time").click()
    heading = frame.locator('[data-name="time"]')
    expect(heading).to_have_attribute("aria-sort", "ascending")
    times = [seconds(text) for text in column(frame, "time") if text != "-"]
    assert times == sorted(times)
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    frame.wait_for_function("document.querySelector('.grid-row [data-column=time]')")
    assert seconds(column(frame, "time")[0]) == max(times)


def seconds(text):
    """The seconds that a text of a time says."""
    number, unit = text.split(" ")
    return float(number) * {"s": 1, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[unit]


def test_headers_sort_by_the_keyboard(synthetic):
    frame = synthetic.open()
    header(frame, "contender").focus()
    synthetic.page.keyboard.press("Enter")
    expect(frame.locator('[data-name="contender"]')).to_have_attribute("aria-sort", "ascending")
    contenders = column(frame, "contender")
    assert [text.rstrip("0123456789\n") for text in contenders][:3] == ["einsum"] * 3
    # The focus stays, so that the next key turns it round.
    synthetic.page.keyboard.press("Enter")
    expect(frame.locator('[data-name="contender"]')).to_have_attribute("aria-sort", "descending")


def test_every_typed_word_has_to_be_in_a_row(synthetic):
    frame = synthetic.open()
    frame.get_by_label("Filter rows").fill("einsum backward")
    expect(frame.locator(".count")).to_have_text("3 of 41 rows")
    assert {text.rstrip("0123456789\n") for text in column(frame, "contender")} == {"einsum"}


@pytest.mark.parametrize(
    ("typed", "count"),
    [
        ("contender:loop pass:backward", 3),
        ("verdict:tied", 8),
        ("ratio>5 dtype:float32", 7),
        ("ratio<5 contender:loop", 0),
        ("time>1ms", 3),
        ("nosuch:loop", 0),
    ],
)
def test_columns_and_numbers_are_filtered(synthetic, typed, count):
    frame = synthetic.open(filter=typed, unsupported="1")
    expect(frame.locator(".count")).to_have_text(f"{count} of 41 rows")


def test_a_regular_expression_filters_and_a_broken_one_is_marked(synthetic):
    frame = synthetic.open(regex="1", filter="^patch.*loop.*backward")
    expect(frame.locator(".count")).to_have_text("3 of 41 rows")
    typed = frame.get_by_label("Filter rows")
    typed.fill("(")
    expect(typed).to_have_attribute("aria-invalid", "true")
    typed.fill("loop")
    expect(typed).not_to_have_attribute("aria-invalid", "true")


def test_what_is_shown_has_an_address_that_shows_it_again(synthetic):
    frame = synthetic.open_in_tensorboard()
    frame.get_by_label("Filter rows").fill("loop")
    expect(frame.locator(".count")).to_contain_text(" of 41 rows")
    synthetic.page.wait_for_url(re.compile("filter=loop"))
    header(frame, "ratio").click()
    synthetic.page.wait_for_url(re.compile(r"/#opbench&.*filter=loop.*sort=ratio"))
    shown = column(frame, "ratio")
    parts = synthetic.page.url.partition("#opbench&")[2].split("&")
    frame = synthetic.open_in_tensorboard(**dict(part.split("=") for part in parts))
    frame.locator(".grid-row").first.wait_for()
    assert column(frame, "ratio") == shown
    assert frame.get_by_label("Filter rows").input_value() == "loop"


def test_columns_are_chosen(synthetic):
    frame = synthetic.open(filter="loop")
    frame.locator("summary", has_text="columns").click()
    frame.get_by_label("GFLOP/s").check()
    frame.get_by_label("sizes", exact=True).uncheck()
    expect(frame.locator('[data-name="gflop_per_s"]')).to_be_visible()
    expect(frame.locator('[data-name="sizes"]')).to_have_count(0)


def test_ties_and_caveats_are_plain_to_see(synthetic):
    frame = synthetic.open()
    assert column(frame, "verdict")[:3] == ["best (tied)", "tied", "slower"]
    expect(frame.locator(".footnotes li").first).to_have_text("nonfinite: 0 * NaN leaks | spreads")
    assert "1" in column(frame, "contender")[2]


def test_intervals_are_drawn_about_their_ratios(synthetic):
    frame = synthetic.open(filter="loop float32 forward")
    label = frame.locator(".bar").first.get_attribute("aria-label")
    assert re.fullmatch(r"[\d.]+x \[[\d.]+, [\d.]+\] slower", label)
    band, at = (frame.locator(f".bar {part}").first.bounding_box() for part in (".band", ".at"))
    assert band["x"] - 2 <= at["x"] <= band["x"] + band["width"] + 2


def test_a_run_that_grows_is_shown_as_it_grows(real, real_run):
    frame = real.open(filter="newcomer", run="real")
    expect(frame.locator(".count")).to_have_text("0 of 16 rows")
    size = (real_run / "records.jsonl").stat().st_size
    try:
        RunFolder(real_run).append(record("newcomer"))
        expect(frame.locator(".count")).to_have_text("1 of 17 rows")
    finally:
        os.truncate(real_run / "records.jsonl", size)
    # The other tests see the run as it was.
    expect(frame.locator(".count")).to_have_text("0 of 16 rows")


def test_the_page_is_as_dark_as_tensorboard(synthetic, tmp_path):
    frame = synthetic.open_in_tensorboard(query="?darkMode=true")
    expect(frame.locator("body")).to_have_css("background-color", "rgb(48, 48, 48)")
    synthetic.page.screenshot(path=tmp_path / "dark.png")
    # As its switch does.
    synthetic.page.evaluate("document.body.classList.remove('dark-mode')")
    expect(frame.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")


def test_it_fits_a_page_of_1280_pixels(synthetic):
    frame = synthetic.open(run="example")
    assert frame.evaluate("document.body.scrollWidth <= innerWidth")
    bar = frame.locator(".bar").first.bounding_box()
    assert bar["x"] + bar["width"] < 1280


def test_contenders_of_the_real_run_are_all_there(real):
    frame = real.open(unsupported="1")
    assert {text.rstrip("0123456789\n") for text in column(frame, "contender")} == set(CONTENDERS)
