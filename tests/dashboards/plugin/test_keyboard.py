"""The pages without a mouse and without eyes: by keys, and by the tree that screen readers read."""

from playwright.sync_api import expect

from tests.dashboards.plugin.drawn import traces

#: Roles of what people act on or look at: without a name they are nothing to those who listen.
NAMED = {
    *("application", "button", "checkbox", "combobox", "img", "link", "searchbox", "slider"),
    *("table", "grid", "tab", "textbox", "navigation"),
}
VIEWS = (
    *("leaderboard", "winners", "crossover", "roofline"),
    *("matrix", "compare", "history", "profile", "environment"),
)


def press(frame, *keys):
    for key in keys:
        frame.page.keyboard.press(key)


def test_points_of_a_crossover_are_reached_by_arrows_and_read_out(stocked, tmp_path):
    frame = stocked.open(view="crossover", run="crossing")
    traces(frame)
    chart = frame.get_by_role("application", name="lines of the contenders")
    chart.focus()
    said = frame.locator(".said")
    press(frame, "ArrowRight")
    expect(said).to_contain_text("starts_fast: best; s0 normal float32 forward; S=1000 D=8; time")
    expect(frame.locator(".hoverlayer .hovertext").first).to_contain_text("starts_fast")
    press(frame, "ArrowLeft", "End")
    expect(said).to_contain_text("starts_fast: slower; s4")
    press(frame, "ArrowDown")
    expect(said).to_contain_text("runs_fast: best; s4")
    frame.page.screenshot(path=tmp_path / "reached.png")
    press(frame, "ArrowUp", "Home")
    expect(said).to_contain_text("starts_fast: best; s0")
    press(frame, "Escape")
    expect(said).to_have_text("")


def test_what_is_read_out_is_text(stocked):
    frame = stocked.open(view="crossover", run="hostile")
    traces(frame)
    frame.get_by_role("application").focus()
    press(frame, "ArrowRight", "ArrowDown")
    expect(frame.locator(".said")).to_contain_text("<img src=x onerror=document.title='harmed'>")
    assert frame.locator("img").count() == 0


def test_whatever_is_acted_on_has_a_name_in_every_view(stocked):
    nameless, roles = [], set()
    session = stocked.page.context.new_cdp_session(stocked.page)
    stocked.open()
    for view in VIEWS:
        stocked.turn_to(view)
        for node in session.send("Accessibility.getFullAXTree")["nodes"]:
            role = node.get("role", {}).get("value", "")
            roles.add(role)
            if role in NAMED and not node["ignored"] and not node.get("name", {}).get("value"):
                nameless.append((view, role, [p["value"] for p in node.get("properties", ())]))
    assert nameless == []
    assert {"main", "navigation", "link", "combobox", "application", "button"} <= roles
