"""The page around the views, in TensorBoard."""

from playwright.sync_api import expect

from tests.dashboards.plugin.served import plugin_server, visit


def test_a_tab_leads_to_its_view_and_back(synthetic):
    frame = synthetic.open_in_tensorboard()
    frame.get_by_role("link", name="Winners").click()
    expect(frame.locator(".winner").first).to_be_visible()
    assert "#opbench&view=winners" in synthetic.page.url
    frame.get_by_role("link", name="Environment").focus()
    synthetic.page.keyboard.press("Enter")
    expect(frame.get_by_role("table", name="Run", exact=True)).to_be_visible()
    synthetic.page.go_back()
    frame = synthetic.page.wait_for_selector("iframe").content_frame()
    expect(frame.locator(".winner").first).to_be_visible()


def test_the_address_outlives_tensorboards_other_tabs(synthetic):
    frame = synthetic.open_in_tensorboard(view="winners")
    assert frame.get_by_role("link", name="Winners").get_attribute("aria-current") == "page"
    expect(frame.locator(".winner").first).to_be_visible()


def test_without_a_run_every_view_says_what_to_do(context, tmp_path):
    with plugin_server(tmp_path) as url, visit(context, url) as visitor:
        for view in ("leaderboard", "winners", "environment"):
            frame = visitor.open(view=view)
            expect(frame.locator(".nothing")).to_contain_text("opbench run")


def test_a_run_is_chosen(synthetic):
    frame = synthetic.open()
    frame.locator(".chooser select").select_option("example")
    expect(frame.locator(".growing")).to_have_text("1 job unfinished")
    assert "run=example" in synthetic.page.url
