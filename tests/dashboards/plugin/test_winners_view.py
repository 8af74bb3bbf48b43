"""The winners of every case as a browser shows them."""

from playwright.sync_api import expect


def test_every_case_has_a_winner_and_ties_are_named(synthetic, tmp_path):
    frame = synthetic.open(view="winners")
    expect(frame.locator(".winner")).to_have_count(9)
    expect(frame.locator(".winner.tied").first).to_contain_text("tied with segment_reduce")
    expect(frame.locator(".winner.none")).to_have_text("nothing was measured")
    expect(frame.locator("[role=status]").last).to_contain_text("9 cases; none is best by itself")
    synthetic.page.screenshot(path=tmp_path / "winners.png")


def test_a_click_opens_the_case(synthetic):
    frame = synthetic.open(view="winners")
    frame.locator("section", has_text="patch_pooling").locator(".winner").first.click()
    expect(frame.locator(".count")).to_have_text("4 of 41 rows")
    assert "view=leaderboard" in synthetic.page.url
    synthetic.page.go_back()
    expect(frame.locator(".winner")).to_have_count(9)
    frame.locator(".winner").first.focus()
    synthetic.page.keyboard.press("Enter")
    frame.get_by_role("button", name="show all cases").click()
    expect(frame.locator(".count")).to_have_text("32 of 41 rows")


def test_columns_may_stand_for_another_field(synthetic):
    frame = synthetic.open(view="winners")
    frame.get_by_label("columns").select_option("pass")
    expect(frame.locator("thead th").filter(has_text="backward")).to_have_count(1)
    expect(frame.locator(".winner")).to_have_count(9)
    assert "across=direction" in synthetic.page.url


def test_cases_are_filtered(synthetic):
    frame = synthetic.open(view="winners")
    frame.get_by_label("Filter cases").fill("backward large")
    expect(frame.locator(".winner")).to_have_count(1)
    frame.get_by_label("Filter cases").fill("nosuch")
    expect(frame.locator(".grids")).to_have_text("no case is meant by this")


def test_a_real_run_has_a_winner_for_every_case(real):
    frame = real.open(view="winners", run="real")
    expect(frame.locator(".winner strong")).to_have_count(4)
